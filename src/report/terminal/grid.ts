import { ink, type Style, type TerminalOptions } from "./ink.ts";

export interface Cell {
  text: string;
  style?: Style;
}

export interface Column {
  align: "left" | "right";
  /** Gives way (is cut with …) where the line is too long; at most one per grid. */
  flexible?: boolean;
}

const GAP = "  ";

/** Cuts to `width` columns with an ellipsis. */
export function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`;
}

export function textWidth(text: string): number {
  return [...text].length;
}

/** Lines of aligned cells; the flexible column shrinks until a line fits into the terminal. */
export function grid(columns: Column[], rows: Cell[][], options: TerminalOptions, indent = ""): string[] {
  const widths = columns.map((_, c) => Math.max(0, ...rows.map((row) => textWidth(row[c]?.text ?? ""))));
  const flexible = columns.findIndex((column) => column.flexible);
  if (flexible >= 0) {
    const fixed = widths.reduce((sum, width, c) => sum + (c === flexible ? 0 : width) + GAP.length, -GAP.length);
    widths[flexible] = Math.max(8, Math.min(widths[flexible]!, options.width - indent.length - fixed));
  }
  return rows.map((row) => {
    const cells = columns.map((column, c) => {
      const cell = row[c] ?? { text: "" };
      const text = cut(cell.text, widths[c]!);
      const space = " ".repeat(widths[c]! - textWidth(text));
      const inked = ink(text, cell.style ?? "plain", options);
      return column.align === "left" ? inked + space : space + inked;
    });
    return (indent + cells.join(GAP)).trimEnd();
  });
}

/** Total width of a grid's lines, as `grid` would lay them out without a limit. */
export function gridWidth(rows: Cell[][]): number {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  let width = -GAP.length;
  for (let c = 0; c < columns; c++) {
    width += GAP.length + Math.max(0, ...rows.map((row) => textWidth(row[c]?.text ?? "")));
  }
  return width;
}
