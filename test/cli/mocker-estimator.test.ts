import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { formatUserError, UserError } from "#common";
import { openNativeEngine } from "#src/estimator";
import { parallelismOf } from "../../src/cli/commands/mocker/estimated-engine.ts";
import { mockerCommand } from "../../src/cli/commands/mocker.ts";
import { buildProgram } from "../../src/cli/program.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-mocker-estimator-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const QWEN = ["--aic-perf-model", "--model-path", "Qwen/Qwen3-32B", "--aic-system", "h200_sxm"];

/** The command within this process: what its flags come to. */
async function printed(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    });
  }
  try {
    await buildProgram([mockerCommand()]).parseAsync(["mocker", ...args, "--print-config"], { from: "user" });
    return printed;
  } finally {
    vi.restoreAllMocks();
  }
}

async function config(...args: string[]) {
  return JSON.parse((await printed(...args)).stdout).worker;
}

async function refusal(...args: string[]): Promise<string> {
  const error = await printed(...args).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return formatUserError(error as UserError);
}

describe("a mocker timed by the estimator", () => {
  it("has the KV blocks and the KV bytes of the estimated engine", async () => {
    const worker = await config(...QWEN, "--aic-backend", "trtllm", "--aic-tp-size", "4");
    const engine = openNativeEngine({
      model: "Qwen/Qwen3-32B",
      system: "h200_sxm",
      backend: "trtllm",
      parallelism: "tp4",
    });
    expect(worker.engine.timing).toBe("estimator");
    expect(worker.engine.numGpuBlocks).toBe(Math.floor(engine.kvTokensPerRank / 64));
    expect(worker.transfer.bytesPerToken).toBe(engine.facts.kvBytesPerToken);
    expect(worker.model).toBe("Qwen3-32B");
  });

  it("sizes the KV cache by its backend's share of GPU memory, unless blocks are given", async () => {
    const blocks = async (...args: string[]) =>
      (await config(...QWEN, "--aic-tp-size", "2", ...args)).engine.numGpuBlocks;
    const [usual, half] = [await blocks(), await blocks("--gpu-memory-utilization", "0.5")];
    expect(half).toBeLessThan(usual / 2);
    expect(await blocks("--num-gpu-blocks-override", "77")).toBe(77);
  });

  it("is told by Dynamo's JSON keys, too", async () => {
    const file = join(folder, "args.json");
    writeFileSync(
      file,
      JSON.stringify({
        aic_system: "h200_sxm",
        aic_backend: "sglang",
        aic_tp_size: 2,
        aic_model_path: "Qwen/Qwen3-32B",
      }),
    );
    expect((await config("--extra-engine-args", file)).engine.timing).toBe("estimator");
  });

  it("is told what is missing or contradictory", async () => {
    expect(await refusal("--aic-perf-model", "--model-path", "Qwen/Qwen3-32B")).toContain("--aic-system");
    expect(await refusal("--aic-perf-model", "--aic-system", "h200_sxm")).toContain("--model-path");
    expect(await refusal("--aic-system", "h200_sxm")).toContain("--aic-perf-model");
    expect(await refusal(...QWEN, "--timing", "polynomial")).toContain("give one of them");
    expect(await refusal(...QWEN, "--aic-moe-tp-size", "3")).toContain("--aic-tp-size × --aic-attention-dp-size = 1");
    expect(await refusal("--aic-perf-model", "--model-path", "nobody/knows", "--aic-system", "h200_sxm")).toContain(
      "nobody/knows",
    );
    expect(await refusal(...QWEN, "--aic-nextn", "6")).toContain("1 to 5 draft tokens");
  });

  it("says that a share of memory has no effect without it", async () => {
    const { stderr } = await printed("--gpu-memory-utilization", "0.5");
    expect(stderr).toContain("without effect on a mock engine: --gpu-memory-utilization");
  });
});

describe("the layout of Dynamo's sizes", () => {
  it("is TP, TEP or DEP", () => {
    expect(parallelismOf({})).toBe("tp1");
    expect(parallelismOf({ aicTpSize: 4 })).toBe("tp4");
    expect(parallelismOf({ aicTpSize: 4, aicMoeTpSize: 4, aicMoeEpSize: 1 })).toBe("tp4");
    expect(parallelismOf({ aicTpSize: 8, aicMoeEpSize: 8 })).toBe("tep8");
    expect(parallelismOf({ aicAttentionDpSize: 8, aicMoeEpSize: 8 })).toBe("dep8");
  });

  it("is nothing else", () => {
    expect(() => parallelismOf({ aicTpSize: 8, aicMoeTpSize: 2, aicMoeEpSize: 4 })).toThrow(/do together/);
    expect(() => parallelismOf({ aicTpSize: 4, aicAttentionDpSize: 2, aicMoeEpSize: 8 })).toThrow(/do together/);
    expect(() => parallelismOf({ aicTpSize: 4, aicMoeTpSize: 4, aicMoeEpSize: 2 })).toThrow(/= 4/);
  });
});

describe("the log of the engine that is played", () => {
  it.each([
    ["vllm", /GPU KV cache size: ([\d,]+) tokens/],
    ["sglang", /KV Cache is allocated\. #tokens: (\d+)/],
    ["trtllm", /paged KV cache \((\d+)\)\.\n$/],
  ])("has the capacity of its cache in %s's words", async (backend, pattern) => {
    const args = [...QWEN, "--aic-backend", backend, "--aic-tp-size", "2", "--block-size", "16"];
    const { stdout, stderr } = await printed(...args, "--engine-log");
    const { numGpuBlocks } = JSON.parse(stdout).worker.engine as { numGpuBlocks: number };
    expect(Number(pattern.exec(stderr)![1]!.replaceAll(",", ""))).toBe(numGpuBlocks * 16);
    expect((await printed(...args)).stderr).not.toMatch(pattern);
  });

  it("ends in its words where the model leaves no room, and plays layouts that split heads far", async () => {
    const written: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    const small = ["--aic-perf-model", "--model-path", "Qwen/Qwen3-32B", "--aic-system", "l40s", "--engine-log"];
    const program = buildProgram([mockerCommand()]);
    await expect(program.parseAsync(["mocker", ...small, "--print-config"], { from: "user" })).rejects.toThrow(
      "leaves no GPU memory",
    );
    vi.restoreAllMocks();
    expect(written.join("")).toContain("No available memory for the cache blocks");
    const wide = [
      "--aic-perf-model",
      "--model-path",
      "Qwen/Qwen3-0.6B",
      "--aic-system",
      "h200_sxm",
      "--aic-tp-size",
      "8",
    ];
    await expect(config(...wide)).rejects.toThrow();
    expect(await config(...wide, "--engine-log")).toMatchObject({ dpSize: 1 });
  });

  it("is the estimator's alone", async () => {
    expect(await refusal("--timing", "polynomial", "--engine-log")).toContain("--engine-log");
  });
});
