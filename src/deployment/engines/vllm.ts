import type { EngineFlags } from "./engine.ts";
import { checkLayout, usesExpertParallelism } from "./layout.ts";

/** vLLM behind `python3 -m dynamo.vllm`. */
export const vllm: EngineFlags = {
  setModel(args, { path, name }) {
    args.set(path, "--model", "--model-path");
    if (path !== name || args.has("--served-model-name")) args.set(name, "--served-model-name");
  },

  model: (args) => args.value("--served-model-name", "--model", "--model-path"),
  modelPath: (args) => args.value("--model", "--model-path"),

  setLayout(args, layout) {
    checkLayout("vllm", layout);
    args.set(String(layout.tp), "--tensor-parallel-size", "-tp", "--tp");
    if (layout.pp > 1) args.set(String(layout.pp), "--pipeline-parallel-size", "-pp");
    else args.dropValued("--pipeline-parallel-size", "-pp");
    if (layout.attentionDp > 1) args.set(String(layout.attentionDp), "--data-parallel-size", "-dp");
    else args.dropValued("--data-parallel-size", "-dp");
    if (usesExpertParallelism(layout)) args.enable("--enable-expert-parallel");
    else args.drop("--enable-expert-parallel");
  },

  prefillOnly(args) {
    standAlone(args);
    args.drop("--enable-prefix-caching").enable("--no-enable-prefix-caching");
  },

  decodeOnly(args) {
    standAlone(args);
    args.drop("--no-enable-prefix-caching").enable("--enable-prefix-caching");
  },

  limitPrefill(args, { batch, tokens }) {
    args.set(String(batch), "--max-num-seqs").set(String(tokens), "--max-num-batched-tokens");
  },
};

function standAlone(args: Parameters<EngineFlags["prefillOnly"]>[0]): void {
  args.drop("--is-prefill-worker", "--is-decode-worker").dropValued("--disaggregation-mode");
}
