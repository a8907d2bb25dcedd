import type { Backend } from "#src/estimator";
import type { Dialect, Mapping } from "../types.ts";
import { mappingOf, type SweepPhase } from "./mapping.ts";
import type { SweepModel } from "./model.ts";

/**
 * Kinds of mapping to try for one number of GPUs until 0.8, first choice first. Dense models split by TP. Experts: in 0.6 TEP for
 * prefill and DEP for decode, in 0.8 both for either.
 */
export function candidateKinds(phase: SweepPhase, isMoe: boolean, dialect: Dialect): Mapping["kind"][] {
  if (!isMoe) return ["TP"];
  if (dialect === "0.6") return phase === "prefill" ? ["TEP"] : ["DEP"];
  return phase === "prefill" ? ["TEP", "DEP"] : ["DEP", "TEP"];
}

/** All mappings of those GPU counts, in the order in which they are swept. */
export function candidateMappings(
  phase: SweepPhase,
  counts: readonly number[],
  isMoe: boolean,
  dialect: Dialect,
): Mapping[] {
  return counts.flatMap((gpus) => candidateKinds(phase, isMoe, dialect).map((kind) => mappingOf(kind, gpus)));
}

export interface Verdict {
  /** Why it can't run; absent where it can. */
  reason?: string;
  /** What could not be checked, because the model's configuration doesn't say it. */
  unknown: string[];
}

/**
 * Whether a model splits over a mapping: KV heads and the MLP's width over the tensor ranks (in whole quantisation blocks), experts
 * over the expert ranks.
 */
export function checkMapping(mapping: Mapping, model: SweepModel, isMoe: boolean, dialect: Dialect): Verdict {
  const { tp, moeEp } = mapping.layout;
  const unknown: string[] = [];
  const known = (value: number | undefined, name: string): number | undefined => {
    if (value === undefined) unknown.push(name);
    return value;
  };
  const problem = (reason: string): Verdict => ({ reason: `${mapping.label}: ${reason}`, unknown });
  const kvHeads = tp > 1 ? known(model.kvHeads ?? model.heads, "num_key_value_heads") : undefined;
  if (kvHeads !== undefined && !splitsHeads(kvHeads, tp, model.heads, dialect)) {
    return problem(`${kvHeads} KV heads do not divide by a TP size of ${tp}`);
  }
  const experts = isMoe && moeEp > 1 ? known(model.experts, "num_experts") : undefined;
  if (experts !== undefined && experts % moeEp !== 0) {
    return problem(`${experts} experts do not divide by ${moeEp} ranks`);
  }
  const width = tp > 1 ? known(model.intermediateSize, "intermediate_size") : undefined;
  if (width !== undefined && width % tp !== 0) {
    return problem(`an intermediate size of ${width} does not divide by a TP size of ${tp}`);
  }
  if (width !== undefined && model.quantBlock !== undefined && (width / tp) % model.quantBlock !== 0) {
    return problem(`an intermediate size of ${width} over ${tp} ranks is not whole blocks of ${model.quantBlock}`);
  }
  return { unknown };
}

/** Until 0.8 every rank must have its own KV heads; since 1.0 ranks may share one, as engines replicate it. */
function splitsHeads(kvHeads: number, tp: number, heads: number | undefined, dialect: Dialect): boolean {
  if (kvHeads % tp === 0) return true;
  return dialect === "1.0" && tp % kvHeads === 0 && (heads === undefined || heads % tp === 0);
}

/** Whether a backend can run such a mapping at all, which is known since 1.0 alone. */
export function backendRuns(backend: Backend, { layout }: Mapping): boolean {
  if (backend === "trtllm") return !(layout.attentionDp > 1 && layout.tp > 1);
  if (backend === "vllm") return !(layout.moeTp > 1 && layout.moeEp > 1);
  return true;
}
