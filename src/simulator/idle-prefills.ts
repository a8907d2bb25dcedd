import { IdlePrefill } from "#mocker/engine";
import type { SimulationSpec } from "./types.ts";

/** What prompts take where nothing else runs: in the deployment that there is, and in the one that the planner believes in. */
export interface IdlePrefills {
  actual: IdlePrefill;
  /** By the planner's profile. */
  profiled: IdlePrefill;
}

/** Of a run: its first pool computes prompts; without a profile of the planner's own both are the same. Times in ms. */
export function idlePrefills({
  prefill,
  decode,
  profiledPrefill,
}: Pick<SimulationSpec, "prefill" | "decode" | "profiledPrefill">): IdlePrefills {
  const actual = new IdlePrefill((prefill ?? decode).engine);
  return { actual, profiled: profiledPrefill === undefined ? actual : new IdlePrefill(profiledPrefill) };
}
