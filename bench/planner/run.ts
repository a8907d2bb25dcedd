/** `npm run bench -- --planner`: what a planner's tick costs, a simulated day, and whether memory stays flat over a month of ticks. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { measure } from "../processes.ts";
import { PLANNER_CASES } from "./cases.ts";

export interface TickRow {
  name: string;
  /** CPU of a tick, mean, and wall time, ms. */
  cpuMs: number;
  wallMs: { median: number; p99: number; max: number };
}

export interface DayRow {
  name: string;
  wallSeconds: number;
  cpuSeconds: number;
  requests: number;
  ticks: number;
  peakRssBytes: number;
}

export interface HeapRow {
  name: string;
  /** Heap in use after garbage collection at the end of each day. */
  heapBytes: number[];
}

export interface PlannerResults {
  ticks: TickRow[];
  days: DayRow[];
  heaps: HeapRow[];
}

export interface PlannerBenchOptions {
  /** Rows whose name contains it. */
  only: string;
  /** Days of ticks over which the heap is watched. */
  days: number;
  json: string | null;
  progress: (text: string) => void;
}

const WORKERS = 1000;
/** Forward passes that a tick's observation has of each worker, and that a strategy's history holds, at least. */
const PASSES = 64;
const TICKS = 64;
const PROMISED_TICK_MS = 20;
const PROMISED_DAY_SECONDS = 30;
/** Days until histories, rings and compiled code have their size. */
const WARM_UP_DAYS = 4;
const PROMISED_HEAP_GROWTH = 0.1;

/** Prints tables. @returns whether the promises hold */
export async function runPlannerBench({ only, days, json, progress }: PlannerBenchOptions): Promise<boolean> {
  const cases = PLANNER_CASES.filter(({ name }) => name.includes(only));
  const results: PlannerResults = { ticks: [], days: [], heaps: [] };
  for (const { name } of cases) {
    progress(`${name}: ticks`);
    results.ticks.push({ name, ...(await measured<Omit<TickRow, "name">>("ticks", name, [WORKERS, PASSES, TICKS])) });
  }
  for (const { name } of cases.filter(({ planner }) => planner.strategy !== "static")) {
    progress(`${name}: a day`);
    results.days.push({ name, ...(await measured<Omit<DayRow, "name">>("simulation", name, [24])) });
  }
  for (const { name } of cases) {
    progress(`${name}: ${days} days of ticks`);
    results.heaps.push({ name, ...(await measured<{ heapBytes: number[] }>("days", name, [days])) });
  }
  if ("static".includes(only)) {
    progress(`the service: ${days} days of ticks`);
    const heaps = await measured<{ heapBytes: number[] }>("service", "static", [days]);
    results.heaps.push({ name: "the service, 50,000 ticks kept", ...heaps });
  }
  progress("");
  console.log(plannerTables(results).join("\n"));
  if (json !== null) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
  const broken = brokenPlannerPromises(results);
  for (const line of broken) console.log(`BROKEN  ${line}`);
  return broken.length === 0;
}

export function plannerTables({ ticks, days, heaps }: PlannerResults): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
    rows.length === 0 ? [] : [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line), ""];
  const mb = (bytes: number | undefined) => (bytes === undefined ? "–" : (bytes / 1e6).toFixed(1));
  return [
    ...table(
      ["tick of 1,000 workers", "CPU ms", "median ms", "p99 ms"],
      ticks.map(({ name, cpuMs, wallMs }) => [name, cpuMs.toFixed(2), wallMs.median.toFixed(2), wallMs.p99.toFixed(2)]),
    ),
    ...table(
      ["a simulated day", "requests", "ticks", "CPU s", "s", "peak MB"],
      days.map(({ name, requests, ticks: count, cpuSeconds, wallSeconds, peakRssBytes }) => [
        name,
        requests.toLocaleString("en"),
        count.toLocaleString("en"),
        cpuSeconds.toFixed(1),
        wallSeconds.toFixed(1),
        (peakRssBytes / 1e6).toFixed(0),
      ]),
    ),
    ...table(
      ["heap after days of ticks, MB", "1", "4", "10", "20", "30"],
      heaps.map(({ name, heapBytes }) => [name, ...[1, 4, 10, 20, 30].map((day) => mb(heapBytes[day - 1]))]),
    ),
  ];
}

/** What the project promises and these figures break. */
export function brokenPlannerPromises({ ticks, days, heaps }: PlannerResults): string[] {
  const broken: string[] = [];
  for (const { name, cpuMs } of ticks) {
    if (!(cpuMs < PROMISED_TICK_MS))
      broken.push(`${name}: a tick takes ${cpuMs.toFixed(1)} ms of CPU, promised ${PROMISED_TICK_MS}`);
  }
  for (const { name, cpuSeconds } of days) {
    if (!(cpuSeconds < PROMISED_DAY_SECONDS)) {
      broken.push(`${name}: a day takes ${cpuSeconds.toFixed(1)} s of CPU, promised ${PROMISED_DAY_SECONDS}`);
    }
  }
  for (const { name, heapBytes } of heaps) {
    const settled = heapBytes.slice(WARM_UP_DAYS - 1);
    if (settled.length < 2) continue;
    const growth = settled.at(-1)! / settled[0]! - 1;
    if (growth > PROMISED_HEAP_GROWTH) {
      broken.push(`${name}: the heap grows by ${(100 * growth).toFixed(0)} % after day ${WARM_UP_DAYS}, promised none`);
    }
  }
  return broken;
}

async function measured<Result>(what: string, name: string, numbers: readonly number[]): Promise<Result> {
  const script = fileURLToPath(new URL("planner-process.ts", import.meta.url));
  return (await measure(process.execPath, ["--expose-gc", script, what, name, ...numbers.map(String)])) as Result;
}
