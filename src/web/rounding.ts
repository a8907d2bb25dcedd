/**
 * Rounds a number to so many decimals as Python's `round` does: the nearest decimal of the exact binary value, and to an even last
 * digit where two are equally near, which is the case for odd multiples of 2^-(digits + 1) alone.
 */
export function roundDecimals(value: number, digits: number): number {
  const halves = value * 2 ** (digits + 1);
  const isTie = Number.isInteger(halves) && halves % 2 !== 0;
  if (!isTie) return Number(value.toFixed(digits));
  const factor = 10 ** digits;
  const below = Math.floor(value * factor);
  return (below % 2 === 0 ? below : below + 1) / factor;
}

/** A number as Python prints a float: `200.0`, `12.5`. */
export function floatText(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
