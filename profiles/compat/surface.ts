import { measuredRange } from "../measured-range.ts";
import { mergeDecodeDuplicates, mergePrefillDuplicates } from "../samples.ts";
import type { BestThroughput, Profile, Surface } from "../types.ts";
import { notAKnotSpline } from "./cubic-spline.ts";
import { griddata } from "./griddata.ts";
import { buildLookupTable, RESOLUTION } from "./lookup-table.ts";
import { triangulate } from "./triangulation.ts";

/**
 * The surfaces that Dynamo's SLA planner (2025) computes, decision for decision, with their weaknesses: overshoot
 * between samples (throughput can be negative), steps of 1 % of the KV cache, no extrapolation. Splines and tables are
 * built when first needed. Duplicate points, on which the reference fails, are replaced by their mean.
 * @throws UserError PROFILES_TOO_FEW_POINTS: fewer than 4 ISLs, or decode samples on one line (when first asked)
 */
export function compatSurface(profile: Profile): Surface {
  const prefill = mergePrefillDuplicates(profile.prefill);
  const decode = mergeDecodeDuplicates(profile.decode);
  const lowest = prefill.isl[0]!;
  const highest = prefill.isl.at(-1)!;
  const longest = Math.max(...decode.contextLength);
  const range = measuredRange(profile);
  const clamped = (isl: number): number => Math.max(lowest, Math.min(isl, highest));
  const spline = (values: number[]) => lazily(() => notAKnotSpline(prefill.isl, values, `${profile.name}: prefill`));
  const ttft = spline(prefill.ttftMs);
  const prefillThroughput = spline(prefill.throughputPerGpu);
  const mesh = lazily(() => triangulate(decode.kvUsage, decode.contextLength, `${profile.name}: decode`));
  const itl = lazily(() => buildLookupTable(mesh(), decode.itlMs));
  const throughput = lazily(() => buildLookupTable(mesh(), decode.throughputPerGpu));
  const row = (contextLength: number): number => RESOLUTION * tableIndex(contextLength / (longest / (RESOLUTION - 1)));
  const column = (kvUsage: number): number => tableIndex(kvUsage / (1 / (RESOLUTION - 1)));
  const cell = (table: Float64Array, kvUsage: number, contextLength: number): number =>
    table[row(contextLength) + column(kvUsage)]!;

  return {
    family: "compat",
    maxKvTokens: decode.maxKvTokens,
    ttftMs: (isl) => ttft()(clamped(isl)),
    prefillThroughputPerGpu: (isl) => prefillThroughput()(clamped(isl)),
    itlMs: (kvUsage, contextLength) => cell(itl(), kvUsage, contextLength),
    decodeThroughputPerGpu: (kvUsage, contextLength) => cell(throughput(), kvUsage, contextLength),
    bestThroughputPerGpu: (itlMs, contextLength): BestThroughput => {
      const start = row(contextLength);
      const itlTable = itl();
      let ix = RESOLUTION - 1;
      // The surface is not monotone: the reference scans from the highest load down, and takes the lowest where none
      // keeps the target.
      while (ix > 0 && !(itlTable[start + ix]! <= itlMs)) ix--;
      return {
        throughputPerGpu: throughput()[start + ix]!,
        itlMs: itlTable[start + ix]!,
        kvUsage: ix === RESOLUTION - 1 ? 1 : ix * (1 / (RESOLUTION - 1)),
      };
    },
    extrapolates: range.extrapolates,
    extrapolatesPrefill: range.extrapolatesPrefill,
  };
}

/**
 * `compat` without its table: the same interpolation, asked at the very point. Not what the reference planner does,
 * but the fairer rival when surfaces are compared.
 */
export function unsnappedCompatSurface(profile: Profile): Surface {
  const decode = mergeDecodeDuplicates(profile.decode);
  const mesh = lazily(() => triangulate(decode.kvUsage, decode.contextLength, `${profile.name}: decode`));
  const itl = lazily(() => griddata(mesh(), decode.itlMs));
  const throughput = lazily(() => griddata(mesh(), decode.throughputPerGpu));
  return {
    ...compatSurface(profile),
    itlMs: (kvUsage, contextLength) => itl().at(kvUsage, contextLength),
    decodeThroughputPerGpu: (kvUsage, contextLength) => throughput().at(kvUsage, contextLength),
  };
}

/** Python's `round` (half to even), clipped to the table. @throws RangeError for NaN, as the reference does */
function tableIndex(position: number): number {
  if (Number.isNaN(position)) throw new RangeError("the load or the context length is not a number");
  const floor = Math.floor(position);
  const rest = position - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  return Math.max(0, Math.min(RESOLUTION - 1, rounded));
}

function lazily<Value extends object>(make: () => Value): () => Value {
  let value: Value | undefined;
  return () => {
    value ??= make();
    return value;
  };
}
