import type { Arguments } from "./arguments.ts";
import type { EngineFlags } from "./engine.ts";
import { checkLayout, usesExpertParallelism } from "./layout.ts";

const TP = ["--tp", "--tp-size", "--tensor-parallel-size"] as const;
const DP = ["--dp", "--dp-size", "--data-parallel-size"] as const;
const EP = ["--ep-size", "--ep", "--expert-parallel-size"] as const;

/** SGLang behind `python3 -m dynamo.sglang`. `--tp` counts all GPUs of the engine, of which `--dp` makes groups. */
export const sglang: EngineFlags = {
  setModel(args, { path, name }) {
    args.set(path, "--model-path", "--model").set(name, "--served-model-name");
  },

  model: (args) => args.value("--served-model-name", "--model-path", "--model"),
  modelPath: (args) => args.value("--model-path", "--model"),

  setLayout(args, layout, dialect) {
    checkLayout("sglang", layout);
    const ranks = layout.tp * layout.attentionDp;
    args.set(String(ranks), ...TP);
    if (layout.pp > 1) args.set(String(layout.pp), "--pp-size", "--pipeline-parallel-size");
    else args.dropValued("--pp-size", "--pipeline-parallel-size");
    if (layout.attentionDp > 1) args.set(String(layout.attentionDp), ...DP).enable("--enable-dp-attention");
    else args.dropValued(...DP).drop("--enable-dp-attention");
    const [first, second, third] = EP;
    if (!usesExpertParallelism(layout)) args.dropValued(...EP);
    else if (dialect === "1.0") args.set(String(layout.moeEp), second, first, third);
    else args.set(String(layout.moeEp), first, second, third);
  },

  prefillOnly(args) {
    standAlone(args);
    args.enable("--disable-radix-cache");
  },

  decodeOnly(args, _dialect, isMoe) {
    standAlone(args);
    args.drop("--disable-radix-cache");
    // Requests must reach the attention rank that their warm-up ran on, else prefill is not spared.
    if (isMoe) args.set("round_robin", "--load-balance-method");
  },

  limitPrefill(args, { batch, tokens }) {
    args.set(String(batch), "--max-running-requests").set(String(tokens), "--chunked-prefill-size");
    // SGLang refuses it without attention ranks.
    if (args.has("--enable-dp-attention")) args.enable("--enable-dp-lm-head");
  },
};

function standAlone(args: Arguments): void {
  args.dropValued("--disaggregation-mode", "--disaggregation-transfer-backend", "--disaggregation-bootstrap-port");
}
