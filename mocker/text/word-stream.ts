import type { Tokenizer, WordStream } from "./types.ts";

const TABLE_BITS = 13;
const TABLE_SIZE = 2 ** TABLE_BITS;

/** What streams need of a tokenizer's words, laid out for speed. */
interface WordTable {
  ids: Int32Array;
  texts: string[];
  /** Index of a word by a random number of TABLE_BITS: frequent words own more entries. */
  byChance: Uint16Array;
}

const tables = new WeakMap<Tokenizer, WordTable>();

export function wordTable(tokenizer: Tokenizer): WordTable {
  let table = tables.get(tokenizer);
  if (table === undefined) {
    table = {
      ids: Int32Array.from(tokenizer.words, (word) => word.id),
      texts: tokenizer.words.map((word) => word.text),
      byChance: shares(tokenizer.words.length),
    };
    tables.set(tokenizer, table);
  }
  return table;
}

/** Shares of TABLE_SIZE entries by rank, proportional to 1 / (rank + 2.7): Mandelbrot's form of Zipf's law. */
function shares(count: number): Uint16Array {
  const weights = Array.from({ length: count }, (_, rank) => 1 / (rank + 2.7));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const entries = new Uint16Array(TABLE_SIZE);
  let rank = 0;
  let reached = weights[0]! / total;
  for (let i = 0; i < TABLE_SIZE; i++) {
    while ((i + 0.5) / TABLE_SIZE > reached && rank < count - 1) reached += weights[++rank]! / total;
    entries[i] = rank;
  }
  return entries;
}

/** 32 well-mixed bits of 32 (the finaliser of MurmurHash3, Appleby 2011). */
export function mix32(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85_eb_ca_6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2_b2_ae_35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A seed of any kind as 32 bits. */
export function seedBits(seed: number | string): number {
  if (typeof seed === "number") {
    // Integers by their 64 bits, fractions by their digits.
    if (Number.isInteger(seed)) return mix32((seed >>> 0) ^ mix32(Math.floor(seed / 2 ** 32) | 0));
    return seedBits(String(seed));
  }
  let h = 0x81_1c_9d_c5;
  for (let i = 0; i < seed.length; i++) h = Math.imul(h ^ seed.charCodeAt(i), 0x01_00_01_93);
  return mix32(h);
}

/** Index into the words of token `index` of the stream with these seed bits. */
export function chosenWord(table: WordTable, bits: number, index: number): number {
  return table.byChance[mix32(bits ^ Math.imul(index + 1, 0x9e_37_79_b1)) >>> (32 - TABLE_BITS)]!;
}

/**
 * An endless sequence of words, some frequent and most rare as in English. Any position is had at once and without
 * allocation; the same tokenizer, seed and position give the same word on every machine.
 */
export function wordStream(tokenizer: Tokenizer, seed: number | string): WordStream {
  const table = wordTable(tokenizer);
  const bits = seedBits(seed);
  const bare = tokenizer.prependsSpace === true;
  return {
    id: (index) => table.ids[chosenWord(table, bits, index)]!,
    text: (index) => {
      const text = table.texts[chosenWord(table, bits, index)]!;
      return bare && index === 0 ? text.slice(1) : text;
    },
  };
}
