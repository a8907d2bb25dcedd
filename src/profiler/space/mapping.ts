import { type EngineLayout, engineLayout } from "#src/estimator";
import type { Dialect, Mapping } from "../types.ts";

/**
 * A mapping of so many GPUs by the names of a dialect: `TP=4` with the path tag `TP4`; since 1.0 `tp1-dp8-moeep8` for both.
 * @param isMoe whether the experts of the model take part; decides the name of plain TP since 1.0
 */
export function mappingOf(kind: Mapping["kind"], gpus: number, dialect: Dialect, isMoe = false): Mapping {
  const layout = engineLayout(`${kind.toLowerCase()}${gpus}`);
  if (dialect !== "1.0") return { layout, kind, label: `${kind}=${gpus}`, tag: `${kind}${gpus}` };
  const label = tupleLabel(layout, isMoe);
  return { layout, kind, label, tag: label };
}

/** Label of the estimator's own: `tp4`, `tep8`, `dep8`. */
export function parallelismOf(mapping: Mapping): string {
  return `${mapping.kind.toLowerCase()}${mapping.layout.gpus}`;
}

/** The kind that a layout is of. */
export function kindOf(layout: EngineLayout): Mapping["kind"] {
  if (layout.attentionDp > 1) return "DEP";
  return layout.moeEp > 1 ? "TEP" : "TP";
}

function tupleLabel({ tp, attentionDp, moeTp, moeEp }: EngineLayout, isMoe: boolean): string {
  const parts = [`tp${tp}`];
  if (attentionDp > 1) parts.push(`dp${attentionDp}`);
  if (isMoe && moeTp > 1) parts.push(`moetp${moeTp}`);
  if (isMoe && moeEp > 1) parts.push(`moeep${moeEp}`);
  return parts.join("-");
}

export type SweepPhase = "prefill" | "decode";

/**
 * Folder of a candidate within the output folder, as the dialect names it: `prefill_tp4` (0.3), `prefill_4gpus` (0.6),
 * `prefill_4gpus_TP4` (0.8), `prefill_4gpus_tp4` (1.0).
 */
export function candidateFolder(phase: SweepPhase, mapping: Mapping, dialect: Dialect): string {
  const { gpus } = mapping.layout;
  if (dialect === "0.3") return `${phase}_tp${gpus}`;
  if (dialect === "0.6") return `${phase}_${gpus}gpus`;
  return `${phase}_${gpus}gpus_${mapping.tag}`;
}
