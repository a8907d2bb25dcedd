import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { builtInModels, findModel, modelFacts } from "#src/estimator";

function folder(config: object, weights: Record<string, number> = {}): string {
  const path = mkdtempSync(join(tmpdir(), "understudy-model-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  for (const [name, bytes] of Object.entries(weights)) writeFileSync(join(path, name), Buffer.alloc(bytes));
  return path;
}

const tiny = {
  architectures: ["LlamaForCausalLM"],
  num_hidden_layers: 2,
  hidden_size: 64,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 128,
  vocab_size: 1000,
  max_position_embeddings: 2048,
};

describe("models", () => {
  it("[R191] are known of all families: GPT, Llama, Mixtral, DeepSeek, Qwen", () => {
    const family = (id: string) => modelFacts(id).family;
    expect(family("openai-community/gpt2")).toBe("gpt");
    expect(family("meta-llama/Meta-Llama-3.1-8B")).toBe("llama");
    expect(family("mistralai/Mixtral-8x7B-v0.1")).toBe("moe");
    expect(family("deepseek-ai/DeepSeek-V3")).toBe("deepseek");
    expect(family("Qwen/Qwen3-32B")).toBe("llama");
    expect(family("Qwen/Qwen3-235B-A22B")).toBe("moe");
  });

  it("[R037] go by the AI Configurator's names, too, and by those of what was tuned from them", () => {
    expect(findModel("QWEN3_32B")!.id).toBe("Qwen/Qwen3-32B");
    expect(findModel("LLAMA3.1_70B")!.id).toBe("meta-llama/Meta-Llama-3.1-70B");
    expect(findModel("DEEPSEEK_V3")!.id).toBe("deepseek-ai/DeepSeek-V3");
    expect(findModel("QWEN3_0_6B")!.id).toBe("Qwen/Qwen3-0.6B");
    expect(findModel("meta-llama/Llama-3.1-70B")!.id).toBe("meta-llama/Meta-Llama-3.1-70B");
    expect(findModel("meta-llama/Llama-3.1-8B-Instruct")!.id).toBe("meta-llama/Meta-Llama-3.1-8B");
    expect(findModel("gpt2")!.id).toBe("openai-community/gpt2");
  });

  it("have the sizes that are published of them", () => {
    const billions = (id: string) => Math.round(modelFacts(id).parameters / 1e8) / 10;
    expect(billions("meta-llama/Meta-Llama-3.1-8B")).toBe(8);
    expect(billions("Qwen/Qwen3-32B")).toBe(32.8);
    expect(billions("Qwen/Qwen3-235B-A22B")).toBe(235.1);
    expect(billions("deepseek-ai/DeepSeek-V3")).toBe(671);
    expect(billions("tiiuae/falcon-7b")).toBeCloseTo(6.9, 1);
    expect(modelFacts("Qwen/Qwen3-32B").weightMib).toBeCloseTo(62_489, -1);
    expect(modelFacts("Qwen/Qwen3-32B-FP8").formats).toMatchObject({ gemm: "fp8_block", block: 128 });
    expect(modelFacts("tiiuae/falcon-7b")).toMatchObject({ heads: 71, kvHeads: 1 });
  });

  it("are all readable, with sizes that make sense", () => {
    expect(builtInModels().length).toBeGreaterThan(90);
    for (const id of builtInModels()) {
      const { layers, hiddenSize, heads, kvHeads, weightMib, vocabSize } = modelFacts(id);
      for (const size of [layers, hiddenSize, heads, kvHeads, weightMib, vocabSize]) expect(size).toBeGreaterThan(0);
    }
  });

  it("[R161] of a folder are read off its config.json and the sizes of its weights' files", () => {
    const path = folder(tiny, { "model-00001-of-00002.safetensors": 3000, "model-00002-of-00002.safetensors": 1000 });
    expect(modelFacts(path)).toMatchObject({
      id: path,
      origin: "folder",
      weightSource: "files",
      weightMib: 4000 / 2 ** 20,
      maxContextLength: 2048,
    });
    expect(modelFacts(folder(tiny)).weightSource).toBe("sizes");
  });

  it("that are not known are said to be so, with the nearest that is", () => {
    expect(findModel("Qwen/Qwen9")).toBeUndefined();
    expect(() => modelFacts("Qwen/Qwen3-32")).toThrow(
      expect.objectContaining({ code: "ESTIMATOR_UNKNOWN_MODEL", hint: expect.stringContaining("Qwen/Qwen3-") }),
    );
    expect(() => modelFacts(folder({ ...tiny, num_hidden_layers: "two" }))).toThrow(
      expect.objectContaining({
        code: "ESTIMATOR_MODEL_CONFIG",
        message: expect.stringContaining("num_hidden_layers"),
      }),
    );
  });
});
