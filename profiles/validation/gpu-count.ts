import { gpusUnknown } from "../errors.ts";
import type { Profile } from "../types.ts";
import { type Finding, short } from "./finding.ts";

/** The stored count differs from the stated one by more than this share: not noise. */
const TOLERANCE = 0.25;
/** Samples of one file whose counts spread by more than this have no common one. */
const SPREAD = 0.1;

/** By how many GPUs the profiler divided its throughput, as the samples themselves show; undefined where they don't. */
export interface StoredGpuCounts {
  prefill: number | undefined;
  decode: number | undefined;
}

/**
 * Prefill throughput is ISL ÷ TTFT ÷ GPUs: the median over the samples tells the GPUs. Decode throughput is at most
 * batch ÷ ITL ÷ GPUs (less where a run's prefill counts too): the sample that comes nearest tells them.
 */
export function storedGpuCounts(profile: Profile): StoredGpuCounts {
  const { prefill, decode } = profile;
  const fromPrefill = prefill.isl
    .map((isl, i) => (1000 * isl) / prefill.ttftMs[i]! / prefill.throughputPerGpu[i]!)
    .filter((count) => Number.isFinite(count) && count > 0)
    .sort((a, b) => a - b);
  const fromDecode = decode.kvUsage
    .map((kvUsage, i) => {
      const batch = (kvUsage * decode.maxKvTokens) / decode.contextLength[i]!;
      return (1000 * batch) / decode.itlMs[i]! / decode.throughputPerGpu[i]!;
    })
    .filter((count) => Number.isFinite(count) && count > 0);
  return {
    prefill: fromPrefill[fromPrefill.length >> 1],
    decode: fromDecode.length > 0 ? Math.min(...fromDecode) : undefined,
  };
}

/** Throughput per GPU that was divided by another number of GPUs than the engine has. */
export function gpuCountFindings(profile: Profile): Finding[] {
  const stored = storedGpuCounts(profile);
  return [
    ...compare("prefill", stored.prefill, profile.provenance.gpusPerPrefillEngine),
    ...compare("decode", stored.decode, profile.provenance.gpusPerDecodeEngine),
    ...consistency(profile),
  ];
}

/**
 * The profile with its throughput divided by the GPUs that its engines have, whatever it was divided by before;
 * unchanged (the same object) where that was right. The provenance's note says what was done.
 * @throws UserError PROFILES_GPUS_UNKNOWN where the provenance does not say how many GPUs an engine has
 */
export function correctGpuCount(profile: Profile): Profile {
  const { gpusPerPrefillEngine, gpusPerDecodeEngine } = profile.provenance;
  if (gpusPerPrefillEngine === undefined || gpusPerDecodeEngine === undefined) throw gpusUnknown(profile.name);
  const stored = storedGpuCounts(profile);
  const prefillFactor = correction(stored.prefill, gpusPerPrefillEngine);
  const decodeFactor = correction(stored.decode, gpusPerDecodeEngine);
  if (prefillFactor === 1 && decodeFactor === 1) return profile;
  const scaled = (values: number[], factor: number): number[] => values.map((value) => value * factor);
  const done = `Stored throughput multiplied by ${short(prefillFactor)} (prefill) and ${short(decodeFactor)} (decode): it had been divided by another number of GPUs.`;
  return {
    ...profile,
    prefill: { ...profile.prefill, throughputPerGpu: scaled(profile.prefill.throughputPerGpu, prefillFactor) },
    decode: { ...profile.decode, throughputPerGpu: scaled(profile.decode.throughputPerGpu, decodeFactor) },
    provenance: { ...profile.provenance, note: profile.provenance.note ? `${profile.provenance.note} ${done}` : done },
  };
}

/** Stored counts are those of machines: whole numbers, up to noise. */
function correction(stored: number | undefined, stated: number): number {
  if (stored === undefined || Math.abs(stored / stated - 1) <= TOLERANCE) return 1;
  return Math.max(1, Math.round(stored)) / stated;
}

function compare(role: "prefill" | "decode", stored: number | undefined, stated: number | undefined): Finding[] {
  if (stored === undefined) return [];
  const ROLE = role.toUpperCase();
  if (stated === undefined) {
    if (Math.abs(stored - 1) <= TOLERANCE) return [];
    return [
      {
        severity: "info",
        code: `${ROLE}_GPUS_UNKNOWN`,
        message: `${role} throughput was divided by ${short(Math.round(stored * 10) / 10)} GPUs; nothing says how many an engine has`,
        advice: `state it: --${role}-gpus N, or gpusPer${role === "prefill" ? "Prefill" : "Decode"}Engine in profile.json`,
      },
    ];
  }
  const factor = stored / stated;
  if (Math.abs(factor - 1) <= TOLERANCE) return [];
  const wrong = `${role} throughput was divided by ${short(Math.round(stored * 10) / 10)} GPUs, but an engine has ${stated}`;
  return [
    {
      severity: "warning",
      code: `${ROLE}_THROUGHPUT_WRONG_GPUS`,
      message: `${wrong}: a planner that trusts it plans ${short(Math.round(factor * 100) / 100)} times the workers it needs`,
      advice: `multiply the stored ${role} throughput by ${short(Math.round(factor * 100) / 100)}: \`profiles convert\` with --fix-throughput does`,
    },
  ];
}

function consistency({ prefill }: Profile): Finding[] {
  const counts = prefill.isl
    .map((isl, i) => (1000 * isl) / prefill.ttftMs[i]! / prefill.throughputPerGpu[i]!)
    .filter((count) => Number.isFinite(count) && count > 0)
    .sort((a, b) => a - b);
  const center = counts[counts.length >> 1];
  if (center === undefined) return [];
  const off = counts.filter((count) => Math.abs(count / center - 1) > SPREAD).length;
  if (off === 0) return [];
  return [
    {
      severity: "warning",
      code: "PREFILL_THROUGHPUT_INCONSISTENT",
      message: `at ${off} of ${counts.length} input lengths prefill throughput is not ISL ÷ TTFT ÷ GPUs`,
      advice: "one of the two was measured under load: profile again; robust surfaces go by TTFT",
    },
  ];
}
