import type { Workload } from "#scenarios/workload";
import { buildWorkload } from "../build-workload.ts";
import { badTraffic } from "../errors.ts";
import { reuse, summarizeWorkload, type WorkloadSummary } from "../traces/summary.ts";
import type { OpenEntry, PrefixSharing } from "../traffic.ts";
import { agentStatistics } from "./agent-statistics.ts";
import { type ComparedStatistic, compared } from "./compared-statistic.ts";
import { fitArrivals } from "./fit-arrivals.ts";
import { fitContent } from "./fit-content.ts";

/** Rounds of scaling at most, and the difference of shares that ends them. */
const CALIBRATIONS = 4;
const CLOSE = 0.005;

export interface FittedTrace {
  entry: OpenEntry;
  original: WorkloadSummary;
  regenerated: WorkloadSummary;
  statistics: ComparedStatistic[];
}

/**
 * Traffic that has the statistics of a workload (rate curve, burstiness, lengths and their correlation, sessions or agents, reuse of
 * prefixes), and how near what it makes comes to them. @param file name for messages
 * @throws UserError SCENARIOS_BAD_TRAFFIC of closed loops, and of requests that wait for others whose prompts they don't repeat
 */
export function fitTrace(workload: Workload, file: string, seed: number): FittedTrace {
  if (workload.openHeads.length === 0) throw badTraffic(file, "found no arrival times, so there is no rate to fit");
  if (workload.dependencies !== undefined && workload.nextTurn !== null) {
    throw badTraffic(file, "found sessions beside requests that wait for others", "fit each of the two by itself");
  }
  const { dispersion, ...arriving } = fitArrivals(
    Float64Array.from(workload.openHeads, (head) => workload.arrivalMs[head]!),
  );
  const entry: OpenEntry = {
    kind: "open",
    startMs: 0,
    ...arriving,
    content: fitContent(workload, file),
  };
  const original = summarizeWorkload(workload);
  const best = calibrated(entry, original.reusableShare, (of) => buildWorkload([of], { seed }));
  const regenerated = summarizeWorkload(roundedAs(workload, original.burstiness.bucketMs, best.made));
  return {
    entry: best.entry,
    original,
    regenerated,
    statistics: [...compare(original, regenerated, dispersion), ...agentStatistics(workload, best.made)],
  };
}

/** With shares of reuse scaled until as many tokens are reused as in the original: the longest sources are too short for some. */
function calibrated(
  entry: OpenEntry,
  wanted: number,
  regenerate: (entry: OpenEntry) => Workload,
): { entry: OpenEntry; made: Workload } {
  const attempt = (of: OpenEntry) => {
    const made = regenerate(of);
    return { entry: of, made, reusableShare: reuse(made).reusableShare };
  };
  const miss = ({ reusableShare }: { reusableShare: number }) => Math.abs(reusableShare - wanted);
  let best = attempt(entry);
  for (let round = 0; round < CALIBRATIONS && miss(best) > CLOSE; round++) {
    const { prefix } = best.entry.content;
    if (prefix?.kind !== "reuse" || prefix.share.kind !== "quantiles") break;
    const factor = wanted / best.reusableShare;
    const points = prefix.share.points.map(({ q, value }) => ({ q, value: Math.min(1, value * factor) }));
    const scaled: PrefixSharing = { ...prefix, share: { kind: "quantiles", points } };
    const next = attempt({ ...best.entry, content: { ...best.entry.content, prefix: scaled } });
    if (miss(next) >= miss(best)) break;
    best = next;
  }
  return best;
}

/** With times rounded as the original's are, to buckets or whole ms, so that both are measured alike. */
function roundedAs(original: Workload, bucketMs: number, made: Workload): Workload {
  const stepMs = bucketMs > 0 ? bucketMs : original.arrivalMs.every(Number.isInteger) ? 1 : 0;
  if (stepMs === 0) return made;
  return { ...made, arrivalMs: made.arrivalMs.map((atMs) => Math.floor(atMs / stepMs) * stepMs) };
}

/** @param noise variance ÷ mean of counts at an even rate */
function compare(original: WorkloadSummary, regenerated: WorkloadSummary, noise: number): ComparedStatistic[] {
  const statistic = (
    name: string,
    unit: string,
    of: (s: WorkloadSummary) => number,
    isRelative = true,
    chance?: number,
  ) => compared(name, unit, of(original), of(regenerated), isRelative, chance);
  const lengths = (key: "isl" | "osl") =>
    (["mean", "p10", "p50", "p90", "p99"] as const).map((q) =>
      statistic(`${key.toUpperCase()} ${q === "mean" ? "mean" : q}`, "tokens", (s) => s[key][q]),
    );
  const rows = [
    statistic("requests", "", (s) => s.requests),
    statistic("rate, mean", "1/s", (s) => s.requestRate, true, TWO_DRAWS * Math.sqrt(noise / original.sessions)),
    statistic("rate, peak of 60 parts", "1/s", (s) => s.peakRate),
    ...(Number.isNaN(original.burstiness.localCv)
      ? []
      : [statistic("cv of gaps, locally", "", (s) => s.burstiness.localCv, false)]),
    ...original.burstiness.windows.map(({ lengthMs }) =>
      statistic(
        `dispersion in ${lengthMs / 1000} s`,
        "",
        (s) => dispersionIn(s, lengthMs),
        true,
        dispersionByChance(noise, dispersionIn(regenerated, lengthMs), Math.floor(original.durationMs / lengthMs)),
      ),
    ),
    ...lengths("isl"),
    ...lengths("osl"),
    statistic("rank correlation ISL–OSL", "", (s) => s.lengthCorrelation, false),
  ];
  if (original.turns !== null && original.dependentRequests > 0) {
    rows.push(statistic("requests of a run, mean", "", (s) => s.meanTurns));
  } else if (original.turns !== null) {
    rows.push(
      statistic("turns of a session, mean", "", (s) => s.meanTurns),
      statistic("wait between turns, p50", "ms", (s) => s.waitMs?.p50 ?? Number.NaN),
      statistic("wait between turns, p90", "ms", (s) => s.waitMs?.p90 ?? Number.NaN),
    );
  }
  if (original.blockTokens !== null) {
    rows.push(
      statistic("reusable prompt tokens", "share", (s) => s.reusableShare, false),
      statistic("requests that reuse", "share", (s) => s.reusingRequests, false),
    );
  }
  return rows;
}

/** Standard deviations of one draw that two of them differ by at most, 19 times out of 20. */
const TWO_DRAWS = 1.96 * Math.SQRT2;

/**
 * What the dispersions of two draws differ by, relative to them. The counts' variance is that around the rate and that of the rate itself;
 * of n counts that scatter normally with variance s² around means of variance v, the sample's has the variance (2s⁴ + 4s²v) / (n − 1).
 */
function dispersionByChance(noise: number, dispersion: number, windows: number): number {
  const ofRate = Math.max(0, dispersion - noise);
  return (TWO_DRAWS * Math.sqrt((2 * noise ** 2 + 4 * noise * ofRate) / (windows - 1))) / (noise + ofRate);
}

function dispersionIn({ burstiness }: WorkloadSummary, lengthMs: number): number {
  return burstiness.windows.find((window) => window.lengthMs === lengthMs)?.dispersion ?? Number.NaN;
}
