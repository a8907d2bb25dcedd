/** Fewer numbers are sorted as quickly without counting. */
const FEW = 4096;
/** Bits of a digit; six digits are a double, of which the highest has two bits less. */
const DIGIT_BITS = 11;
const DIGITS = 6;
const RADIX = 1 << DIGIT_BITS;
const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Sorts numbers in place, ascending, as `sort` of a typed array does, in less than half its time: a radix sort over the bits of doubles, whose order is
 * that of the numbers once negative ones are turned round.
 * @param values without NaN
 */
export function sortNumbers(values: Float64Array): Float64Array {
  const count = values.length;
  if (count < FEW || !isLittleEndian) return values.sort();
  const places = digitCounts(values);
  let from: Float64Array = values;
  let to: Float64Array = new Float64Array(count);
  for (let digit = 0; digit < DIGITS; digit++) {
    const place = places.subarray(digit * RADIX, (digit + 1) * RADIX);
    if (!countsToPlaces(place, count)) continue;
    const words = wordsOf(from);
    for (let i = 0; i < count; i++) {
      const turned = words[2 * i + 1]! >> 31;
      const high = words[2 * i + 1]! ^ (turned | 0x80000000);
      to[place[digitOf(words[2 * i]! ^ turned, high, digit)]!++] = from[i]!;
    }
    [from, to] = [to, from];
  }
  if (from !== values) values.set(from);
  return values;
}

/** How often each digit has each value. */
function digitCounts(values: Float64Array): Uint32Array {
  const counts = new Uint32Array(DIGITS * RADIX);
  const words = wordsOf(values);
  for (let i = 0; i < values.length; i++) {
    const turned = words[2 * i + 1]! >> 31;
    const high = words[2 * i + 1]! ^ (turned | 0x80000000);
    const low = words[2 * i]! ^ turned;
    for (let digit = 0; digit < DIGITS; digit++) counts[digit * RADIX + digitOf(low, high, digit)]!++;
  }
  return counts;
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

function digitOf(low: number, high: number, digit: number): number {
  switch (digit) {
    case 0:
      return low & (RADIX - 1);
    case 1:
      return (low >>> 11) & (RADIX - 1);
    case 2:
      return ((low >>> 22) | (high << 10)) & (RADIX - 1);
    case 3:
      return (high >>> 1) & (RADIX - 1);
    case 4:
      return (high >>> 12) & (RADIX - 1);
    default:
      return high >>> 23;
  }
}

/** The halves of doubles, the lower first (little-endian). */
function wordsOf(values: Float64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
}
