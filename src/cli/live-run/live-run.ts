import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { formatDuration, parseDurationMs, writeFileAtomically } from "#common";
import {
  clientExpectations,
  clusterExpectations,
  compareRuns,
  keepInMemory,
  keepOntoDisk,
  type LoadKeeper,
  runAtUrl,
  runInCluster,
  runLive,
} from "#src/live";
import type { ReportedRun } from "#src/record";
import { prepareRehearsal, type RunnableScenario } from "#src/rehearsal";
import { predictorOf, predictorTools } from "../predictors.ts";
import { progress } from "../progress.ts";
import { presentRun, type RehearseFlags, rowsOf, warnOfStart } from "../rehearse.ts";
import { RowsOnDisk } from "../rows-on-disk.ts";
import { comparisonText } from "./comparison-text.ts";

export interface LiveFlags extends RehearseFlags {
  /** Default 1; in a cluster what its workers say. */
  timeScale?: number;
  processes: number;
  compare?: true;
  url?: string;
  model?: string;
  apiKey?: string;
  endpointType: "chat" | "completions";
  kubeconfig?: string;
  kubeContext?: string;
  namespace?: string;
  image?: string;
  readyTimeout?: string;
}

/** Shells report so for a process that a signal ended. */
const EXIT_BY_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

/** What our manifests name where nothing else is named; who plays a cluster takes no notice of it. */
const IMAGE = "llm-understudy:latest";
const READY = "5m";

const AT_ONCE_AFTER_MS = 1000;

class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: keyof typeof EXIT_BY_SIGNAL) {
    super(`ended by ${signal}`);
    this.exitCode = EXIT_BY_SIGNAL[signal];
  }
}

/** Runs a scenario on the wall clock, prints and writes what came of it. Returns the exit code. */
export async function runScenarioLive(scenario: RunnableScenario, flags: LiveFlags): Promise<number> {
  const abort = new AbortController();
  const signals = ["SIGINT", "SIGTERM"] as const;
  const handlers = signals.map((signal) => interruption(abort, signal));
  signals.forEach((signal, i) => {
    process.on(signal, handlers[i]!);
  });
  const bar = progress();
  const rows = rowsOf(scenario, flags);
  const horizonMs = (ms: number) => (ms > 0 ? ` of ${formatDuration(ms)}` : "");
  try {
    const rehearsal = prepareRehearsal(scenario, await predictorTools([predictorOf(scenario.planner)]));
    warnOfStart(rehearsal, flags);
    const file = rows.file(rehearsal);
    const options = {
      keeper: file === null ? keepInMemory : keepOntoDisk(file),
      ...(flags.timeScale === undefined ? {} : { timeScale: flags.timeScale }),
      processes: flags.processes,
      signal: abort.signal,
      onProgress: (nowMs: number, done: number) =>
        bar.update(
          `live ${formatDuration(Math.max(0, nowMs))}${horizonMs(rehearsal.workload.horizonMs)}, ${done} requests done`,
        ),
    };
    if (isInCluster(flags)) return await inCluster(rehearsal, flags, { ...options, onStage: bar.update }, bar.done);
    return flags.url === undefined
      ? await ownProcesses(rehearsal, flags, options, bar.done)
      : await atUrl(rehearsal, { ...flags, url: flags.url }, options, bar.done);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    bar.done();
    process.stderr.write(
      `interrupted: ${isInCluster(flags) ? "the deployment was deleted" : "the run's processes have ended"}, nothing was written\n`,
    );
    return error.exitCode;
  } finally {
    bar.done();
    rows.close();
    signals.forEach((signal, i) => {
      process.off(signal, handlers[i]!);
    });
  }
}

/**
 * Ends the run in good order; who asks again after a while wants it to end at once. What starts this process may hand a
 * terminal's Ctrl-C on to it, so that it comes twice.
 */
function interruption(abort: AbortController, signal: keyof typeof EXIT_BY_SIGNAL): () => void {
  let firstMs = Number.NaN;
  return () => {
    if (performance.now() - firstMs > AT_ONCE_AFTER_MS) process.exit(EXIT_BY_SIGNAL[signal]);
    if (Number.isNaN(firstMs)) firstMs = performance.now();
    abort.abort(new Interrupted(signal));
  };
}

type Rehearsal = ReturnType<typeof prepareRehearsal>;
interface RunOptions {
  keeper: LoadKeeper<ReportedRun>;
  timeScale?: number;
  processes: number;
  signal: AbortSignal;
  onProgress: (nowMs: number, done: number) => void;
}

async function ownProcesses(
  rehearsal: Rehearsal,
  flags: LiveFlags,
  options: RunOptions,
  ended: () => void,
): Promise<number> {
  const { scenario } = rehearsal;
  const startedAt = new Date();
  const started = performance.now();
  const live = await runLive(rehearsal, options, options.keeper);
  ended();
  const runSeconds = (performance.now() - started) / 1000;
  const comparison = flags.compare ? comparedToTwin(rehearsal, live.record, flags) : null;
  warn(live.warnings, flags);
  const { timeScale, lag, warnings } = live;
  const held = presentRun(scenario, live.record, flags, {
    startedAt,
    runSeconds,
    metadata: { live: true, timeScale, processes: flags.processes, lag, warnings },
    ...(comparison === null
      ? {}
      : {
          text: (run) => `${run}\n${comparisonText(comparison, live)}`,
          json: (report) => `${JSON.stringify({ report: JSON.parse(report), comparison, timeScale, lag }, null, 2)}\n`,
        }),
  });
  if (comparison !== null && flags.report) {
    const dir = flags.outputDir ?? resolve("understudy-results", scenario.name);
    writeFileAtomically(
      join(dir, "comparison.json"),
      `${JSON.stringify({ ...comparison, timeScale, lag }, null, 2)}\n`,
    );
  }
  return held && (comparison?.countsEqual ?? true) ? 0 : 1;
}

function comparedToTwin(rehearsal: Rehearsal, live: ReportedRun, { rowsInMemory, engine }: LiveFlags) {
  const rows = new RowsOnDisk(rowsInMemory, tmpdir());
  try {
    return compareRuns(live, rows.run(rehearsal, { engine }));
  } finally {
    rows.close();
  }
}

async function atUrl(
  rehearsal: Rehearsal,
  flags: LiveFlags & { url: string },
  options: RunOptions,
  ended: () => void,
): Promise<number> {
  const { scenario } = rehearsal;
  const startedAt = new Date();
  const started = performance.now();
  const { url, model, apiKey, endpointType: endpoint } = flags;
  const { record, timeScale, lag, warnings } = await runAtUrl(
    rehearsal,
    {
      ...options,
      url,
      endpoint,
      ...(model === undefined ? {} : { model }),
      ...(apiKey === undefined ? {} : { apiKey }),
    },
    options.keeper,
  );
  ended();
  const runSeconds = (performance.now() - started) / 1000;
  const { judged, left } = clientExpectations(scenario.expect);
  const seen = [
    `the deployment is the one behind ${url}: no workers were started${scenario.planner === null ? "" : ", the planner did not run"}`,
    ...(left.length === 0 ? [] : [notJudged("a client can't see it", left)]),
  ];
  warn([...seen, ...warnings], flags);
  const held = presentRun({ ...scenario, expect: judged }, record, flags, {
    startedAt,
    runSeconds,
    metadata: { live: true, url, timeScale, lag, warnings: [...seen, ...warnings] },
  });
  return held ? 0 : 1;
}

function isInCluster({ kubeconfig, kubeContext }: Pick<LiveFlags, "kubeconfig" | "kubeContext">): boolean {
  return kubeconfig !== undefined || kubeContext !== undefined;
}

async function inCluster(
  rehearsal: Rehearsal,
  flags: LiveFlags,
  options: RunOptions & { onStage: (text: string) => void },
  ended: () => void,
): Promise<number> {
  const { scenario } = rehearsal;
  const startedAt = new Date();
  const started = performance.now();
  const { kubeconfig, kubeContext: context, namespace, image = IMAGE, readyTimeout = READY, url } = flags;
  const { record, timeScale, lag, warnings, ...where } = await runInCluster(
    rehearsal,
    {
      ...options,
      cluster: {
        ...(kubeconfig === undefined ? {} : { kubeconfig }),
        ...(context === undefined ? {} : { context }),
        ...(namespace === undefined ? {} : { namespace }),
      },
      image,
      readyMs: parseDurationMs(readyTimeout, "duration"),
      ...(url === undefined ? {} : { url }),
    },
    options.keeper,
  );
  ended();
  const runSeconds = (performance.now() - started) / 1000;
  const { judged, left } = clusterExpectations(scenario.expect);
  const all = [...(left.length === 0 ? [] : [notJudged("an API server does not tell it", left)]), ...warnings];
  warn(all, flags);
  const held = presentRun({ ...scenario, expect: judged }, record, flags, {
    startedAt,
    runSeconds,
    metadata: { live: true, cluster: where, timeScale, lag, warnings: all },
  });
  return held ? 0 : 1;
}

function notJudged(why: string, left: RunnableScenario["expect"]): string {
  return `not judged, since ${why}: ${left.map(nameOf).join(", ")}`;
}

function nameOf(expectation: RunnableScenario["expect"][number]): string {
  return expectation.kind === "metric" ? expectation.name : `replicas of ${expectation.role}`;
}

const MOST_WARNINGS = 8;

function warn(warnings: readonly string[], { quiet }: LiveFlags): void {
  if (quiet) return;
  for (const text of warnings.slice(0, MOST_WARNINGS)) process.stderr.write(`warning: ${text}\n`);
  const more = warnings.length - MOST_WARNINGS;
  if (more > 0) process.stderr.write(`warning: and ${more} more; run.json has them all\n`);
}
