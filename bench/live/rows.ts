/** The rows of the live benchmark: what is run, and what is promised of it. docs/performance.md tells how each is measured. */
import type { BaselinePlan } from "./baseline-process.ts";
import { Child } from "./child.ts";
import { type Comparable, startDynamo, startFakeai } from "./comparable.ts";
import { atLeast, atMost, type Figure, type LiveResult, plain } from "./figures.ts";
import { errorPercent, type Measured, mean, measure, PLAN, quantile, sum } from "./measure.ts";
import { startFrontend, startWorkers, WORKER, withServers } from "./servers.ts";
import type { StreamsPlan } from "./streams-process.ts";

export interface LiveRow {
  name: string;
  /** @param scale of the row's length: 1 is what promises are about */
  run(scale: number): Promise<LiveResult>;
}

/** Prompts of all streams arrive while these chunks are computed, so that one pass takes all of them. */
const PRIMER_ISL = 20 * WORKER.maxNumBatchedTokens;
const WARM_UP_REQUESTS = 500;
const FRONTEND_STREAMS = 250;

const tokensFor = (seconds: number, itlMs: number, scale: number) =>
  Math.max(20, Math.round((seconds * 1000 * scale) / itlMs));

export const LIVE_ROWS: readonly LiveRow[] = [
  { name: "bare Node loop, 500 streams, ITL 10 ms", run: (scale) => baseline(500, scale) },
  { name: "worker, 500 streams, ITL 10 ms", run: (scale) => paced(500, scale, 60_000) },
  { name: "worker, 1,000 streams, ITL 10 ms", run: (scale) => paced(1000, scale, null) },
  { name: "worker, speed-up 0, 500 streams", run: unpaced },
  { name: "frontend, 250 streams, ITL 10 ms", run: pacedFrontend },
  { name: "frontend, speed-up 0, 250 streams", run: unpacedFrontend },
  { name: "first token, 1 stream", run: (scale) => firstToken(1, scale) },
  { name: "first token, 100 streams", run: (scale) => firstToken(100, scale) },
  { name: "10,000 streams, ITL 250 ms", run: manyStreams },
  { name: "2,500 workers, 20,000 requests", run: manyWorkers },
  { name: "Dynamo 1.6.1 (mocker and frontend), 250 streams, ITL 10 ms", run: dynamo },
  { name: "fakeai 0.3.2, 100 streams, ITL 10 ms", run: fakeai },
];

async function baseline(streams: number, scale: number): Promise<LiveResult> {
  const plan: BaselinePlan = { streams, intervalMs: WORKER.itlMs, tokens: tokensFor(10, WORKER.itlMs, scale) };
  const child = new Child("baseline-process.ts");
  const start = child.call<string>("start", plan).then((url) => ({ child, urls: [url] }));
  return withServers([start], async ([server]) => {
    const measured = await measure([child], { ...PLAN, urls: server!.urls, connections: streams, osl: plan.tokens });
    return result(measured, [plain("token events per CPU-second", perCpu(measured), ""), ...accuracy(measured, null)]);
  });
}

/** One engine, all streams in one batch. */
function paced(streams: number, scale: number, promisedPerCpu: number | null): Promise<LiveResult> {
  return withServers([startWorkers()], async ([server]) => {
    const osl = tokensFor(15, WORKER.itlMs, scale);
    const plan = { ...PLAN, urls: server!.urls, connections: streams, osl, primerIsl: PRIMER_ISL };
    const measured = await warmed(server!.child, plan, () => measure([server!.child], plan));
    const rate = perCpu(measured);
    const name = "token events per CPU-second";
    return result(measured, [
      promisedPerCpu === null ? plain(name, rate, "") : atLeast(name, rate, "", promisedPerCpu),
      ...accuracy(measured, promisedPerCpu === null ? { mean: 3, p99: 3 } : { mean: 1, p99: 3 }),
      ...nothingLost(measured),
    ]);
  });
}

function unpaced(scale: number): Promise<LiveResult> {
  return withServers([startWorkers({ speedupRatio: 0 })], async ([server]) => {
    const measured = await measure([server!.child], asFastAsPossible(server!.urls, 500, scale));
    return result(measured, [
      atLeast("token events per CPU-second", perCpu(measured), "", 200_000),
      plain("token events per second", measured.tokens / (measured.wallMs / 1000), ""),
      ...nothingLost(measured),
    ]);
  });
}

function pacedFrontend(scale: number): Promise<LiveResult> {
  return withFrontend({}, 1, async (frontend, workers) => {
    const osl = tokensFor(15, WORKER.itlMs, scale);
    const plan = { ...PLAN, urls: frontend.urls, connections: FRONTEND_STREAMS, osl, primerIsl: PRIMER_ISL };
    const servers = [frontend.child, ...workers.map(({ child }) => child)];
    const measured = await measure(servers, plan);
    return result(measured, [
      atLeast("token events per CPU-second of the frontend", perCpu(measured), "", 30_000),
      plain("token events per CPU-second of frontend and worker", measured.tokens / sum(measured.cpuSeconds), ""),
      ...accuracy(measured, null),
      ...nothingLost(measured),
    ]);
  });
}

function unpacedFrontend(scale: number): Promise<LiveResult> {
  return withFrontend({ speedupRatio: 0 }, 1, async (frontend, workers) => {
    const servers = [frontend.child, ...workers.map(({ child }) => child)];
    const measured = await measure(servers, asFastAsPossible(frontend.urls, FRONTEND_STREAMS, scale));
    return result(measured, [
      atLeast("token events per CPU-second of the frontend", perCpu(measured), "", 100_000),
      plain("token events per CPU-second of frontend and worker", measured.tokens / sum(measured.cpuSeconds), ""),
      plain("token events per second", measured.tokens / (measured.wallMs / 1000), ""),
      ...nothingLost(measured),
    ]);
  });
}

/** Each stream has an engine of its own, so that its modelled TTFT is the prefill time and nothing else. */
function firstToken(streams: number, scale: number): Promise<LiveResult> {
  return withServers([startWorkers({ workers: streams })], async ([server]) => {
    const requestsPerConnection = Math.max(3, Math.round(scale * 30));
    const shape = { connections: streams, requestsPerConnection, osl: 20, staggerMs: 3.1, warmUpRequests: 8 };
    const plan = { ...PLAN, urls: server!.urls, ...shape };
    const measured = await warmed(server!.child, plan, () => measure([server!.child], plan));
    const over = measured.ttftMs.map((ttftMs) => ttftMs - WORKER.prefillMs);
    const alone = streams === 1;
    return result(measured, [
      alone
        ? atMost("TTFT over modelled, mean", mean(over), "ms", 1)
        : plain("TTFT over modelled, mean", mean(over), "ms"),
      plain("TTFT over modelled, p50", quantile(over, 0.5), "ms"),
      alone
        ? plain("TTFT over modelled, p99", quantile(over, 0.99), "ms")
        : atMost("TTFT over modelled, p99", quantile(over, 0.99), "ms", 5),
      ...nothingLost(measured),
    ]);
  });
}

function manyStreams(scale: number): Promise<LiveResult> {
  const itlMs = 250;
  return withServers([startWorkers({ itlMs })], async ([server]) => {
    const connections = Math.round(10_000 * Math.min(1, scale));
    const plan = {
      ...PLAN,
      urls: server!.urls,
      connections,
      osl: tokensFor(25, itlMs, scale),
      staggerMs: 0.5,
      timeoutMs: 120_000,
    };
    const measured = await measure([server!.child], plan, 2);
    return result(measured, [
      atMost("peak memory of the worker process", measured.peakRssBytes[0]! / 1e6, "MB", 1000),
      plain("token events per CPU-second", perCpu(measured), ""),
      ...nothingLost(measured),
    ]);
  });
}

function manyWorkers(scale: number): Promise<LiveResult> {
  const processes = 4;
  const workers = Math.round(625 * Math.min(1, scale));
  return withFrontend({ workers, prefillMs: 20, itlMs: 20 }, processes, async (frontend, hosts) => {
    const [connections, requestsPerConnection] = [500, Math.max(1, Math.round(40 * scale))];
    const plan = { ...PLAN, urls: frontend.urls, connections, requestsPerConnection, osl: 16, timeoutMs: 180_000 };
    const servers = [frontend.child, ...hosts.map(({ child }) => child)];
    const measured = await measure(servers, plan);
    return result(measured, [
      plain("workers", processes * workers, ""),
      plain("requests", connections * requestsPerConnection, ""),
      plain("requests per second", measured.completed / (measured.wallMs / 1000), ""),
      plain("TTFT, p99", quantile(measured.ttftMs, 0.99), "ms"),
      plain("CPU of the frontend per request", (1000 * measured.cpuSeconds[0]!) / measured.completed, "ms"),
      plain("peak memory of the frontend", measured.peakRssBytes[0]! / 1e6, "MB"),
      plain("peak memory of a worker process", Math.max(...measured.peakRssBytes.slice(1)) / 1e6, "MB"),
      ...nothingLost(measured),
    ]);
  });
}

async function withFrontend(
  plan: Parameters<typeof startWorkers>[0],
  processes: number,
  use: (
    frontend: Awaited<ReturnType<typeof startFrontend>>,
    workers: Awaited<ReturnType<typeof startWorkers>>[],
  ) => Promise<LiveResult>,
): Promise<LiveResult> {
  const starts = Array.from({ length: processes }, () => startWorkers(plan));
  return withServers(starts, (workers) =>
    withServers([startFrontend({ workers: workers.flatMap(({ urls }) => urls) })], ([frontend]) =>
      use(frontend!, workers),
    ),
  );
}

/** A short run first, which counts for nothing: what is measured is compiled code. */
async function warmed(child: Child, plan: StreamsPlan, run: () => Promise<Measured>): Promise<Measured> {
  await measure([child], {
    ...plan,
    connections: Math.min(50, plan.connections),
    requestsPerConnection: Math.ceil(WARM_UP_REQUESTS / Math.min(50, plan.connections)),
    warmUpRequests: 0,
    osl: 20,
    primerIsl: 0,
    salt: 77,
  });
  return run();
}

function asFastAsPossible(urls: string[], connections: number, scale: number): StreamsPlan {
  return { ...PLAN, urls, connections, requestsPerConnection: Math.max(1, Math.round(4 * scale)), osl: 1000 };
}

/** Of the first server. */
function perCpu(measured: Measured): number {
  return measured.tokens / measured.cpuSeconds[0]!;
}

function accuracy(measured: Measured, promised: { mean: number; p99: number } | null): Figure[] {
  const perRequest = errorPercent(measured.itlMs, WORKER.itlMs);
  const perGap = errorPercent(measured.gapsMs, WORKER.itlMs);
  const [meanName, p99Name] = ["ITL error by request, mean", "ITL error by request, p99"];
  return [
    promised === null ? plain(meanName, perRequest.mean, "%") : atMost(meanName, perRequest.mean, "%", promised.mean),
    promised === null ? plain(p99Name, perRequest.p99, "%") : atMost(p99Name, perRequest.p99, "%", promised.p99),
    plain("ITL error by gap, mean", perGap.mean, "%"),
    plain("ITL error by gap, p99", perGap.p99, "%"),
  ];
}

function nothingLost({ failed, hung }: Measured): Figure[] {
  return [atMost("failed requests", failed, "", 0), atMost("hung requests", hung, "", 0)];
}

function result(measured: Measured, figures: Figure[]): LiveResult {
  const { machine, problems, clientCpuSeconds, wallMs } = measured;
  const client = `client: ${((100 * clientCpuSeconds) / (wallMs / 1000)).toFixed(0)} % of a core`;
  return { row: "", figures, machine, unavailable: null, notes: [client, ...problems] };
}

function dynamo(scale: number): Promise<LiveResult> {
  const osl = tokensFor(15, WORKER.itlMs, scale);
  return comparable(startDynamo, ["its frontend", "its mocker"], { osl, primerIsl: PRIMER_ISL });
}

/** Its answers have some twenty tokens, so that many of them are asked for. */
function fakeai(scale: number): Promise<LiveResult> {
  const requestsPerConnection = Math.max(1, Math.round(20 * scale));
  const changes = { connections: 100, requestsPerConnection, osl: null, model: "openai/gpt-oss-120b" };
  return comparable(startFakeai, ["the server"], { ...changes, path: "/v1/chat/completions" });
}

/** Another server under the load of "frontend, 250 streams"; what it is measured by is each process's own CPU time. */
async function comparable(
  start: () => Promise<Comparable>,
  names: readonly string[],
  changes: Partial<StreamsPlan>,
): Promise<LiveResult> {
  let server: Comparable;
  try {
    server = await start();
  } catch (error) {
    const unavailable = error instanceof Error ? error.message : String(error);
    return { row: "", figures: [], machine: null, unavailable, notes: [] };
  }
  try {
    const measured = await measure(server.servers, {
      ...PLAN,
      urls: [server.url],
      connections: FRONTEND_STREAMS,
      ...changes,
    });
    return result(measured, [
      ...names.map((name, i) =>
        plain(`token events per CPU-second of ${name}`, measured.tokens / measured.cpuSeconds[i]!, ""),
      ),
      ...accuracy(measured, null),
      plain("failed requests", measured.failed, ""),
      plain("hung requests", measured.hung, ""),
    ]);
  } finally {
    await server.stop();
  }
}
