import { randomUUID } from "node:crypto";
import { Worker } from "node:worker_threads";
import { type Clock, wallClock } from "#common";
import { builtinTokenizer } from "#mocker/text";
import { loadColumns } from "./columns.ts";
import { Driver, type DriverPlan } from "./driver.ts";
import { type DriverResult, runDriver } from "./driver-result.ts";
import { badOption, idsNeedCompletions, nothingToSend, threadsNeedFile, warmupFailed } from "./errors.ts";
import { requestParts } from "./requests.ts";
import { type LoadPart, loadFacts, type MeasuredPart, mergeLoadParts } from "./result.ts";
import { LoadPages, type LoadRows, PagedRows, requestsByPage, wholeRows } from "./rows.ts";
import { type Part, split } from "./split.ts";
import { LoadTally } from "./tally.ts";
import { type FromThread, sharedClock, type ThreadTask, type ToThread } from "./thread.ts";
import { lendPages, requestsOfParts } from "./thread-pages.ts";
import type { LoadFiles, LoadOptions, LoadResult, StoredLoad } from "./types.ts";

/** Time between the end of the preparations and the start, real ms: the first request should not be late already. */
const LEAD_MS = 20;
const WARMUP_CONCURRENCY = 16;
const PROGRESS_MS = 200;

/**
 * Sends a workload to an OpenAI-compatible server and measures what comes back. Open-loop requests are sent on an absolute
 * schedule whatever the server does, and times count from that schedule, so that a stall shows in all requests that it delays
 * (no coordinated omission: Tene, "How NOT to Measure Latency", 2013). Requests that fail are part of the result.
 * @throws UserError LOADGEN_… where the run cannot begin
 */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  check(options);
  return mergeLoadParts(options, [await measureAll(options)]);
}

/**
 * The same with the rows of requests in files, where they go while it runs.
 * @throws UserError LOADGEN_… where the run cannot begin; what writing to the files does
 */
export async function runLoadOntoDisk(options: LoadOptions, files: LoadFiles): Promise<StoredLoad> {
  check(options);
  const { workload, threads = 1, cancelShare = 0 } = options;
  const { pageRows } = files.rows;
  const parts = split(workload, threads);
  const requests =
    threads === 1 ? [requestsByPage(workload.count, pageRows)] : requestsOfParts(workload, parts, pageRows);
  const writers = Int32Array.from(
    { length: Math.ceil(workload.count / pageRows) },
    (_, page) => requests.filter((own) => own[page]! > 0).length,
  );
  const tally = new LoadTally(workload);
  const full = new AbortController();
  const signal = AbortSignal.any([full.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const pages = new LoadPages(files, workload.count, writers, tally, {
    shared: threads > 1,
    cancels: cancelShare > 0,
    onFull: () => full.abort(),
  });
  const lent = threads === 1 ? [] : requests.map((own) => lendPages(pages, pageRows, own));
  try {
    const part = await measure({ ...options, signal }, (plan, clock, untilMs) =>
      threads === 1
        ? inThisThread(plan, new PagedRows(pages, pageRows, requests[0]!), clock, untilMs)
        : inThreads(plan, parts, (thread) => ({ pages: lent[thread]!.lent }), clock, untilMs),
    );
    const numbers = pages.store();
    const { arrivalMs, endedMs, cancelled } = pages;
    return {
      ...loadFacts(options, [part], tally, endedMs),
      requests: { arrivalMs },
      details: { endedMs },
      files,
      pages: numbers,
      cancelled,
      reasons: tally.reasons,
    };
  } finally {
    for (const { close } of lent) close();
  }
}

/**
 * Sends the part of a workload that is generator `index`'s of `generators`; what it measured merges with what the others did.
 * @param options with the `startMs` and `runId` that all have in common
 * @throws UserError LOADGEN_… where the run cannot begin
 */
export async function runLoadPart(options: LoadOptions, index: number, generators: number): Promise<LoadPart> {
  check(options);
  const own = split(options.workload, generators)[index];
  if (own === undefined) throw badOption("generator", index, `a whole number from 0 to ${generators - 1}`);
  return measureAll({ ...options, workload: { ...options.workload, ...own } });
}

/** With all rows in memory. */
async function measureAll(options: LoadOptions): Promise<LoadPart> {
  const { workload, threads = 1 } = options;
  const columns = loadColumns(workload.count, threads > 1);
  const part = await measure(options, (plan, clock, untilMs) =>
    threads === 1
      ? inThisThread(plan, wholeRows(columns), clock, untilMs)
      : inThreads(plan, split(workload, threads), () => ({ whole: columns }), clock, untilMs),
  );
  return { columns, ...part };
}

/** @param begin makes the run's threads ready, by a model time */
async function measure(
  options: LoadOptions,
  begin: (plan: DriverPlan, clock: Clock, untilMs: number) => Promise<Run>,
): Promise<MeasuredPart> {
  const { workload, clock = wallClock(), warmupRequests = 0 } = options;
  const tokenizer = options.prompts?.tokenizer ?? builtinTokenizer();
  const plan: DriverPlan = {
    workload,
    openHeads: workload.openHeads,
    closedLoops: workload.closedLoops,
    target: options.target,
    prompts: { ...options.prompts, tokenizer },
    runId: options.runId ?? randomUUID(),
    sendRequestStart: options.sendRequestStart ?? false,
    cancelShare: options.cancelShare ?? 0,
    requestTimeoutMs: options.requestTimeoutMs ?? null,
    clients: options.clients ?? null,
    endMs: options.endMs ?? null,
    ...(options.reasoningTokens === undefined ? {} : { reasoningTokens: options.reasoningTokens }),
    ...(options.onTokens === undefined ? {} : { onTokens: options.onTokens }),
  };
  const run = await begin(plan, clock, options.startMs ?? Number.POSITIVE_INFINITY);
  const cut = () => run.cut();
  options.signal?.addEventListener("abort", cut);
  let progress: NodeJS.Timeout | undefined;
  try {
    if (options.signal?.aborted) cut();
    else if (warmupRequests > 0) await warmUp(plan, warmupRequests, clock, options);
    const startMs = options.startMs ?? (await options.beginsAt?.()) ?? clock.nowMs() + LEAD_MS * clock.timeScale;
    if (options.onProgress !== undefined) {
      const { onProgress } = options;
      progress = setInterval(() => onProgress({ nowMs: clock.nowMs() - startMs, ...run.progress() }), PROGRESS_MS);
    }
    const parts = await run.start(startMs);
    return {
      drivers: parts,
      model: options.target.model,
      runId: plan.runId,
      startMs,
      startUnixMs: clock.toUnixMs(startMs),
      timeScale: clock.timeScale,
      aborted: options.signal?.aborted ?? false,
    };
  } finally {
    clearInterval(progress);
    options.signal?.removeEventListener("abort", cut);
    await run.close();
  }
}

/** The threads of a run, whether they are threads of their own or this one. */
interface Run {
  start(startMs: number): Promise<DriverResult[]>;
  cut(): void;
  progress(): { sent: number; done: number; failed: number; inFlight: number };
  close(): Promise<unknown>;
}

async function inThisThread(plan: DriverPlan, rows: LoadRows, clock: Clock, untilMs: number): Promise<Run> {
  const driver = new Driver(plan, rows, clock);
  await driver.prepare(untilMs);
  return {
    start: async (startMs) => [await runDriver(driver, startMs)],
    cut: () => driver.cut(),
    progress: () => ({ ...driver.counts, inFlight: driver.inFlight }),
    close: () => driver.close(),
  };
}

/** @param rowsOf what a thread writes into */
async function inThreads(
  plan: DriverPlan,
  parts: readonly Part[],
  rowsOf: (thread: number) => ThreadTask["rows"],
  clock: Clock,
  untilMs: number,
): Promise<Run> {
  const { tokenizer, ...prompts } = plan.prompts;
  // Beside this module there is the source, or what the build made of it.
  const file = new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url);
  const workers = parts.map((part, thread) => {
    const rows = rowsOf(thread);
    const task: ThreadTask = {
      plan: { ...plan, ...part, prompts },
      tokenizer: tokenizer?.name ?? "builtin",
      rows,
      clock: sharedClock(clock),
      prepareUntilMs: untilMs,
    };
    const transferList = "pages" in rows ? [rows.pages.port] : [];
    return new ThreadRun(new Worker(file, { workerData: task, transferList }));
  });
  const close = () => Promise.all(workers.map((worker) => worker.close()));
  try {
    await Promise.all(workers.map((worker) => worker.ready));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    start: (startMs) => Promise.all(workers.map((worker) => worker.start(startMs))),
    cut: () => {
      for (const worker of workers) worker.post({ kind: "cut" });
    },
    progress: () => {
      const sum = { sent: 0, done: 0, failed: 0, inFlight: 0 };
      for (const { progress } of workers) {
        sum.sent += progress.sent;
        sum.done += progress.done;
        sum.failed += progress.failed;
        sum.inFlight += progress.inFlight;
      }
      return sum;
    },
    close,
  };
}

/** This side of one thread. */
class ThreadRun {
  progress = { sent: 0, done: 0, failed: 0, inFlight: 0 };
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #done: Promise<DriverResult>;

  constructor(worker: Worker) {
    this.#worker = worker;
    const { promise: ready, resolve: isReady, reject: notReady } = Promise.withResolvers<void>();
    const { promise: done, resolve: isDone, reject: notDone } = Promise.withResolvers<DriverResult>();
    this.ready = ready;
    this.#done = done;
    done.catch(() => {});
    worker.on("message", (message: FromThread) => {
      if (message.kind === "ready") isReady();
      else if (message.kind === "done") isDone(message.result);
      else this.progress = message;
    });
    const broken = (error: Error) => {
      notReady(error);
      notDone(error);
    };
    worker.on("error", broken);
    worker.on("exit", (code) => broken(new Error(`a thread of the load generator ended early (exit code ${code})`)));
  }

  start(startMs: number): Promise<DriverResult> {
    this.post({ kind: "start", startMs });
    return this.#done;
  }

  post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** In this thread alone: what is to be warm is the server. */
async function warmUp(plan: DriverPlan, count: number, clock: Clock, options: LoadOptions): Promise<void> {
  const none = { openHeads: new Int32Array(0), closedLoops: [] };
  const driver = new Driver({ ...plan, ...none, endMs: null }, wholeRows(loadColumns(0, false)), clock);
  const cut = () => driver.cut();
  options.signal?.addEventListener("abort", cut);
  try {
    const most = plan.closedLoops.reduce((sum, loop) => sum + loop.concurrency, 0);
    const failures = await driver.warmUp(count, Math.min(most || WARMUP_CONCURRENCY, count), loadColumns(count, false));
    if (failures.length === count) throw warmupFailed(failures.length, count, failures[0]!);
  } finally {
    options.signal?.removeEventListener("abort", cut);
    await driver.close();
  }
}

function check(options: LoadOptions): void {
  const { workload, target, threads = 1, cancelShare = 0, prompts, startMs, endMs } = options;
  requestParts(target.url, target.endpoint ?? "chat");
  if (prompts?.format === "ids" && target.endpoint !== "completions") throw idsNeedCompletions();
  if (workload.openHeads.length === 0 && workload.closedLoops.every((loop) => loop.heads.length === 0)) {
    throw nothingToSend();
  }
  if (!Number.isInteger(threads) || threads < 1 || threads > 64) {
    throw badOption("threads", threads, "a whole number from 1 to 64");
  }
  if (threads > 1 && options.onTokens !== undefined) throw badOption("threads", threads, "1 where tokens are told of");
  if (!(cancelShare >= 0 && cancelShare <= 1)) throw badOption("cancelShare", cancelShare, "a share from 0 to 1");
  if (startMs !== undefined && !Number.isFinite(startMs)) throw badOption("startMs", startMs, "model ms");
  if (endMs !== undefined && !(endMs > 0)) throw badOption("endMs", endMs, "ms above 0");
  const tokenizer = prompts?.tokenizer;
  if (threads > 1 && tokenizer !== undefined && tokenizer.name !== "builtin" && !/\.json$/.test(tokenizer.name)) {
    throw threadsNeedFile(tokenizer.name);
  }
}
