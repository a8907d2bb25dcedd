import { fixed, plain, plural, significant } from "./numbers.ts";
import { type CostRow, type CostUnit, costValue, type EngineRow } from "./rows.ts";

/** The one message of each chart. */

export function engineTitle(phase: "prefill" | "decode", rows: readonly EngineRow[], limitMs: number): string {
  const time = phase === "prefill" ? "TTFT" : "ITL";
  const limit = `${plain(limitMs)} ms`;
  const best = bestEngine(rows);
  if (best === undefined) return `No ${phase} configuration was profiled`;
  const name = engineName(best);
  if (!best.keeps) {
    return `No ${phase} configuration keeps ${time} within ${limit}: ${name} comes closest, with ${significant(best.latencyMs)} ms`;
  }
  const kept = rows.filter((row) => row.keeps).length;
  const rate = `${significant(best.throughputPerGpu)} tokens/s per GPU`;
  return rows.length === 1
    ? `${name} keeps ${time} within ${limit}, at ${rate}`
    : `${name} does the most within ${limit} of ${time}: ${rate} (${kept} of ${rows.length} keep it)`;
}

export function costTitle(rows: readonly CostRow[], unit: CostUnit): string {
  const best = cheapest(rows);
  if (best === undefined) return "No pair of prefill and decode configurations to compare";
  const pair = `${best.prefill.mapping} with ${engineName(best.decode)}`;
  const what = `${costText(best, unit)} for 1,000 requests`;
  if (!best.keeps) return `No pair keeps both targets; the cheapest, ${pair}, takes ${what}`;
  return `${pair} is the cheapest that keeps both targets: ${what}`;
}

/** `TP=4 at 24 requests` */
export function engineName(row: EngineRow): string {
  return row.concurrency === null ? row.mapping : `${row.mapping} at ${plural(row.concurrency, "request")}`;
}

/** `0.432 GPU hours`, `$1.30` */
export function costText(row: CostRow, unit: CostUnit): string {
  const value = costValue(row, unit);
  return unit.inDollars ? `$${fixed(value, value < 1 ? 3 : 2)}` : `${significant(value)} GPU hours`;
}

/** Within the target the most throughput, else the shortest time. */
export function bestEngine(rows: readonly EngineRow[]): EngineRow | undefined {
  const kept = rows.filter((row) => row.keeps);
  return kept.length > 0
    ? kept.reduce((best, row) => (row.throughputPerGpu > best.throughputPerGpu ? row : best))
    : rows.reduce<EngineRow | undefined>(
        (best, row) => (best && best.latencyMs <= row.latencyMs ? best : row),
        undefined,
      );
}

/** The fewest GPU hours of those that keep both targets, else of all. */
export function cheapest(rows: readonly CostRow[]): CostRow | undefined {
  return [...rows].sort(byAnswer)[0];
}

/** Those that keep both targets first, the cheapest of them at the top. */
export function byAnswer(one: CostRow, other: CostRow): number {
  return Number(other.keeps) - Number(one.keeps) || one.gpuHours - other.gpuHours;
}
