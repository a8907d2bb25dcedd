import { headsNotDivisible, layoutCannotBeBuilt } from "../errors.ts";
import type { ModelFacts } from "../models/types.ts";
import type { EngineLayout, Quantization } from "../types.ts";

/** Query heads that one GPU holds at least, as the documented limit of simulated profiling has it. */
export const LEAST_HEADS_PER_GPU = 4;
/** Scale block of FP8 checkpoints that don't say theirs, elements. */
const FP8_BLOCK = 128;

/**
 * Whether a model can be split so.
 *
 * @param leastHeads query heads that each GPU must hold
 * @throws UserError naming what doesn't divide
 */
export function checkLayout(
  model: ModelFacts,
  label: string,
  layout: EngineLayout,
  formats: Required<Quantization>,
  leastHeads: number,
): void {
  const { tp, attentionDp, moeTp, moeEp, pp } = layout;
  if (model.heads % tp !== 0 || model.heads / tp < leastHeads) {
    throw headsNotDivisible(model.id, model.heads, tp, leastHeads);
  }
  const refuse = (detail: string) => layoutCannotBeBuilt(model.id, label, detail);
  if (pp > model.layers) throw refuse(`${model.layers} layers don't fill ${pp} pipeline stages`);
  if (!model.moe) {
    if (moeEp > 1) throw refuse("it has no experts to spread; tpN splits such a model");
    if (attentionDp > 1)
      throw refuse("it has no experts to spread; replicas serve such a model better than attention ranks");
    return;
  }
  const { experts, intermediateSize } = model.moe;
  if (moeTp * moeEp !== tp * attentionDp) {
    throw refuse(`attention takes ${tp} × ${attentionDp} GPUs, experts ${moeTp} × ${moeEp}: these must be equal`);
  }
  if (experts % moeEp !== 0) throw refuse(`${experts} experts don't spread evenly over ${moeEp} GPUs`);
  if (intermediateSize % moeTp !== 0) throw refuse(`experts of width ${intermediateSize} don't split into ${moeTp}`);
  const block = model.formats.block ?? FP8_BLOCK;
  if (formats.moe === "fp8_block" && (intermediateSize / moeTp) % block !== 0) {
    throw refuse(
      `experts of width ${intermediateSize} split into ${moeTp} leave ${intermediateSize / moeTp} each, no multiple of their scale block ${block}`,
    );
  }
}
