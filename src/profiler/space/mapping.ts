import { type EngineLayout, engineLayout } from "#src/estimator";
import { enumerationLabel } from "../picking/layouts.ts";
import type { Dialect, Mapping } from "../types.ts";

/** A mapping of so many GPUs by its names until 0.8: `TP=4` for people, `TP4` in paths. */
export function mappingOf(kind: Mapping["kind"], gpus: number): Mapping {
  return {
    layout: engineLayout(`${kind.toLowerCase()}${gpus}`),
    kind,
    label: `${kind}=${gpus}`,
    tag: `${kind}${gpus}`,
  };
}

/** A mapping by its name since 1.0, which counts each kind of parallelism: `tp4`, `tp1-dp8-moeep8`. */
export function tupleMapping(layout: EngineLayout, isMoe: boolean): Mapping {
  const label = enumerationLabel(layout, isMoe);
  return { layout, kind: kindOf(layout), label, tag: label };
}

/** The mapping of a layout by the names of a dialect. */
export function mappingOfLayout(layout: EngineLayout, dialect: Dialect, isMoe: boolean): Mapping {
  return dialect === "1.0" ? tupleMapping(layout, isMoe) : mappingOf(kindOf(layout), layout.gpus);
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
