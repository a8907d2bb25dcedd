/**
 * Rows of latencies as one short string. A latency is the nearest multiple of `step` on a logarithmic scale; a character says by
 * how much it differs from what its left and upper neighbours let expect; deflate does the rest.
 */

const HOLE = "~";
const ESCAPE = "|";
/** Printable ASCII without what JSON escapes and the two signs above; the middle one means "as expected". */
const DIGITS = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))
  .filter((digit) => !`"\\${HOLE}${ESCAPE}`.includes(digit))
  .join("");
const ZERO = (DIGITS.length - 1) / 2;
const VALUES = new Int16Array(128);
for (let i = 0; i < DIGITS.length; i++) VALUES[DIGITS.charCodeAt(i)] = i - ZERO;

/** @param rows microseconds, null where nothing was measured; all rows of one length */
export function packRows(rows: readonly (readonly (number | null)[])[], step: number): string {
  let text = "";
  let above: number[] | undefined;
  for (const row of rows) {
    const current: number[] = [];
    for (const [column, us] of row.entries()) {
      const expected = expectation(current, above, column);
      if (us === null) {
        text += HOLE;
        current.push(expected);
        continue;
      }
      const value = Math.round(Math.log(us) / step);
      const off = value - expected;
      text += Math.abs(off) <= ZERO ? DIGITS[off + ZERO]! : `${ESCAPE}${off}${ESCAPE}`;
      current.push(value);
    }
    above = current;
  }
  return text;
}

/** The rows one after the other, microseconds, NaN where nothing was measured. */
export function unpackRows(text: string, columns: number, step: number): Float64Array {
  const values: number[] = [];
  let above: number[] | undefined;
  let current: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const expected = expectation(current, above, current.length);
    const sign = text[at]!;
    if (sign === HOLE) {
      values.push(Number.NaN);
      current.push(expected);
    } else {
      let off: number;
      if (sign === ESCAPE) {
        const end = text.indexOf(ESCAPE, at + 1);
        off = Number(text.slice(at + 1, end));
        at = end;
      } else {
        off = VALUES[text.charCodeAt(at)]!;
      }
      values.push(Math.exp((expected + off) * step));
      current.push(expected + off);
    }
    if (current.length === columns) {
      above = current;
      current = [];
    }
  }
  return Float64Array.from(values);
}

/** The left neighbour, moved as the row above moved. */
function expectation(current: readonly number[], above: readonly number[] | undefined, column: number): number {
  if (column === 0) return above?.[0] ?? 0;
  const moved = above ? above[column]! - above[column - 1]! : 0;
  return current[column - 1]! + moved;
}
