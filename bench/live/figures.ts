/** What rows of the live benchmark measure, and how it is told. */
import type { Machine } from "./measure.ts";

export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** What the project promises; null: nothing. */
  want: { atLeast: number } | { atMost: number } | null;
}

export interface LiveResult {
  row: string;
  figures: Figure[];
  /** While the row ran; null where nothing ran. */
  machine: Machine | null;
  /** Why the row could not be run. */
  unavailable: string | null;
  notes: string[];
}

export function atLeast(name: string, value: number, unit: string, wanted: number): Figure {
  return { name, value, unit, want: { atLeast: wanted } };
}

export function atMost(name: string, value: number, unit: string, wanted: number): Figure {
  return { name, value, unit, want: { atMost: wanted } };
}

export function plain(name: string, value: number, unit: string): Figure {
  return { name, value, unit, want: null };
}

export function holds({ value, want }: Figure): boolean {
  if (want === null) return true;
  return "atLeast" in want ? value >= want.atLeast : value <= want.atMost;
}

/** Markdown, as docs/performance.md has it. */
export function liveTable(results: readonly LiveResult[]): string[] {
  const lines = ["| row | figure | measured | promised | machine: lag p99, other work |", "|---|---|---|---|---|"];
  for (const { row, figures, machine, unavailable } of results) {
    if (unavailable !== null) {
      lines.push(`| ${row} | not available: ${unavailable} | | | |`);
      continue;
    }
    const beside = machine === null ? "" : `${machine.p99Ms.toFixed(1)} ms, ${machine.otherCores.toFixed(2)} cores`;
    figures.forEach((figure, i) => {
      const value = `${amount(figure.value, figure.unit)}${holds(figure) ? "" : " **(missed)**"}`;
      lines.push(
        `| ${i === 0 ? row : ""} | ${figure.name} | ${value} | ${wanted(figure)} | ${i === 0 ? beside : ""} |`,
      );
    });
  }
  return lines;
}

/** What is promised and was not measured so. */
export function missed(results: readonly LiveResult[]): string[] {
  return results.flatMap(({ row, figures }) =>
    figures
      .filter((figure) => !holds(figure))
      .map((figure) => `${row}: ${figure.name} ${amount(figure.value, figure.unit)}, promised ${wanted(figure)}`),
  );
}

function wanted({ want, unit }: Figure): string {
  if (want === null) return "";
  return "atLeast" in want ? `≥ ${amount(want.atLeast, unit)}` : `≤ ${amount(want.atMost, unit)}`;
}

function amount(value: number, unit: string): string {
  if (unit === "%") return `${value.toFixed(2)} %`;
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 3 - Math.ceil(Math.log10(Math.abs(value) + 1));
  const text = value.toLocaleString("en", { maximumFractionDigits: Math.max(0, digits) });
  return unit === "" ? text : `${text} ${unit}`;
}
