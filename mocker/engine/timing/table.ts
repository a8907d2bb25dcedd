import type { MockerTable } from "#profiles";
import type { TimingModel } from "../types.ts";
import { Segments } from "./segments.ts";

/** No decode step is faster than this, ms (ai-dynamo 1.6.1). */
const MIN_DECODE_MS = 1;

/**
 * The timing of a mocker table as Dynamo's mocker reads it: prefill linear over the new tokens of the pass, decode bilinear
 * over active KV tokens × mean context; beyond the table the end segments go on, prefill never below 0 ms, decode never
 * below 1 ms. The table must be validated: axes ascending, sizes matching.
 */
export function tableTiming(table: MockerTable): TimingModel {
  const prefillAxis = new Segments(table.prefillIsl);
  const ttftMs = Float64Array.from(table.prefillTtftMs);
  const kvAxis = new Segments(table.decodeActiveKvTokens);
  const contextAxis = new Segments(table.decodeContextLength);
  const columns = table.decodeContextLength.length;
  const itlMs = Float64Array.from(table.decodeItlMs.flat());
  let extrapolations = 0;

  return {
    kind: "table",
    chunkWorkMs: () => 0,
    prefillMs: (batch, newTokens) => {
      if (batch === 0 || newTokens === 0) return 0;
      if (prefillAxis.beyond(newTokens)) extrapolations++;
      const i = prefillAxis.find(newTokens);
      if (ttftMs.length === 1) return Math.max(0, ttftMs[0]!);
      const weight = share(prefillAxis.knots, i, newTokens);
      return Math.max(0, between(ttftMs[i]!, ttftMs[i + 1]!, weight));
    },
    decodeMs: (batch, activeKvTokens, meanContext) => {
      if (batch === 0) return 0;
      if (kvAxis.beyond(activeKvTokens) || contextAxis.beyond(meanContext)) extrapolations++;
      const row = kvAxis.find(activeKvTokens);
      const column = contextAxis.find(meanContext);
      const rowWeight = share(kvAxis.knots, row, activeKvTokens);
      const columnWeight = share(contextAxis.knots, column, meanContext);
      const low = row * columns + column;
      const right = columns > 1 ? 1 : 0;
      const high = low + (kvAxis.knots.length > 1 ? columns : 0);
      const atLow = between(itlMs[low]!, itlMs[low + right]!, columnWeight);
      const atHigh = between(itlMs[high]!, itlMs[high + right]!, columnWeight);
      return Math.max(MIN_DECODE_MS, between(atLow, atHigh, rowWeight));
    },
    extrapolations: () => extrapolations,
  };
}

/** Where `value` stands in its segment: 0 at the lower knot, 1 at the upper, beyond them outside. */
function share(knots: Float64Array, i: number, value: number): number {
  return knots.length === 1 ? 0 : (value - knots[i]!) / (knots[i + 1]! - knots[i]!);
}

function between(low: number, high: number, weight: number): number {
  return low + (high - low) * weight;
}
