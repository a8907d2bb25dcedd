import type { SupportFile } from "../src/estimator/support/file.ts";

/** Model, system, backend, version, mode, status: a row of the package's support matrix. */
export type SupportRow = [string, string, string, string, string, string];

/** What passes, as short as it can be said: model by model a bit for each (system, backend, version, mode). */
export function packSupport(rows: readonly SupportRow[]): SupportFile {
  const passing = rows.filter(([, , , , , status]) => status === "PASS");
  const cells = [...new Set(passing.map(([, ...cell]) => cell.slice(0, 4).join(" ")))].sort();
  const models: Record<string, string> = {};
  for (const model of [...new Set(passing.map(([id]) => id))].sort()) {
    const own = new Set(passing.filter(([id]) => id === model).map(([, ...cell]) => cell.slice(0, 4).join(" ")));
    models[model] = cells.map((cell) => (own.has(cell) ? "1" : "0")).join("");
  }
  return { cells, models };
}
