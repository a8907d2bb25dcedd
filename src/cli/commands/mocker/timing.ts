import { parseDurationMs } from "#common";
import { fixedTiming, polynomialTiming, profileTiming, type TimingModel, tableTiming } from "#mocker/engine";
import { buildSurface, loadMockerTable, loadProfile, type MockerTable, type Profile } from "#profiles";
import { badFlag, contradiction } from "./errors.ts";
import type { MockerFlags } from "./flags.ts";

/** Where an engine's times come from. */
export type TimingSource =
  | { kind: "profile"; profile: Profile }
  | { kind: "table"; table: MockerTable }
  | { kind: "fixed"; prefillMs: number; decodeMs: number; perPass: boolean }
  | { kind: "polynomial" };

type TimingFlags = Pick<
  MockerFlags,
  "profile" | "plannerProfileData" | "timing" | "timeToFirstToken" | "interTokenLatency"
>;

/** @throws UserError where flags contradict each other, or a file can't be read */
export function timingSource(flags: TimingFlags): TimingSource {
  const given = [
    ["--profile", flags.profile],
    ["--planner-profile-data", flags.plannerProfileData],
    ["--timing", flags.timing],
    ["--time-to-first-token", flags.timeToFirstToken ?? flags.interTokenLatency],
  ].flatMap(([flag, value]) => (value === undefined ? [] : [flag as string]));
  if (given.length > 1) {
    throw contradiction(given.join(", "), "each says where the engine's times come from", "give one of them");
  }
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

/** KV capacity that the source was measured with, tokens; null where it says none. */
export function sourceCapacity(source: TimingSource): number | null {
  return source.kind === "profile" ? source.profile.decode.maxKvTokens : null;
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
  }
}
