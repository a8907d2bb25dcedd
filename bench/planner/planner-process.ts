/**
 * One measurement of a planner in a process of its own: `node --expose-gc planner-process.ts WHAT "CASE" [NUMBERS…]`; prints JSON.
 *
 *     ticks CASE WORKERS PASSES TICKS   what a tick costs, after as many ticks to warm up
 *     days CASE DAYS                    heap after each simulated day of ticks of a small deployment
 *     service CASE DAYS                 the same with the service round the planner, on a clock that does not wait
 *     simulation CASE HOURS             a simulated day (or part of it) with workers and requests
 */
import { createHistogram, performance } from "node:perf_hooks";
import type { Clock } from "#common";
import { AdvisoryConnector } from "#planner/connectors";
import { plannerConfigSchema } from "#planner/core";
import { PlannerService } from "#planner/service";
import { parseScenario } from "#scenarios";
import { prepareRehearsal } from "#src/rehearsal";
import { attainment } from "#src/report";
import { caseNamed, dayScenario, INTERVAL_S, observations, plannerOf } from "./cases.ts";

const [what, name, ...numbers] = process.argv.slice(2);
/** Workers of the deployment whose days are simulated; no tick lasts longer than the deadline. */
const SMALL_DEPLOYMENT = 20;
const TICKS_A_DAY = 86_400 / INTERVAL_S;
const DEADLINE_MS = 30_000;
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error("run with --expose-gc");
const each = caseNamed(name!);

if (what === "ticks") ticks(...(numbers.map(Number) as [number, number, number]));
else if (what === "days") days(Number(numbers[0]));
else if (what === "service") await service(Number(numbers[0]));
else if (what === "simulation") simulation(Number(numbers[0]));
else throw new Error(`no measurement ${what}`);

function ticks(workers: number, passes: number, count: number): void {
  const planner = plannerOf(each);
  const observe = observations(each, workers, passes);
  for (let tick = 0; tick < count; tick++) planner.tick(observe(tick));
  collect!();
  const wall = createHistogram();
  let cpuMicroseconds = 0;
  for (let tick = count; tick < 2 * count; tick++) {
    const observation = observe(tick);
    const before = process.cpuUsage();
    const startMs = performance.now();
    planner.tick(observation);
    wall.record(Math.max(1, Math.round((performance.now() - startMs) * 1e6)));
    const { user, system } = process.cpuUsage(before);
    cpuMicroseconds += user + system;
  }
  const ms = (nanoseconds: number) => nanoseconds / 1e6;
  print({
    cpuMs: cpuMicroseconds / count / 1000,
    wallMs: { median: ms(wall.percentile(50)), p99: ms(wall.percentile(99)), max: ms(wall.max) },
  });
}

function days(count: number): void {
  const planner = plannerOf(each);
  const observe = observations(each, SMALL_DEPLOYMENT, 1);
  const heapBytes: number[] = [];
  for (let day = 0; day < count; day++) {
    for (let tick = day * TICKS_A_DAY; tick < (day + 1) * TICKS_A_DAY; tick++) planner.tick(observe(tick));
    heapBytes.push(usedHeap());
    progress(day, count);
  }
  print({ heapBytes, cpuSeconds: cpuSeconds() });
}

/** The service ticks as fast as it can: whoever sleeps wakes at once, at the time for which he wanted to be woken. */
async function service(count: number): Promise<void> {
  const observe = observations(each, SMALL_DEPLOYMENT, 1);
  const heapBytes: number[] = [];
  let nowMs = 0;
  let ended = () => {};
  const end = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const clock: Clock = {
    timeScale: 1,
    nowMs: () => nowMs,
    waitMs: (atMs) => Math.max(0, atMs - nowMs),
    toUnixMs: (atMs) => atMs,
    fromUnixMs: (unixMs) => unixMs,
  };
  const made = new PlannerService({
    planner: plannerOf(each),
    source: {
      observe: async () => observe(Math.round(nowMs / 1000 / INTERVAL_S) - 1),
      problems: [],
      close: async () => {},
    },
    connector: new AdvisoryConnector({ roles: ["prefill", "decode"], workers: { prefill: 10, decode: 10 } }),
    clock,
    async sleep(ms, signal) {
      // A deadline of the tick under way waits for its end; the sleep between ticks is over at once.
      if (ms === DEADLINE_MS) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      else nowMs += ms;
      // As in life, the event loop gets its turn; what weak references hold is kept until then.
      await new Promise((resolve) => setImmediate(resolve));
    },
    gpusPerWorker: { prefill: 1, decode: 1 },
    advisory: false,
    tickMaxDurationMs: DEADLINE_MS,
    log: { info: () => {}, warn: () => {} },
    onSnapshot: ({ tick }) => {
      if (tick % TICKS_A_DAY !== 0) return;
      heapBytes.push(usedHeap());
      progress(heapBytes.length - 1, count);
      if (heapBytes.length === count) ended();
    },
  });
  await made.start();
  await end;
  await made.stop();
  print({ heapBytes, cpuSeconds: cpuSeconds() });
}

function simulation(hours: number): void {
  const scenario = parseScenario(dayScenario(each, hours), "day.yaml", { plannerSchema: plannerConfigSchema });
  const startMs = performance.now();
  const rehearsal = prepareRehearsal(scenario);
  const record = rehearsal.run();
  print({
    wallSeconds: (performance.now() - startMs) / 1000,
    cpuSeconds: cpuSeconds(),
    requests: rehearsal.workload.count,
    ticks: record.decisions.length,
    attainment: attainment(record).attainment.share,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  });
}

function usedHeap(): number {
  collect!();
  return process.memoryUsage().heapUsed;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function progress(day: number, count: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${each.name}: day ${day + 1} of ${count}`);
}

function print(result: unknown): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
