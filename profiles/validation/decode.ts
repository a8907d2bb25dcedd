import type { DecodeSamples } from "../types.ts";
import { type DecodeLine, decodeLines } from "./decode-lines.ts";
import { type Finding, isPlausible, listed, short } from "./finding.ts";

/** ITL of a heavier load below that of a lighter one by more than this is more than noise. */
const ITL_NOISE = 0.05;
/**
 * Between two loads, ITL × throughput grows with the batch; where it grows by less than this share of it (in logs),
 * requests queued.
 */
const QUEUED_GROWTH = 0.6;
/** Smaller steps of the batch say nothing about growth. */
const LEAST_BATCH_STEP = 1.1;
const FEWEST_CONTEXTS = 3;
const FEWEST_LOADS = 3;
/** A triangulation needs three points that do not lie on one line. */
const FEWEST_POINTS = 3;

/** What is wrong with the decode samples. Assumes equal lengths and usable coordinates, which loading guarantees. */
export function decodeFindings(samples: DecodeSamples): Finding[] {
  const lines = decodeLines(samples);
  return [
    ...valueFindings(samples),
    ...coordinateFindings(samples),
    ...coverageFindings(samples, lines),
    ...duplicateFindings(samples),
    ...orderFindings(lines),
    ...queueFindings(lines),
  ];
}

function valueFindings(samples: DecodeSamples): Finding[] {
  const bad = (values: number[]): string[] =>
    values.flatMap((value, i) => (isPlausible(value) ? [] : [`${short(value)} at ${place(samples, i)}`]));
  const findings: Finding[] = [];
  const badItl = bad(samples.itlMs);
  if (badItl.length > 0) {
    findings.push({
      severity: "error",
      code: "ITL_NOT_POSITIVE",
      message: `ITL is not a positive number of ms: ${listed(badItl)}`,
      advice: "profile these points again, or remove the samples: a failed run leaves such values",
    });
  }
  const badThroughput = bad(samples.throughputPerGpu);
  if (badThroughput.length > 0) {
    findings.push({
      severity: "error",
      code: "DECODE_THROUGHPUT_NOT_POSITIVE",
      message: `decode throughput is not a positive number of tokens/s: ${listed(badThroughput)}`,
      advice:
        "profile these points again, or remove the samples: throughput is batch ÷ ITL ÷ GPUs and cannot be 0 or less",
    });
  }
  return findings;
}

function coordinateFindings(samples: DecodeSamples): Finding[] {
  const findings: Finding[] = [];
  const above = samples.kvUsage.flatMap((kvUsage, i) => (kvUsage > 1.0005 ? [place(samples, i)] : []));
  if (above.length > 0) {
    findings.push({
      severity: "warning",
      code: "KV_USAGE_ABOVE_ONE",
      message: `KV usage is above 1: ${listed(above)}`,
      advice:
        "check max_kv_tokens: these loads do not fit the cache it states, so their requests waited or it is too small",
    });
  }
  const below = samples.kvUsage.flatMap((kvUsage, i) =>
    kvUsage * samples.maxKvTokens < 0.99 * samples.contextLength[i]! ? [place(samples, i)] : [],
  );
  if (below.length > 0) {
    findings.push({
      severity: "warning",
      code: "LESS_THAN_ONE_REQUEST",
      message: `the load is less than one request: ${listed(below)}`,
      advice:
        "check max_kv_tokens: it is too small for these samples, or their KV usage was computed with another capacity",
    });
  }
  return findings;
}

function coverageFindings(samples: DecodeSamples, lines: DecodeLine[]): Finding[] {
  const thin = lines.filter((line) => new Set(line.points.map((point) => point.kvUsage)).size < FEWEST_LOADS);
  if (samples.kvUsage.length < FEWEST_POINTS || lines.length < 2) {
    return [
      {
        severity: "warning",
        code: "DECODE_TOO_FEW_POINTS",
        message: `decode was measured at ${samples.kvUsage.length} points on ${lines.length} context length${lines.length === 1 ? "" : "s"}; compat surfaces need 3 points that do not lie on one line`,
        advice: "profile more context lengths (the profiler's default is 6, each at 6 loads)",
      },
    ];
  }
  if (lines.length >= FEWEST_CONTEXTS && thin.length === 0) return [];
  const what =
    lines.length < FEWEST_CONTEXTS
      ? `only ${lines.length} context lengths were measured`
      : `fewer than ${FEWEST_LOADS} loads were measured at ${listed(thin.map((line) => `${short(line.contextLength)} tokens`))}`;
  return [
    {
      severity: "warning",
      code: "DECODE_SPARSE",
      message: `coverage is sparse: ${what}`,
      advice:
        "results there rest on a few samples: profile more loads (raise the decode granularity), or lower the longest context to what is served",
    },
  ];
}

function duplicateFindings(samples: DecodeSamples): Finding[] {
  const seen = new Set<string>();
  const repeated = samples.kvUsage.flatMap((kvUsage, i) => {
    const key = `${kvUsage} ${samples.contextLength[i]}`;
    if (seen.has(key)) return [place(samples, i)];
    seen.add(key);
    return [];
  });
  if (repeated.length === 0) return [];
  return [
    {
      severity: "warning",
      code: "DECODE_DUPLICATES",
      message: `points appear more than once: ${listed(repeated)}`,
      advice: "nothing needs doing: their mean is used; the reference planner fails on them",
    },
  ];
}

function orderFindings(lines: DecodeLine[]): Finding[] {
  const falls = lines.flatMap(({ contextLength, points }) =>
    points.slice(1).flatMap((point, i) => {
      const before = points[i]!;
      if (!(point.kvUsage > before.kvUsage && point.itlMs < before.itlMs * (1 - ITL_NOISE))) return [];
      return [`${short(before.itlMs)} → ${short(point.itlMs)} ms at ${short(contextLength)} tokens`];
    }),
  );
  if (falls.length === 0) return [];
  return [
    {
      severity: "warning",
      code: "ITL_NOT_MONOTONE",
      message: `ITL falls although the load grows: ${listed(falls)}`,
      advice: "profile these loads again; robust surfaces level it, compat surfaces follow it",
    },
  ];
}

/**
 * By Little's law the requests that really decode together are ITL × throughput. Where the nominal batch grows and
 * that product does not follow, the engine's limits kept requests waiting, and ITL there is not that of the nominal
 * load.
 */
function queueFindings(lines: DecodeLine[]): Finding[] {
  const queued = lines.flatMap(({ contextLength, points }) => {
    const from = points.findIndex((point, i) => {
      const before = points[i - 1];
      if (!before || point.batch < before.batch * LEAST_BATCH_STEP) return false;
      const growth = Math.log((point.itlMs * point.throughputPerGpu) / (before.itlMs * before.throughputPerGpu));
      return growth < QUEUED_GROWTH * Math.log(point.batch / before.batch);
    });
    if (from < 0) return [];
    const { batch, kvUsage } = points[from]!;
    return [`from ${short(batch)} requests (${short(100 * kvUsage)} % KV) at ${short(contextLength)} tokens`];
  });
  if (queued.length === 0) return [];
  return [
    {
      severity: "warning",
      code: "DECODE_QUEUE_LIMITED",
      message: `requests waited instead of decoding: ${listed(queued)}`,
      advice:
        "the engine runs fewer requests at once than these samples claim: raise its batch limit and profile again, or keep loads below",
    },
  ];
}

function place(samples: DecodeSamples, i: number): string {
  return `${short(100 * samples.kvUsage[i]!)} % KV × ${short(samples.contextLength[i]!)} tokens`;
}
