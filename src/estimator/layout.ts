import { invalidLayout } from "./errors.ts";
import type { EngineLayout } from "./types.ts";

/**
 * The layout that a label names, in the field's words: `tpN` splits attention and MLP over N GPUs; `tepN` splits attention over N
 * and gives each GPU its share of the experts; `depN` gives each of N GPUs its own requests (attention data parallelism) and its
 * share of the experts. `ppM` behind one of them makes M pipeline stages of that. `tpApp1dpBetpCepD` says all of it one by one, as
 * the AI configurator's tables do.
 * @throws UserError for any other label
 */
export function engineLayout(label: string): EngineLayout {
  const spelled = /^tp([1-9]\d*)pp([1-9]\d*)dp([1-9]\d*)etp([1-9]\d*)ep([1-9]\d*)$/.exec(label);
  if (spelled) {
    const [tp, pp, attentionDp, moeTp, moeEp] = spelled.slice(1).map(Number) as [
      number,
      number,
      number,
      number,
      number,
    ];
    return { tp, pp, attentionDp, moeTp, moeEp, gpus: tp * pp * attentionDp };
  }
  const found = /^(tp|tep|dep)([1-9]\d*)(?:pp([1-9]\d*))?$/.exec(label);
  if (!found) throw invalidLayout(label);
  const width = Number(found[2]);
  const pp = Number(found[3] ?? 1);
  const one: EngineLayout = { tp: 1, pp, attentionDp: 1, moeTp: 1, moeEp: 1, gpus: width * pp };
  if (found[1] === "tp") return { ...one, tp: width, moeTp: width };
  if (found[1] === "tep") return { ...one, tp: width, moeEp: width };
  return { ...one, attentionDp: width, moeEp: width };
}
