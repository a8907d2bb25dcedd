/** Fewer numbers are sorted as quickly without counting. */
const FEW = 4096;
/** Where the digits of a double lie: in which half of it (0: the lower), from which bit on, and how many there are. The last decides most. */
const DIGITS = [
  { half: 0, shift: 0 },
  { half: 0, shift: 11 },
  { half: 0, shift: 22 },
  { half: 1, shift: 0 },
  { half: 1, shift: 11 },
  { half: 1, shift: 22 },
] as const;
const RADIX = 1 << 11;
const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Sorts numbers in place, ascending, as `sort` of a typed array does, in less than half its time: a radix sort over the bits of doubles, whose order is
 * that of the numbers once negative ones are turned round.
 * @param values without NaN
 */
export function sortNumbers(values: Float64Array): Float64Array {
  const count = values.length;
  if (count < FEW || !isLittleEndian) return values.sort();
  let from: Float64Array = values;
  let to: Float64Array = new Float64Array(count);
  const places = new Uint32Array(RADIX);
  for (const { half, shift } of DIGITS) {
    places.fill(0);
    countDigits(wordsOf(from), half, shift, places);
    if (!countsToPlaces(places, count)) continue;
    distribute(from, half, shift, places, to);
    [from, to] = [to, from];
  }
  if (from !== values) values.set(from);
  return values;
}

/** How often a digit has each value. Functions of their own, called once a digit: long loops in one big function are compiled over and over. */
function countDigits(words: Int32Array, half: number, shift: number, counts: Uint32Array): void {
  const top = half << 31;
  for (let i = 0; i < words.length; i += 2) {
    const turned = words[i + 1]! >> 31;
    counts[((words[i + half]! ^ (turned | top)) >>> shift) & (RADIX - 1)]!++;
  }
}

/** Puts numbers to the place that their digit has, in the order in which they come. */
function distribute(from: Float64Array, half: number, shift: number, places: Uint32Array, to: Float64Array): void {
  const words = wordsOf(from);
  const top = half << 31;
  for (let i = 0; i < from.length; i++) {
    const turned = words[2 * i + 1]! >> 31;
    to[places[((words[2 * i + half]! ^ (turned | top)) >>> shift) & (RADIX - 1)]!++] = from[i]!;
  }
}

/** From counts to where the first of each goes; false where all are alike. */
function countsToPlaces(counts: Uint32Array, all: number): boolean {
  let before = 0;
  for (let value = 0; value < RADIX; value++) {
    const count = counts[value]!;
    if (count === all) return false;
    counts[value] = before;
    before += count;
  }
  return true;
}

/** The halves of doubles, the lower first (little-endian). */
function wordsOf(values: Float64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
}
