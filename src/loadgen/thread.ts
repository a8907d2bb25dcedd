import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { type Clock, wallClock } from "#common";
import { builtinTokenizer, loadTokenizer } from "#mocker/text";
import type { LoadColumns } from "./columns.ts";
import { Driver, type DriverPlan } from "./driver.ts";
import { type DriverResult, runDriver } from "./driver-result.ts";
import { type LoadRows, PagedRows, wholeRows } from "./rows.ts";
import { borrowedPages, type ThreadPages } from "./thread-pages.ts";

/** What a thread is given: a plan without what cannot be handed over, and where to write. */
export interface ThreadTask {
  plan: DriverPlan;
  /** Name of the tokenizer: `builtin`, or its file. */
  tokenizer: string;
  rows: { whole: LoadColumns } | { pages: ThreadPages };
  clock: SharedClock;
  /** Model time at which preparations have to be over. */
  prepareUntilMs: number;
}

/** A clock as a value: threads share the monotonic clock of the process, but not `performance.now()`'s origin. */
export interface SharedClock {
  timeScale: number;
  /** `process.hrtime()` at model time 0, ms. */
  epochHrMs: number;
}

export type ToThread = { kind: "start"; startMs: number } | { kind: "cut" };
export type FromThread =
  | { kind: "ready" }
  | { kind: "progress"; sent: number; done: number; failed: number; inFlight: number }
  | { kind: "done"; result: DriverResult };

const PROGRESS_MS = 200;

export function hrNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function sharedClock(clock: Clock): SharedClock {
  return { timeScale: clock.timeScale, epochHrMs: hrNowMs() - clock.nowMs() / clock.timeScale };
}

async function drive(port: MessagePort, task: ThreadTask): Promise<void> {
  const { plan, tokenizer, clock: shared, prepareUntilMs } = task;
  const epochMs = performance.timeOrigin + performance.now() + (shared.epochHrMs - hrNowMs());
  const clock = wallClock(shared.timeScale, epochMs);
  const prompts = {
    ...plan.prompts,
    tokenizer: tokenizer === "builtin" ? builtinTokenizer() : await loadTokenizer(tokenizer),
  };
  const { rows, close } = openRows(task);
  const driver = new Driver({ ...plan, prompts }, rows, clock);
  const post = (message: FromThread) => port.postMessage(message);
  port.on("message", (message: ToThread) => {
    if (message.kind === "cut") {
      driver.cut();
      return;
    }
    const progress = setInterval(
      () => post({ kind: "progress", ...driver.counts, inFlight: driver.inFlight }),
      PROGRESS_MS,
    );
    runDriver(driver, message.startMs).then((result) => {
      clearInterval(progress);
      post({ kind: "done", result });
      close();
      port.close();
    });
  });
  await driver.prepare(prepareUntilMs);
  post({ kind: "ready" });
}

function openRows({ rows }: ThreadTask): { rows: LoadRows; close: () => void } {
  if ("whole" in rows) return { rows: wholeRows(rows.whole), close: () => {} };
  const pages = borrowedPages(rows.pages);
  const { pageRows, requests } = rows.pages;
  return { rows: new PagedRows(pages, pageRows, requests), close: () => pages.close() };
}

if (parentPort !== null) await drive(parentPort, workerData as ThreadTask);
