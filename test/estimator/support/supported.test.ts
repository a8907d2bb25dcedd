import { describe, expect, it } from "vitest";
import { findGpuSystem, isSupported, supportedCombinations } from "#src/estimator";

describe("what the estimator covers", () => {
  it("is a list of combinations, whatever the tables could say", () => {
    expect(isSupported("Qwen/Qwen3-32B", "h200_sxm", "trtllm")).toBe(true);
    expect(isSupported("Qwen/Qwen2.5-0.5B", "l40s", "vllm")).toBe(false);
    expect(isSupported("Qwen/Qwen3-32B", "h200_sxm", "tgi")).toBe(false);
    expect(isSupported("Qwen/Qwen3-32B", "abacus", "trtllm")).toBe(false);
  });

  it("is found by the other names of models and GPUs", () => {
    expect(isSupported("QWEN3_32B", "H200", "trtllm")).toBe(true);
    expect(isSupported("meta-llama/Llama-3.1-8B-Instruct", "h100-sxm", "vllm")).toBe(true);
  });

  it("[R035] has something on each of the documents' GPU systems", () => {
    const systems = new Set(supportedCombinations().map(({ system }) => system));
    for (const name of ["h100_sxm", "h200_sxm", "b200_sxm", "gb200_sxm", "a100_sxm"]) {
      expect(systems).toContain(findGpuSystem(name)!.name);
    }
  });

  it("tells versions and modes of each", () => {
    const found = supportedCombinations().filter(
      ({ model, system, backend }) => model === "Qwen/Qwen3-32B" && system === "h200_sxm" && backend === "trtllm",
    );
    expect(found.length).toBeGreaterThan(0);
    for (const { version, modes } of found) {
      expect(version).toMatch(/^\d/);
      expect(modes).toContain("disagg");
    }
  });
});
