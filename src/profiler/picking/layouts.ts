import { type Backend, type EngineLayout, engineLayout } from "#src/estimator";

/** What decides which layouts make sense for a model. */
export interface LayoutModel {
  /** True, or its sizes, for a mixture of experts. */
  moe?: boolean | object;
  /** Latent attention, of which every rank holds a whole KV cache: splitting it by tensors alone gains nothing. */
  mla: boolean;
  weightBytes: number;
}

export interface LayoutHardware {
  system: string;
  gpusPerNode: number;
  /** Memory of one GPU. */
  memoryBytes: number;
  /** GPUs of the whole deployment. */
  budget: number | undefined;
  minGpusPerEngine?: number;
  maxGpusPerEngine?: number;
}

export interface CandidateLayout {
  /** The estimator's label: `tp4`, `tep8`, `dep8`. */
  parallelism: string;
  layout: EngineLayout;
}

/** Share of a GPU that weights may take when the least number of GPUs is counted (Dynamo's profiler). */
const USABLE_SHARE = 0.9;
/** Racks whose GPUs share one fabric, so that an engine may be wider. */
const WIDE_FABRICS: readonly string[] = ["gb200", "gb300", "gb200_sxm"];

/**
 * Layouts that a simulated search tries: tensor parallelism for dense models; for mixtures of experts also expert parallelism
 * with attention split by tensors or by requests. Layouts that mix tensor and expert parallelism of experts are left out: nothing
 * measured tells how they do.
 */
export function simulatedLayouts(
  model: Pick<LayoutModel, "moe" | "mla">,
  hardware: Omit<LayoutHardware, "gpusPerNode" | "memoryBytes">,
): CandidateLayout[] {
  const sizes = engineSizes(model, hardware);
  const most = Math.min(
    hardware.budget ?? Number.POSITIVE_INFINITY,
    hardware.maxGpusPerEngine ?? Number.POSITIVE_INFINITY,
  );
  return layoutsOf(model, sizes).filter(
    ({ layout: { gpus } }) => gpus >= (hardware.minGpusPerEngine ?? 1) && gpus <= most,
  );
}

/**
 * Layouts that are worth deploying and measuring: those that can hold the weights, within a node; across nodes only for mixtures
 * of experts of which a node could hold less than twice the weights, with wide expert parallelism.
 */
export function measuredLayouts(model: LayoutModel, hardware: LayoutHardware): CandidateLayout[] {
  const { gpusPerNode, memoryBytes, budget } = hardware;
  const wide = isMoe(model) && gpusPerNode * memoryBytes < 2 * model.weightBytes;
  const sizes = wide ? [8, 16, 32] : engineSizes(model, hardware);
  const least = Math.max(hardware.minGpusPerEngine ?? 1, Math.ceil(model.weightBytes / USABLE_SHARE / memoryBytes));
  const widest = wide || WIDE_FABRICS.includes(hardware.system) ? sizes.at(-1)! : gpusPerNode;
  const most = Math.min(widest, budget ?? widest, hardware.maxGpusPerEngine ?? widest);
  return layoutsOf(model, sizes).filter(({ layout: { gpus } }) => gpus >= least && gpus <= most);
}

function engineSizes(model: Pick<LayoutModel, "moe">, hardware: Pick<LayoutHardware, "system">): number[] {
  return isMoe(model) || WIDE_FABRICS.includes(hardware.system) ? [1, 2, 4, 8, 16] : [1, 2, 4, 8];
}

function isMoe({ moe }: Pick<LayoutModel, "moe">): boolean {
  return moe !== undefined && moe !== false;
}

/** SGLang moves KV between engines only where both cut it alike. */
export function needsSameTp(backend: Backend): boolean {
  return backend === "sglang";
}

/** The label of a layout in AIConfigurator's words: `tp4`, `tp1-dp8-moeep8`. */
export function enumerationLabel({ tp, attentionDp, moeTp, moeEp }: EngineLayout, moe: boolean): string {
  if (!moe) return `tp${tp}`;
  const parts = [`tp${tp}`];
  if (attentionDp > 1) parts.push(`dp${attentionDp}`);
  if (moeTp > 1) parts.push(`moetp${moeTp}`);
  if (moeEp > 1) parts.push(`moeep${moeEp}`);
  return parts.join("-");
}

function layoutsOf(model: Pick<LayoutModel, "moe" | "mla">, sizes: readonly number[]): CandidateLayout[] {
  return sizes.flatMap((gpus) => {
    if (gpus === 1) return [candidate("tp1")];
    if (!isMoe(model)) return [candidate(`tp${gpus}`)];
    const split = [candidate(`tep${gpus}`), candidate(`dep${gpus}`)];
    return model.mla ? split : [candidate(`tp${gpus}`), ...split];
  });
}

function candidate(parallelism: string): CandidateLayout {
  return { parallelism, layout: engineLayout(parallelism) };
}
