import type { PrefillSamples } from "../types.ts";
import { type Finding, isPlausible, listed, short } from "./finding.ts";

/** Noise between two runs of one measurement stays below this share. */
const NOISE = 0.02;
/** A gap between neighbouring lengths of more than this share of the range leaves the curve to guesswork. */
const WIDEST_GAP = 0.3;
/** The `compat` spline needs this many points. */
const SPLINE_POINTS = 4;

/** What is wrong with the prefill samples. Assumes equal lengths and ascending ISLs, which loading guarantees. */
export function prefillFindings(samples: PrefillSamples): Finding[] {
  return [
    ...valueFindings(samples),
    ...coverageFindings(samples),
    ...duplicateFindings(samples),
    ...orderFindings(samples),
  ];
}

function valueFindings({ isl, ttftMs, throughputPerGpu }: PrefillSamples): Finding[] {
  const findings: Finding[] = [];
  const badTtft = isl.flatMap((length, i) => (isPlausible(ttftMs[i]!) ? [] : [at(length, ttftMs[i]!)]));
  if (badTtft.length > 0) {
    findings.push({
      severity: "error",
      code: "TTFT_NOT_POSITIVE",
      message: `TTFT is not a positive number of ms: ${listed(badTtft)}`,
      advice: "profile these lengths again, or remove the samples: a failed run leaves such values",
    });
  }
  const badThroughput = isl.flatMap((length, i) =>
    isPlausible(throughputPerGpu[i]!) ? [] : [at(length, throughputPerGpu[i]!)],
  );
  if (badThroughput.length > 0) {
    findings.push({
      severity: "error",
      code: "PREFILL_THROUGHPUT_NOT_POSITIVE",
      message: `prefill throughput is not a positive number of tokens/s: ${listed(badThroughput)}`,
      advice: "set it to ISL ÷ TTFT ÷ GPUs, or remove the samples",
    });
  }
  return findings;
}

function coverageFindings({ isl }: PrefillSamples): Finding[] {
  const findings: Finding[] = [];
  const distinct = [...new Set(isl)];
  if (distinct.length < SPLINE_POINTS) {
    findings.push({
      severity: "warning",
      code: "PREFILL_TOO_FEW_POINTS",
      message: `TTFT was measured at ${distinct.length} input length${distinct.length === 1 ? "" : "s"}; compat surfaces need ${SPLINE_POINTS}`,
      advice: "profile at more input lengths (the profiler's default is 17)",
    });
    return findings;
  }
  const range = distinct.at(-1)! - distinct[0]!;
  const gaps = distinct.slice(1).flatMap((length, i) => {
    const before = distinct[i]!;
    return length - before > WIDEST_GAP * range ? [`${short(before)} to ${short(length)} tokens`] : [];
  });
  if (gaps.length > 0) {
    findings.push({
      severity: "warning",
      code: "PREFILL_SPARSE",
      message: `input lengths leave wide gaps: ${listed(gaps)}`,
      advice: "profile some lengths within the gaps",
    });
  }
  return findings;
}

function duplicateFindings({ isl }: PrefillSamples): Finding[] {
  const repeated = isl.filter((length, i) => i > 0 && length === isl[i - 1]);
  if (repeated.length === 0) return [];
  return [
    {
      severity: "warning",
      code: "PREFILL_DUPLICATES",
      message: `input lengths appear more than once: ${listed([...new Set(repeated)].map(short))}`,
      advice: "nothing needs doing: their mean is used; the reference planner fails on them",
    },
  ];
}

/** Samples that a longer prompt undercuts: outliers, mostly. */
function orderFindings({ isl, ttftMs }: PrefillSamples): Finding[] {
  const slow: string[] = [];
  let fastestLater = Number.POSITIVE_INFINITY;
  for (let i = isl.length - 1; i >= 0; i--) {
    const value = ttftMs[i]!;
    if (value > fastestLater * (1 + NOISE)) slow.unshift(`${short(value)} ms at ${short(isl[i]!)} tokens`);
    if (value > 0 && value < fastestLater) fastestLater = value;
  }
  if (slow.length === 0) return [];
  return [
    {
      severity: "warning",
      code: "TTFT_NOT_MONOTONE",
      message: `longer prompts are faster than these: ${listed(slow)}`,
      advice:
        "profile these lengths again (a disturbed run is likely); robust surfaces level single outliers, compat surfaces follow them",
    },
  ];
}

function at(length: number, value: number): string {
  return `${short(value)} at ${short(length)} tokens`;
}
