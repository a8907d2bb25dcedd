import { weightBytes } from "../native/formats.ts";
import type { ModelFacts } from "./types.ts";

type Sizes = Omit<ModelFacts, "parameters" | "weightMib" | "weightSource">;

interface Counts {
  /** Matrices that a quantised checkpoint stores small. */
  linear: number;
  /** Routed experts. */
  routed: number;
  /** Embeddings, logits, routers and norms. */
  whole: number;
}

/** Parameters of the whole model, all experts counted. Biases are left out but for those of GPT-2, which has them everywhere. */
export function countParameters(model: Sizes): number {
  const { linear, routed, whole } = counts(model);
  return linear + routed + whole;
}

/** Bytes of the weights in the checkpoint's formats; what is never quantised has 16 bits. */
export function weightBytesOf(model: Sizes): number {
  const { linear, routed, whole } = counts(model);
  return linear * weightBytes(model.formats.gemm) + routed * weightBytes(model.formats.moe) + whole * 2;
}

function counts(model: Sizes): Counts {
  const { layers, hiddenSize, vocabSize, moe, family } = model;
  const tables = (model.tiedEmbeddings ? 1 : 2) * vocabSize * hiddenSize;
  const positions = model.architecture.startsWith("GPT2") ? (model.maxContextLength ?? 0) * hiddenSize : 0;
  const norms = (2 * layers + 1) * hiddenSize + (model.qkNorm ? 2 * layers * model.headSize : 0);
  const dense = (family === "gpt" ? 2 : 3) * hiddenSize * model.intermediateSize;
  const attention = layers * attentionParameters(model);
  if (!moe) return { linear: attention + layers * dense, routed: 0, whole: tables + positions + norms };
  const expert = 3 * hiddenSize * moe.intermediateSize;
  const expertLayers = layers - moe.denseLayers;
  return {
    linear: attention + moe.denseLayers * dense + expertLayers * moe.sharedExperts * expert,
    routed: expertLayers * moe.experts * expert,
    whole: tables + norms + expertLayers * moe.experts * hiddenSize,
  };
}

function attentionParameters({ hiddenSize, heads, kvHeads, headSize, mla }: Sizes): number {
  if (!mla) return hiddenSize * headSize * (2 * heads + 2 * kvHeads);
  const query = mla.nopeHeadSize + mla.ropeHeadSize;
  const queries = mla.qLoraRank ? mla.qLoraRank * (hiddenSize + heads * query) : hiddenSize * heads * query;
  return (
    queries +
    hiddenSize * (mla.kvLoraRank + mla.ropeHeadSize) +
    mla.kvLoraRank * heads * (mla.nopeHeadSize + mla.valueHeadSize) +
    heads * mla.valueHeadSize * hiddenSize
  );
}
