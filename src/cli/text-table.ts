import { styleText } from "node:util";

const NUMBER = String.raw`[-−+]?[\d.,]+( ?[^\s±]{1,4})?`;
const NUMERIC = new RegExp(`^${NUMBER}( ± ${NUMBER})?$|^–?$`);

/**
 * Rows of text as aligned columns; the first row is the head. Columns whose cells are all numbers (with a unit, an interval, or none)
 * align right.
 */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = head.map((title, c) => ({
    width: Math.max(title.length, ...rows.map((row) => (row[c] ?? "").length)),
    right: rows.length > 0 && rows.every((row) => NUMERIC.test(row[c] ?? "")),
  }));
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ width, right }, c) => (right ? (cells[c] ?? "").padStart(width) : (cells[c] ?? "").padEnd(width)))
      .join("  ")
      .trimEnd();
  return [styleText("dim", line(head)), ...rows.map(line)].map((text) => `${text}\n`).join("");
}
