import { type Profile, profileToMockerTable } from "#profiles";
import { Comparison } from "./comparison.ts";
import type { RecordedMockerTable } from "./scaling-schemas.ts";

const RELATIVE = 1e-9;
const TIME_ABSOLUTE_MS = 1e-6;

/** Whether a table can be of a profile: its axes span what was measured. */
export function spansProfile(recorded: RecordedMockerTable, { prefill, decode }: Profile): boolean {
  return (
    prefill.isl[0] === recorded.prefill_isl[0] &&
    prefill.isl.at(-1) === recorded.prefill_isl.at(-1) &&
    Math.max(...decode.contextLength) === recorded.decode_context_length.at(-1)
  );
}

/** An excerpt of the table that Dynamo's converter makes of a profile. */
export function compareMockerTable(profile: Profile, recorded: RecordedMockerTable): Comparison {
  const comparison = new Comparison();
  const table = profileToMockerTable(profile, recorded.resolution, "regression");
  recorded.indices.forEach((at, i) => {
    const near = (what: string, found: number | undefined, expected: number | undefined, absolute = 0) =>
      comparison.near(`${what}[${at}]`, found ?? Number.NaN, expected ?? Number.NaN, RELATIVE, absolute);
    near("ISL", table.prefillIsl[at], recorded.prefill_isl[i]);
    near("TTFT", table.prefillTtftMs[at], recorded.prefill_ttft_ms[i], TIME_ABSOLUTE_MS);
    near("KV tokens", table.decodeActiveKvTokens[at], recorded.decode_active_kv_tokens[i]);
    near("context length", table.decodeContextLength[at], recorded.decode_context_length[i]);
    recorded.indices.forEach((column, k) => {
      near(`ITL[${column}]`, table.decodeItlMs[at]?.[column], recorded.decode_itl[i]?.[k], TIME_ABSOLUTE_MS);
    });
  });
  return comparison;
}
