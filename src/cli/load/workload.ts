import { readFileSync } from "node:fs";
import { UserError } from "#common";
import type { Tokenizer } from "#mocker/text";
import { plannerConfigSchema } from "#planner/core";
import {
  asClosedLoop,
  atTimes,
  buildWorkload,
  type Content,
  type Distribution,
  firstSessions,
  parseTraffic,
  readScenario,
  readTraceFile,
  scenarioWorkload,
  type TrafficEntry,
  type Workload,
} from "#scenarios";
import type { LoadClients } from "#src/loadgen";
import type { LoadFlags } from "./flags.ts";
import { readPrompts } from "./single-turn.ts";

/** Length of an open loop of which neither count nor duration was given, ms. */
const DEFAULT_DURATION_MS = 30_000;
/** Sessions of a closed loop of which neither was given: AIPerf's least, or two per place. */
const LEAST_REQUESTS = 10;
/** Content blocks of shared prompts: a divisor of the engines' usual block sizes. */
const BLOCK_TOKENS = 16;

/** What to send, and what else the flags' sources say. */
export interface LoadPlan {
  workload: Workload;
  seed: number;
  /** Literal prompts by request. */
  texts?: string[];
  sla?: { ttftMs: number; itlMs: number };
  endMs?: number;
  clients?: LoadClients;
  /** For names of folders: `request_rate20`, `concurrency8`. */
  label: string;
}

/** @throws UserError of flags that contradict each other, of traces, scenarios and prompts that can't be read */
export function loadPlan(flags: LoadFlags, tokenizer: Tokenizer): LoadPlan {
  checkSources(flags);
  const seed = flags.randomSeed ?? 1;
  if (flags.scenario !== undefined) {
    const scenario = readScenario(flags.scenario, { plannerSchema: plannerConfigSchema });
    const seeded = { ...scenario, seed: flags.randomSeed ?? scenario.seed };
    return {
      workload: limited(scenarioWorkload(seeded), flags),
      seed: seeded.seed,
      sla: scenario.sla,
      ...(scenario.endMs === null ? {} : { endMs: scenario.endMs }),
      ...(scenario.clients === null ? {} : { clients: { behaviour: scenario.clients, seed: seeded.seed } }),
      label: scenario.name,
    };
  }
  if (flags.traffic !== undefined) {
    const workload = buildWorkload(parseTraffic(flags.traffic, "--traffic"), { seed });
    return { workload: limited(workload, flags), seed, label: "traffic" };
  }
  if (flags.inputFile !== undefined) return fromFile(flags.inputFile, flags, seed, tokenizer);
  const entry = flags.requestRate === undefined ? closedEntry(flags) : openEntry(flags, flags.requestRate);
  return { workload: limited(buildWorkload([entry], { seed }), flags), seed, label: loadLabel(flags) };
}

function fromFile(file: string, flags: LoadFlags, seed: number, tokenizer: Tokenizer): LoadPlan {
  if (flags.customDatasetType === "single_turn") {
    const count = flags.requestCount ?? (flags.requestRate === undefined ? sessions(flags) : undefined);
    const { texts, workload } = readPrompts(readFileSync(file, "utf8"), file, tokenizer, flags.osl, count);
    const arranged = arrange(workload, flags, seed);
    return { workload: arranged, seed, texts, label: loadLabel(flags) };
  }
  const trace = readTraceFile(file, {
    seed,
    ...(flags.speedup === undefined ? {} : { speedup: flags.speedup }),
    ...(flags.traceBlockSize === undefined ? {} : { blockTokens: flags.traceBlockSize }),
    ...(flags.requestCount === undefined ? {} : { maxRequests: flags.requestCount }),
    ...(flags.benchmarkDuration === undefined || flags.requestRate !== undefined || flags.concurrency !== undefined
      ? {}
      : { toMs: flags.benchmarkDuration * (flags.speedup ?? 1) }),
  });
  const own = flags.requestRate === undefined && flags.concurrency === undefined;
  return {
    workload: own ? trace : arrange(trace, flags, seed),
    seed,
    label: own ? "fixed_schedule" : loadLabel(flags),
  };
}

/** Sessions of a file, at a rate or in a closed loop. */
function arrange(workload: Workload, flags: LoadFlags, seed: number): Workload {
  if (flags.requestRate === undefined) return limited(asClosedLoop(workload, flags.concurrency ?? 1), flags);
  const count = workload.openHeads.length;
  const times = buildWorkload([openEntry({ ...flags, requestCount: count }, flags.requestRate)], { seed });
  return limited(atTimes(workload, times.arrivalMs.slice(0, count)), flags);
}

function openEntry(flags: LoadFlags, rate: number): TrafficEntry {
  const { requestRateMode, burstiness, requestCount, benchmarkDuration } = flags;
  // Long enough for the count by far: how many arrive in a time is random, how many are sent is cut later.
  const enoughMs =
    requestCount === undefined
      ? DEFAULT_DURATION_MS
      : requestRateMode === "constant"
        ? ((requestCount - 0.5) / rate) * 1000
        : ((requestCount + 12 * Math.sqrt(requestCount / Math.min(1, burstiness)) + 20) / rate) * 1000;
  return {
    kind: "open",
    startMs: 0,
    durationMs: benchmarkDuration ?? enoughMs,
    rate: { kind: "constant", rate },
    // A gamma distribution of shape k has the coefficient of variation 1/√k (vLLM's --burstiness is k).
    arrivals:
      requestRateMode === "gamma" ? { kind: "gamma", cv: 1 / Math.sqrt(burstiness) } : { kind: requestRateMode },
    content: content(flags),
  };
}

function closedEntry(flags: LoadFlags): TrafficEntry {
  const byTime = flags.benchmarkDuration !== undefined;
  return {
    kind: "closed",
    startMs: 0,
    durationMs: flags.benchmarkDuration ?? null,
    requests: byTime ? (flags.requestCount ?? null) : sessions(flags),
    concurrency: flags.concurrency ?? 1,
    content: content(flags),
  };
}

function sessions({ requestCount, concurrency = 1 }: LoadFlags): number {
  return requestCount ?? Math.max(LEAST_REQUESTS, 2 * concurrency);
}

function content(flags: LoadFlags): Content {
  const { numPrefixPrompts, prefixPromptLength, sessionTurnsMean, sessionTurnsStddev } = flags;
  const shared = prefixPromptLength !== undefined;
  return {
    patterns: [
      {
        share: null,
        isl: spread(flags.syntheticInputTokensMean ?? flags.isl, flags.syntheticInputTokensStddev),
        osl: spread(flags.outputTokensMean ?? flags.osl, flags.outputTokensStddev),
      },
    ],
    sessions:
      sessionTurnsMean > 1 || sessionTurnsStddev > 0
        ? {
            turns: spread(sessionTurnsMean, sessionTurnsStddev),
            thinkMs: spread(flags.sessionTurnDelayMean, flags.sessionTurnDelayStddev),
            history: "grow",
            maxIsl: null,
          }
        : null,
    prefix: shared ? { kind: "groups", groups: numPrefixPrompts ?? 1, tokens: prefixPromptLength } : null,
    blockTokens: BLOCK_TOKENS,
  };
}

function spread(mean: number, deviation: number): Distribution {
  return deviation > 0 ? { kind: "normal", mean, deviation } : { kind: "fixed", value: mean };
}

/** No more sessions, and none later, than was asked for. */
function limited(workload: Workload, { requestCount, benchmarkDuration }: LoadFlags): Workload {
  let cut = requestCount === undefined ? workload : firstSessions(workload, requestCount);
  if (benchmarkDuration === undefined) return cut;
  const { arrivalMs, openHeads } = cut;
  const firstTooLate = openHeads.findIndex((head) => arrivalMs[head]! >= benchmarkDuration);
  if (firstTooLate >= 0) cut = firstSessions(cut, firstTooLate);
  return {
    ...cut,
    closedLoops: cut.closedLoops.map((loop) => ({ ...loop, endMs: Math.min(loop.endMs, benchmarkDuration) })),
  };
}

function loadLabel({ requestRate, concurrency }: LoadFlags): string {
  return requestRate === undefined ? `concurrency${concurrency ?? 1}` : `request_rate${requestRate}`;
}

function checkSources(flags: LoadFlags): void {
  const sources = (["scenario", "traffic", "inputFile"] as const).filter((name) => flags[name] !== undefined);
  const names = { scenario: "--scenario", traffic: "--traffic", inputFile: "--input-file" };
  if (sources.length > 1) throw contradiction(names[sources[0]!], names[sources[1]!], "give one of them");
  if (flags.requestRate !== undefined && flags.concurrency !== undefined) {
    throw contradiction(
      "--request-rate",
      "--concurrency",
      "a rate is kept whatever the server does (open loop), a concurrency whatever the time (closed loop): give one of them",
    );
  }
  const own = flags.scenario !== undefined ? "--scenario" : flags.traffic !== undefined ? "--traffic" : null;
  for (const [name, value] of [
    ["--request-rate", flags.requestRate],
    ["--concurrency", flags.concurrency],
  ] as const) {
    if (value === undefined) continue;
    if (own !== null) throw contradiction(own, name, "the rate or the concurrency is part of the traffic there");
    if (flags.fixedSchedule) throw contradiction("--fixed-schedule", name, "give one of them");
  }
  if (flags.fixedSchedule && flags.inputFile === undefined) {
    throw contradiction("--fixed-schedule", "no --input-file", "name the trace whose schedule is meant");
  }
  if (flags.numPrefixPrompts !== undefined && flags.prefixPromptLength === undefined) {
    throw contradiction("--num-prefix-prompts", "no --prefix-prompt-length", "give their length, too");
  }
}

function contradiction(first: string, second: string, hint: string): UserError {
  return new UserError({ code: "CLI_USAGE", where: first, message: `found ${first} beside ${second}`, hint });
}
