import { invalidLayout } from "./errors.ts";
import type { EngineLayout } from "./types.ts";

/**
 * The layout that a label names, in the field's words: `tpN` splits attention and MLP over N GPUs; `tepN` splits attention over N
 * and gives each GPU its share of the experts; `depN` gives each of N GPUs its own requests (attention data parallelism) and its
 * share of the experts.
 * @throws UserError for any other label
 */
export function engineLayout(label: string): EngineLayout {
  const found = /^(tp|tep|dep)([1-9]\d*)$/.exec(label);
  if (!found) throw invalidLayout(label);
  const gpus = Number(found[2]);
  const one: EngineLayout = { tp: 1, pp: 1, attentionDp: 1, moeTp: 1, moeEp: 1, gpus };
  if (found[1] === "tp") return { ...one, tp: gpus, moeTp: gpus };
  if (found[1] === "tep") return { ...one, tp: gpus, moeEp: gpus };
  return { ...one, attentionDp: gpus, moeEp: gpus };
}
