import { styleText } from "node:util";

/**
 * Rows of text as aligned columns; the first row is the head. Columns whose cells are all numbers (with a unit or not)
 * align right.
 */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = head.map((title, c) => ({
    width: Math.max(title.length, ...rows.map((row) => (row[c] ?? "").length)),
    right: rows.length > 0 && rows.every((row) => /^[-+]?[\d.,]+( ?\S{1,4})?$|^–?$/.test(row[c] ?? "")),
  }));
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ width, right }, c) => (right ? (cells[c] ?? "").padStart(width) : (cells[c] ?? "").padEnd(width)))
      .join("  ")
      .trimEnd();
  return [styleText("dim", line(head)), ...rows.map(line)].map((text) => `${text}\n`).join("");
}
