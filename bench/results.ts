import type { compareSummaries } from "#src/conformance";
import type { Measurement, UnderstudyMeasurement } from "./processes.ts";
import type { BenchRow } from "./rows.ts";

/** All measurements of a row; `theirs` are empty and `summary` is null without DynoSim. */
export interface RowResult {
  row: BenchRow;
  ours: UnderstudyMeasurement[];
  theirs: Measurement[];
  theirsSummaryOnly: Measurement[];
  summary: ReturnType<typeof compareSummaries> | null;
}

/** Peak resident memory at 100,000 requests, bytes: a third of DynoSim's 470 MB (1 worker, c64, without per-request output). */
const MEMORY_PROMISE_BYTES = 470e6 / 3;
/** What promises are about: with fewer requests, start-up is most of the cost. */
const PROMISE_REQUESTS = 100_000;
/** Least share of the passes in which the batch can't change that must be skipped. */
const SKIP_PROMISE = 0.9;
/** Cost per request at OSL 1000 over that at OSL 100. */
const LENGTH_PROMISE = 2;

/** Median of the CPU seconds of whole processes. */
function cpuSeconds(measurements: readonly Measurement[]): number {
  return median(measurements.map((measurement) => measurement.processCpuSeconds));
}

/** DynoSim's CPU seconds over ours; NaN where it was not measured. */
function ratio({ ours, theirs }: RowResult): number {
  return theirs.length === 0 ? Number.NaN : cpuSeconds(theirs) / cpuSeconds(ours);
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function peakBytes(measurements: readonly Measurement[]): number {
  return Math.max(...measurements.map((measurement) => measurement.peakRssBytes));
}

function skippedShare({ steadyPasses, skippedPasses }: UnderstudyMeasurement): number {
  return skippedPasses / steadyPasses;
}

/** The table for people, one line a row. */
export function resultTable(results: readonly RowResult[]): string[] {
  const against = results.some(({ theirs }) => theirs.length > 0);
  const head = ["row", "CPU s", "requests/CPU s", "Mpasses/CPU s", "peak MB", "skipped"];
  if (against) head.push("DynoSim CPU s", "ratio", "without rows", "ratio", "peak MB", "summary");
  const body = results.map((result) => [...ourCells(result), ...(against ? theirCells(result) : [])]);
  const widths = head.map((title, i) => Math.max(title.length, ...body.map((cells) => cells[i]!.length)));
  const line = (cells: string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  return [line(head), ...body.map(line)];
}

function ourCells({ row, ours }: RowResult): string[] {
  const seconds = cpuSeconds(ours);
  const first = ours[0]!;
  return [
    row.name,
    seconds.toFixed(2),
    Math.round(row.args.request_count / seconds).toLocaleString("en"),
    (first.passes / median(ours.map((measurement) => measurement.runCpuSeconds)) / 1e6).toFixed(2),
    (peakBytes(ours) / 1e6).toFixed(0),
    `${(100 * skippedShare(first)).toFixed(1)}%`,
  ];
}

function theirCells(result: RowResult): string[] {
  const { ours, theirs, theirsSummaryOnly, summary } = result;
  const own = cpuSeconds(ours);
  return [
    cpuSeconds(theirs).toFixed(2),
    `${ratio(result).toFixed(1)}×`,
    cpuSeconds(theirsSummaryOnly).toFixed(2),
    `${(cpuSeconds(theirsSummaryOnly) / own).toFixed(1)}×`,
    (peakBytes(theirs) / 1e6).toFixed(0),
    summary!.firstDifference === null ? `equal to ${summary!.largestRelativeError.toExponential(0)}` : "DIFFERS",
  ];
}

/** What the project promises and these figures break. */
export function brokenPromises(results: readonly RowResult[]): string[] {
  return results.flatMap((result) => {
    const { row, ours, summary } = result;
    const broken: string[] = [];
    const requests = row.args.request_count;
    const found = ratio(result);
    if (row.promisedRatio !== undefined && isWhole(row) && found < row.promisedRatio) {
      broken.push(`${row.name}: ${found.toFixed(1)}× of DynoSim's speed, promised ${row.promisedRatio}×`);
    }
    if (summary !== null && summary.firstDifference !== null) broken.push(`${row.name}: ${summary.firstDifference}`);
    const peak = peakBytes(ours);
    const memoryCounts =
      row.promisedRatio !== undefined &&
      requests <= PROMISE_REQUESTS &&
      row.trace === undefined &&
      row.router === undefined;
    if (memoryCounts && peak > MEMORY_PROMISE_BYTES) {
      broken.push(`${row.name}: ${(peak / 1e6).toFixed(0)} MB, promised ${(MEMORY_PROMISE_BYTES / 1e6).toFixed(0)} MB`);
    }
    const share = skippedShare(ours[0]!);
    if (!(share >= SKIP_PROMISE)) {
      broken.push(
        `${row.name}: ${(100 * share).toFixed(1)}% of the steady passes skipped, promised ${100 * SKIP_PROMISE}%`,
      );
    }
    return [...broken, ...longOutputs(result, results)];
  });
}

/** As large as what is promised of it. */
function isWhole({ args, trace }: BenchRow): boolean {
  return trace !== undefined || args.request_count >= PROMISE_REQUESTS;
}

/** A row that differs from another in nothing but its output length, which is ten times as long. */
function longOutputs({ row, ours }: RowResult, results: readonly RowResult[]): string[] {
  const short = results.find(
    (other) =>
      other.row.args.output_tokens * 10 === row.args.output_tokens &&
      JSON.stringify([other.row.kwargs, other.row.engines]) === JSON.stringify([row.kwargs, row.engines]),
  );
  if (short === undefined) return [];
  const factor = cpuSeconds(ours) / cpuSeconds(short.ours);
  if (factor < LENGTH_PROMISE) return [];
  return [`${row.name}: costs ${factor.toFixed(2)}× of ${short.row.name}, promised less than ${LENGTH_PROMISE}×`];
}
