/**
 * The random stream of Rust's `StdRng::seed_from_u64` (rand 0.8–0.9): ChaCha with 12 rounds (Bernstein 2008) keyed by a
 * PCG32 expansion of a 64-bit seed (O'Neill 2014), block counter from 0, stream 0. What Rust programs draw from a seed can
 * be drawn again here, word by word.
 */
export interface StdRng {
  /** Next 32-bit word, unsigned. */
  nextU32(): number;
  /** Uniform in [0, 1): the top 53 bits of the next two words, low word first. */
  nextDouble(): number;
}

const ROUNDS = 12;
const WORDS = 16;

/** @param seed whole number of 0 … 2^64 − 1 */
export function stdRng(seed: number | bigint): StdRng {
  const input = new Uint32Array(WORDS);
  // "expand 32-byte k"
  input.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  input.set(expandSeed(BigInt(seed)), 4);
  const block = new Uint32Array(WORDS);
  let used = WORDS;

  const nextU32 = () => {
    if (used === WORDS) {
      chachaBlock(input, block);
      input[12]!++;
      if (input[12] === 0) input[13]!++;
      used = 0;
    }
    return block[used++]!;
  };
  return {
    nextU32,
    nextDouble: () => {
      const low = nextU32();
      const high = nextU32();
      return (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
    },
  };
}

/** Eight key words from the seed by PCG32 (XSH-RR), as `rand_core::SeedableRng::seed_from_u64`. */
function expandSeed(seed: bigint): number[] {
  const mask = (1n << 64n) - 1n;
  let state = seed & mask;
  return Array.from({ length: 8 }, () => {
    state = (state * 6364136223846793005n + 11634580027462260723n) & mask;
    const word = Number((((state >> 18n) ^ state) >> 27n) & 0xffffffffn);
    const rotation = Number(state >> 59n);
    return ((word >>> rotation) | (word << (32 - rotation))) >>> 0;
  });
}

function chachaBlock(input: Uint32Array, output: Uint32Array): void {
  output.set(input);
  for (let round = 0; round < ROUNDS; round += 2) {
    quarterRound(output, 0, 4, 8, 12);
    quarterRound(output, 1, 5, 9, 13);
    quarterRound(output, 2, 6, 10, 14);
    quarterRound(output, 3, 7, 11, 15);
    quarterRound(output, 0, 5, 10, 15);
    quarterRound(output, 1, 6, 11, 12);
    quarterRound(output, 2, 7, 8, 13);
    quarterRound(output, 3, 4, 9, 14);
  }
  for (let i = 0; i < WORDS; i++) output[i]! += input[i]!;
}

function quarterRound(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  x[a]! += x[b]!;
  x[d] = rotateLeft(x[d]! ^ x[a]!, 16);
  x[c]! += x[d]!;
  x[b] = rotateLeft(x[b]! ^ x[c]!, 12);
  x[a]! += x[b]!;
  x[d] = rotateLeft(x[d]! ^ x[a]!, 8);
  x[c]! += x[d]!;
  x[b] = rotateLeft(x[b]! ^ x[c]!, 7);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
