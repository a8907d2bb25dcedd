import { describe, expect, it, vi } from "vitest";
import { formatUserError, UserError } from "#common";
import { openNativeEngine } from "#src/estimator";
import { estimateCommand } from "../../src/cli/commands/estimate.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { describeWithPython } from "../tools.ts";

/** The command within this process. */
async function estimate(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    });
  }
  try {
    await buildProgram([estimateCommand()]).parseAsync(["estimate", ...args], { from: "user" });
    return printed;
  } finally {
    vi.restoreAllMocks();
  }
}

async function json(...args: string[]) {
  return JSON.parse((await estimate(...args, "--json")).stdout);
}

async function refusal(...args: string[]): Promise<string> {
  const error = await estimate(...args).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return formatUserError(error as UserError);
}

const QWEN = ["--model", "Qwen/Qwen3-32B", "--gpu", "h200_sxm", "--backend", "trtllm", "--tp", "4"];

describe("[R192] one point of an engine", () => {
  const engine = openNativeEngine({
    model: "Qwen/Qwen3-32B",
    system: "h200_sxm",
    backend: "trtllm",
    parallelism: "tp4",
  });

  it("is the estimator's, with where it comes from", async () => {
    const point = await json(...QWEN, "--isl", "4096", "--batch", "32");
    const prefill = engine.context(1, 4096);
    const decode = engine.generation(32, 4096);
    expect(point.engine).toMatchObject({ gpus: 4, backend: "trtllm", parallelism: "tp4", source: engine.facts.source });
    expect(point.prefill).toMatchObject({ ms: prefill.ms, origin: "table" });
    expect(point.decode).toMatchObject({ ms: decode.ms, origin: "table" });
    expect(point.prefill.tokensPerSecondPerGpu).toBeCloseTo((4096 * 1000) / prefill.ms / 4, 6);
    expect(point.decode.tokensPerSecondPerGpu).toBeCloseTo((32 * 1000) / decode.ms / 4, 6);
    expect(point.memory).toEqual(engine.memory);
    expect(point.kv).toMatchObject({ tokens: engine.facts.maxKvTokens, fits: true, neededTokens: 32 * 4096 });
  });

  it("takes ITL over an output, or at a context", async () => {
    const mean = await json(...QWEN, "--isl", "3000", "--osl", "500", "--batch", "16");
    expect(mean.decode.ms).toBe(engine.meanGeneration(16, 3000, 500).ms);
    const step = await json(...QWEN, "--isl", "3000", "--context", "9000", "--batch", "16");
    expect(step.decode.ms).toBe(engine.generation(16, 9000).ms);
  });

  it("counts the batch over all attention ranks", async () => {
    const layout = [
      "--model",
      "Qwen/Qwen3-235B-A22B",
      "--gpu",
      "h200_sxm",
      "--backend",
      "sglang",
      "--parallelism",
      "dep8",
    ];
    const point = await json(...layout, "--isl", "2000", "--batch", "256");
    const ranks = openNativeEngine({
      model: "Qwen/Qwen3-235B-A22B",
      system: "h200_sxm",
      backend: "sglang",
      parallelism: "dep8",
    });
    expect(point.decode.ms).toBe(ranks.generation(32, 2000).ms);
    expect(point.kv.tokens).toBe(8 * ranks.kvTokensPerRank);
  });

  it("shows operations that add up to the times", async () => {
    const { operations, prefill, decode } = await json(...QWEN, "--isl", "4096", "--batch", "32", "--ops");
    const sum = (list: { ms: number }[]) => list.reduce((total, { ms }) => total + ms, 0);
    expect(sum(operations.prefill)).toBeCloseTo(prefill.ms, 6);
    expect(sum(operations.decode)).toBeCloseTo(decode.ms, 6);
    expect(operations.decode.every((operation: { origin: string }) => operation.origin === "table")).toBe(true);
  });

  it("[R193] is readable, and comes with what it is not good for", async () => {
    const { stdout, stderr } = await estimate(...QWEN, "--isl", "4096", "--batch", "32", "--ops");
    expect(stdout).toContain("Qwen/Qwen3-32B on h200_sxm");
    expect(stdout).toMatch(/TTFT +one prompt of 4,096 tokens +[\d.]+ ms +[\d,]+ +table/);
    expect(stdout).toMatch(/ITL +32 requests at once, 4,096 tokens of context +[\d.]+ ms +[\d,]+ +table/);
    expect(stdout).toMatch(/weights +\d+\.\d\d/);
    expect(stdout).toContain("they fit");
    expect(stderr).toContain("may have errors for unusual configurations");
  });

  it("says when the batch does not fit", async () => {
    const { stdout } = await estimate(...QWEN, "--isl", "16384", "--batch", "2000");
    expect(stdout).toContain("They do not fit");
    expect((await json(...QWEN, "--isl", "16384", "--batch", "2000")).kv.fits).toBe(false);
  });

  it("says what is missing, contradictory or unknown", async () => {
    expect(await refusal("--gpu", "h200_sxm")).toContain("--model");
    expect(await refusal("--model", "Qwen/Qwen3-32B")).toContain("--gpu");
    expect(await refusal(...QWEN, "--parallelism", "tp8")).toContain("one says tp4, the other tp8");
    expect(await refusal(...QWEN, "--osl", "5", "--context", "7")).toContain("mean over an output");
    expect(await refusal(...QWEN, "--isl", "100", "--prefix", "100")).toContain("none is left");
    expect(await refusal("--model", "Qwen/Qwen3-32", "--gpu", "h200_sxm")).toContain("Qwen/Qwen3-32B");
    expect(await refusal("--model", "Qwen/Qwen3-32B", "--gpu", "h9000")).toContain("h9000");
    const qwen = ["--model", "Qwen/Qwen3-32B", "--gpu", "h200_sxm"];
    await expect(estimate(...qwen, "--memory-fraction", "2")).rejects.toThrow("takes a share from 0 to 1");
  });
});

describe("[R192] what is covered", () => {
  it("is listed by model, GPU and backend, and can be filtered", async () => {
    const all = await json("--supported");
    expect(all.length).toBeGreaterThan(500);
    const some = await json("--supported", "--model", "Qwen/Qwen3-32B", "--gpu", "h200");
    expect(some).toEqual(
      all.filter(({ model, gpu }: { model: string; gpu: string }) => model === "Qwen/Qwen3-32B" && gpu === "h200_sxm"),
    );
    expect(some.map(({ backend }: { backend: string }) => backend).sort()).toEqual(["sglang", "trtllm", "vllm"]);
    expect(some.every(({ times }: { times: string }) => times === "table")).toBe(true);
    expect(await json("--supported", "--model", "Qwen/Qwen2.5-0.5B", "--gpu", "l40s")).toEqual([]);
    const part = await json("--supported", "--model", "qwen3-32b-f", "--gpu", "h200_sxm", "--backend", "vllm");
    expect(part.map(({ model }: { model: string }) => model)).toContain("Qwen/Qwen3-32B-FP8");
    expect(await refusal("--supported", "--gpu", "h20_sxm")).toContain("h200_sxm");
  });

  it("tells what the package alone answers for: a question about the others is answered", async () => {
    const rows: { model: string; gpu: string; backend: string; times: string }[] = await json("--supported");
    const byTimes = (times: string) => rows.filter((row) => row.times === times);
    expect(byTimes("aiconfigurator").map(({ model }) => model)).toContain("deepseek-ai/DeepSeek-V3.2");
    const asked = ["--gpu", "b200_sxm", "--backend", "trtllm", "--parallelism", "tp8", "--isl", "100"];
    expect(await refusal("--model", "deepseek-ai/DeepSeek-V3.2", ...asked)).toContain("the estimator has no data for");
    expect(byTimes("table").map(({ model }) => model)).toContain("deepseek-ai/DeepSeek-V3");
    expect(JSON.stringify(await json("--model", "deepseek-ai/DeepSeek-V3", ...asked))).toContain('"table"');
  });

  it("is readable", async () => {
    const { stdout } = await estimate("--supported", "--gpu", "h200_sxm", "--backend", "trtllm");
    expect(stdout).toMatch(/Qwen\/Qwen3-32B +h200_sxm +trtllm/);
    expect(stdout).not.toContain("b200_sxm");
  });
});

const PACKAGE = ["--isl", "4096", "--batch", "32", "--estimator", "aiconfigurator"];

describe("[R192] one point of the aiconfigurator package", () => {
  it("is refused where Python is missing", async () => {
    const said = await refusal(...QWEN, ...PACKAGE, "--python", "/nonexistent/python");
    expect(said).toMatch(/^\/nonexistent\/python: .*ENOENT\n {2}hint: it needs a Python of version [^\n]+$/);
  });

  it("is refused where the package has no answer to the question", async () => {
    expect(await refusal(...QWEN, ...PACKAGE, "--prefix", "100")).toContain("--prefix");
  });
});

await describeWithPython("a Python without the aiconfigurator package", [], (python) => {
  it("is refused with what to install, and nothing else", async () => {
    const said = await refusal(...QWEN, ...PACKAGE, "--python", python);
    expect(said.split("\n")).toEqual([
      expect.stringMatching(/: this Python lacks a package that the estimator needs: /),
      expect.stringContaining("-m pip install aiconfigurator==0.12.0"),
    ]);
  });
});
