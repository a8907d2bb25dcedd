import { badValue } from "./errors.ts";
import { leastSquares } from "./least-squares.ts";
import { linspace } from "./linspace.ts";
import { checkedDecode, checkedPrefill } from "./reference-arrays.ts";
import { buildSurface } from "./surface.ts";
import type { MockerTable, Profile, SurfaceFamily } from "./types.ts";

const MAX_RESOLUTION = 1000;
/**
 * Contexts and loads that a profile made from a table keeps of each axis: as fine as a profiler's own sweep or finer.
 */
const CONTEXTS_KEPT = 10;
const LOADS_KEPT = 9;
const ISLS_KEPT = 25;

/** Whose ITL and TTFT fill the table: a family of surfaces, or the linear regression of Dynamo's own converter. */
export type MockerFit = SurfaceFamily | "regression";

/**
 * The mocker table of a profile on the axes that Dynamo's own converter uses: ISL over the measured range, active KV
 * tokens from 0 to the highest measured load, context length from 1 to the longest measured. At a cell of fewer KV
 * tokens than one context (less than one request), the load of one request is read: the engine cannot decode fewer.
 * @param resolution points on each axis, ≥ 2
 * @param fit `regression` reproduces the table that Dynamo's converter makes
 * @throws UserError PROFILES_BAD_VALUE, PROFILES_TOO_FEW_POINTS
 */
export function profileToMockerTable(profile: Profile, resolution = 100, fit: MockerFit = "robust"): MockerTable {
  if (!Number.isInteger(resolution) || resolution < 2 || resolution > MAX_RESOLUTION) {
    throw badValue("resolution", resolution, `a whole number between 2 and ${MAX_RESOLUTION}`);
  }
  const { isl } = profile.prefill;
  const { kvUsage, contextLength, maxKvTokens } = profile.decode;
  const times = fit === "regression" ? regressionTimes(profile) : surfaceTimes(profile, fit);
  const prefillIsl = linspace(isl[0]!, isl.at(-1)!, resolution);
  const decodeActiveKvTokens = linspace(0, maxKvTokens * Math.max(...kvUsage), resolution);
  const decodeContextLength = linspace(1, Math.max(...contextLength), resolution);
  return {
    prefillIsl,
    prefillTtftMs: prefillIsl.map(times.ttftMs),
    decodeActiveKvTokens,
    decodeContextLength,
    decodeItlMs: decodeActiveKvTokens.map((kvTokens) =>
      decodeContextLength.map((context) => times.itlMs(kvTokens, context)),
    ),
  };
}

interface Times {
  ttftMs: (isl: number) => number;
  itlMs: (kvTokens: number, context: number) => number;
}

function surfaceTimes(profile: Profile, family: SurfaceFamily): Times {
  const surface = buildSurface(profile, family);
  return {
    ttftMs: (isl) => surface.ttftMs(isl),
    itlMs: (kvTokens, context) => surface.itlMs(Math.max(kvTokens, context) / surface.maxKvTokens, context),
  };
}

/**
 * The fits of Dynamo's converter (2026): TTFT = a + b·ISL, ITL = a + b·batch + c·KV tokens, ordinary least squares
 * over the samples, batch at least 1 and rounded where it is fitted, not rounded where it is asked for. Its intercept
 * may lie far below the shortest measurement.
 */
function regressionTimes({ prefill, decode }: Profile): Times {
  const [base, perToken] = leastSquares(
    prefill.isl.map((isl) => [1, isl]),
    prefill.ttftMs,
  );
  const [least, perSequence, perKvToken] = leastSquares(
    decode.kvUsage.map((kvUsage, i) => {
      const kvTokens = Math.round(kvUsage * decode.maxKvTokens);
      return [1, Math.max(1, Math.round(kvTokens / decode.contextLength[i]!)), kvTokens];
    }),
    decode.itlMs,
  );
  return {
    ttftMs: (isl) => base! + perToken! * isl,
    itlMs: (kvTokens, context) => least! + perSequence! * Math.max(1, kvTokens / context) + perKvToken! * kvTokens,
  };
}

/**
 * A profile from a mocker table, as far as that carries: the table says nothing of GPUs, of throughput or of the KV
 * capacity, so the capacity is taken as the table's last load, throughput as batch ÷ ITL of an engine of one GPU, and
 * the provenance says so. Cells of less than one request are left out, and those whose time is not positive (a fitted
 * line can fall below 0).
 * @throws UserError PROFILES_EMPTY where that leaves none
 */
export function mockerTableToProfile(table: MockerTable, name: string): Profile {
  const maxKvTokens = table.decodeActiveKvTokens.at(-1)!;
  const prefillAt = thinned(table.prefillIsl.length, ISLS_KEPT).filter(
    (i) => table.prefillIsl[i]! > 0 && table.prefillTtftMs[i]! > 0,
  );
  const isl = prefillAt.map((i) => table.prefillIsl[i]!);
  const ttftMs = prefillAt.map((i) => table.prefillTtftMs[i]!);
  const decode = {
    kvUsage: [] as number[],
    contextLength: [] as number[],
    itlMs: [] as number[],
    throughputPerGpu: [] as number[],
    maxKvTokens,
  };
  for (const column of thinned(table.decodeContextLength.length, CONTEXTS_KEPT)) {
    const context = table.decodeContextLength[column]!;
    if (context <= 1) continue;
    const usable = table.decodeActiveKvTokens.map((kv, row) => ({ kv, row })).filter(({ kv }) => kv >= context);
    for (const at of thinned(usable.length, LOADS_KEPT)) {
      const { kv, row } = usable[at]!;
      const itlMs = table.decodeItlMs[row]![column]!;
      if (!(itlMs > 0)) continue;
      decode.kvUsage.push(kv / maxKvTokens);
      decode.contextLength.push(context);
      decode.itlMs.push(itlMs);
      decode.throughputPerGpu.push((1000 * kv) / context / itlMs);
    }
  }
  return {
    name,
    prefill: checkedPrefill(
      { isl, ttftMs, throughputPerGpu: isl.map((tokens, i) => (1000 * tokens) / ttftMs[i]!) },
      name,
    ),
    decode: checkedDecode(decode, name),
    provenance: {
      source: "converted",
      note:
        "Converted from a mocker table. Lost there: measured samples (these are cells of a fitted table), GPUs per engine and measured " +
        "throughput (here: batch ÷ ITL of an engine of one GPU) and the KV capacity (here: the table's highest load).",
    },
  };
}

/** At most `keep` indices of 0..count-1, evenly spread, both ends among them. */
function thinned(count: number, keep: number): number[] {
  if (count <= keep) return Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: keep }, (_, i) => Math.round((i * (count - 1)) / (keep - 1)));
}
