import { parseDurationMs } from "#common";
import { fixedTiming, polynomialTiming, profileTiming, type TimingModel, tableTiming } from "#mocker/engine";
import { buildSurface, loadMockerTable, loadProfile, type MockerTable, type Profile } from "#profiles";
import { estimatorBlocks, estimatorTiming, type NativeEngine } from "#src/estimator";
import { badFlag, contradiction } from "./errors.ts";
import { estimatedEngine } from "./estimated-engine.ts";
import type { MockerFlags } from "./flags.ts";

/** Where an engine's times come from. */
export type TimingSource =
  | { kind: "profile"; profile: Profile }
  | { kind: "table"; table: MockerTable }
  | { kind: "fixed"; prefillMs: number; decodeMs: number; perPass: boolean }
  | { kind: "polynomial" }
  | { kind: "estimator"; engine: NativeEngine; schedulers: number };

/** @throws UserError where flags contradict each other, a file can't be read, or the estimator does not know the engine */
export function timingSource(flags: MockerFlags): TimingSource {
  const given = [
    ["--profile", flags.profile],
    ["--planner-profile-data", flags.plannerProfileData],
    ["--timing", flags.timing],
    ["--time-to-first-token", flags.timeToFirstToken ?? flags.interTokenLatency],
    ["--aic-perf-model", flags.aicPerfModel],
  ].flatMap(([flag, value]) => (value === undefined ? [] : [flag as string]));
  if (given.length > 1) {
    throw contradiction(given.join(", "), "each says where the engine's times come from", "give one of them");
  }
  const engine = estimatedEngine(flags);
  if (engine !== null) return { kind: "estimator", engine, schedulers: flags.dataParallelSize ?? 1 };
  if (flags.profile !== undefined) return { kind: "profile", profile: loadProfile(flags.profile) };
  if (flags.plannerProfileData !== undefined) return plannerProfileData(flags.plannerProfileData);
  if (flags.timing !== undefined) return namedTiming(flags.timing);
  if (given.length === 1) {
    const prefillMs = flags.timeToFirstToken ?? 0;
    return { kind: "fixed", prefillMs, decodeMs: flags.interTokenLatency ?? 0, perPass: false };
  }
  return { kind: "polynomial" };
}

/** A mocker table is read as Dynamo reads it; anything else is a profile. */
function plannerProfileData(path: string): TimingSource {
  if (path.endsWith(".npz")) {
    try {
      return { kind: "table", table: loadMockerTable(path) };
    } catch {
      // One half of a profiler's results; what is wrong with anything else, the profile's reader says.
    }
  }
  return { kind: "profile", profile: loadProfile(path) };
}

function namedTiming(text: string): TimingSource {
  if (text === "polynomial") return { kind: "polynomial" };
  const match = /^fixed:([^,]+),([^,]+)(,per-pass)?$/.exec(text);
  if (match === null) {
    throw badFlag("--timing", text, "polynomial, or fixed:<ttft>,<itl>", "such as fixed:100ms,10ms");
  }
  return {
    kind: "fixed",
    prefillMs: parseDurationMs(match[1]!, "--timing"),
    decodeMs: parseDurationMs(match[2]!, "--timing"),
    perPass: match[3] !== undefined,
  };
}

/** KV blocks of one scheduler that the source was measured or estimated with; null where it says none. */
export function sourceBlocks(source: TimingSource, blockSize: number): number | null {
  if (source.kind === "estimator") return estimatorBlocks(source.engine, blockSize, source.schedulers);
  if (source.kind === "profile") return Math.max(1, Math.floor(source.profile.decode.maxKvTokens / blockSize));
  return null;
}

/** Bytes of KV cache of one token, each head counted once, where the source knows them. */
export function sourceKvBytes(source: TimingSource): number | undefined {
  if (source.kind === "estimator") return source.engine.facts.kvBytesPerToken;
  return source.kind === "profile" ? source.profile.provenance.kvBytesPerToken : undefined;
}

export function timingOf(source: TimingSource, capacityTokens: number, flags: MockerFlags): TimingModel {
  const dynosim = (name: string) => flags.quirks?.some((quirk) => quirk === "dynosim" || quirk === name) ?? false;
  switch (source.kind) {
    case "profile":
      return profileTiming(buildSurface(source.profile, flags.surfaces ?? "robust"), {
        capacityTokens,
        prefillByBatchTotal: dynosim("integerMeans"),
      });
    case "table":
      return tableTiming(source.table);
    case "fixed":
      return fixedTiming({ ...source, perPass: source.perPass || dynosim("fixedPrefillPerPass") });
    case "polynomial":
      return polynomialTiming({ capacityTokens });
    case "estimator":
      return estimatorTiming(source.engine, { schedulers: source.schedulers });
  }
}
