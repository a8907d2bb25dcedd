import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FlagRule, FlagTable } from "../../src/deployment/plan/flags.ts";
import { FRONTEND_FLAGS } from "../../src/deployment/plan/translate/frontend.ts";
import { MOCKER_FLAGS } from "../../src/deployment/plan/translate/mocker.ts";
import { configMap, planned } from "../deployment/plan/support.ts";
import { printedConfig } from "./planned-commands.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-planned-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Flags that need others or files beside them; cases of their own show them. */
const APART =
  /^(aic-|planner-profile-data|extra-engine-args|is-|disaggregation-mode|.*enable-.*|gpu-mem|mem-f|free-|engine-type|sglang-|trtllm-)/;
const TEXTS: Readonly<Record<string, string>> = {
  reasoning: '{"start_thinking_token_id": 1, "end_thinking_token_id": 2, "thinking_ratio": 0.5}',
  endpoint: "dyn://ns.backend.generate",
};

function valueFor(name: string, { value }: FlagRule): fc.Arbitrary<string> {
  if (value === "count") return fc.integer({ min: 1, max: 4096 }).map(String);
  // As much as a share may be.
  if (value === "amount") return fc.integer({ min: 0, max: 99 }).map((share) => String(share / 100));
  if (value === "number") return fc.constantFrom("-1", "0", "0.5");
  if (typeof value !== "string") return fc.constantFrom(...value);
  return fc.constant(TEXTS[name] ?? "a/b");
}

interface Written {
  name: string;
  words: string[];
}

function flagsOf(table: FlagTable): fc.Arbitrary<string[]> {
  const names = [...table].filter(([name, { refuse }]) => !refuse && !APART.test(name));
  const one = fc.constantFrom(...names).chain(([name, rule]): fc.Arbitrary<Written> => {
    if (rule.value === "switch") return fc.constant({ name, words: [`--${name}`] });
    return fc.tuple(valueFor(name, rule), fc.boolean()).map(([value, isInline]) => {
      return { name, words: isInline || value.startsWith("-") ? [`--${name}=${value}`] : [`--${name}`, value] };
    });
  });
  return fc
    .uniqueArray(one, { selector: ({ name }) => name, maxLength: 8 })
    .map((list) => list.flatMap(({ words }) => words));
}

describe("flags of Dynamo's, translated, are what our command line takes", () => {
  it("of the mocker", async () => {
    await fc.assert(
      fc.asyncProperty(flagsOf(MOCKER_FLAGS), fc.constantFrom("agg", "prefill", "decode"), async (args, mode) => {
        const { template, model } = planned({
          command: ["python3", "-m", "dynamo.mocker"],
          args: [...args, "--disaggregation-mode", mode],
        });
        const { count, worker } = JSON.parse(await printedConfig(template, folder));
        expect([count, worker.engine.role]).toEqual([template.workersPerReplica, mode === "agg" ? "aggregated" : mode]);
        if (model !== null) expect(worker.model).toBe(model);
      }),
      { numRuns: 60 },
    );
  });

  it("of the mocker: each scheduler with what is its own", async () => {
    const engine = async (...args: string[]) => {
      const { template } = planned({ command: ["python3", "-m", "dynamo.mocker"], args });
      return JSON.parse(await printedConfig(template, folder)).worker.engine;
    };
    expect(await engine("--engine-type", "vllm")).toMatchObject({ family: "vllm" });
    expect(await engine("--engine-type=trtllm", "--block-size", "32")).toMatchObject({
      family: "trtllm",
      blockSize: 32,
    });
    expect(await engine("--engine-type", "sglang", "--sglang-page-size", "17")).toMatchObject({
      family: "sglang",
      blockSize: 17,
      sglang: { chunkedPrefillSize: 481 * 17 },
    });
  });

  it("of the mocker: reasoning, whose share the engine has", async () => {
    const { template } = planned({
      command: ["python3", "-m", "dynamo.mocker"],
      args: ["--reasoning", TEXTS.reasoning!],
    });
    const { http, worker } = JSON.parse(await printedConfig(template, folder));
    expect(worker.engine.thinkingRatio).toBe(0.5);
    expect(http.reasoningMarks).toEqual({ startTokenId: 1, endTokenId: 2 });
  });

  it("of the frontend", async () => {
    await fc.assert(
      fc.asyncProperty(flagsOf(FRONTEND_FLAGS), async (args) => {
        const { template } = planned(
          { command: ["python3", "-m", "dynamo.frontend"], args },
          { component: { name: "Frontend", type: "frontend" } },
        );
        expect(JSON.parse(await printedConfig(template, folder))).toHaveProperty("router.mode");
        if (args.includes("--http-port")) expect(template.port).toBe(Number(args[args.indexOf("--http-port") + 1]));
      }),
      { numRuns: 60 },
    );
  });

  it("of the mocker: profile, estimator, engine arguments from a file", async () => {
    const engineArgs = {
      ...{ block_size: 32, num_gpu_blocks: 100, engine_type: "sglang", is_prefill: true, bootstrap_port: 1 },
      ...{ enable_local_indexer: true, planner_profile_data: "/m" },
    };
    const samples = {
      prefill: { prefill_isl: [100, 2000], prefill_ttft: [30, 50], prefill_thpt_per_gpu: [3000, 40_000] },
      decode: {
        x_kv_usage: [0.1, 0.5],
        y_context_length: [300, 300],
        z_itl: [3, 5],
        z_thpt_per_gpu: [300, 900],
        max_kv_tokens: 64_000,
      },
    };
    const data = {
      "args.json": JSON.stringify(engineArgs),
      "prefill_raw_data.json": JSON.stringify(samples.prefill),
      "decode_raw_data.json": JSON.stringify(samples.decode),
    };
    const { template, notes } = planned(
      {
        command: ["python3", "-m", "dynamo.mocker"],
        args: ["--extra-engine-args", "args.json", "--aic-perf-model", "--aic-system", "h200_sxm"],
        workingDir: "/m",
        volumeMounts: [{ name: "v", mountPath: "/m" }],
      },
      { pod: { volumes: [{ name: "v", configMap: { name: "c" } }] } },
      [configMap("c", data)],
    );
    expect(template.argv).toEqual([
      ...["mocker", "--extra-engine-args", "/m/args.json", "--engine-type", "sglang"],
      ...["--planner-profile-data", "/m"],
    ]);
    expect(notes).toHaveLength(3);
    const { worker } = JSON.parse(await printedConfig(template, folder));
    expect(worker.engine).toMatchObject({ role: "prefill", blockSize: 32, numGpuBlocks: 100, timing: "profile" });
    const estimated = planned({
      command: ["python3", "-m", "dynamo.mocker"],
      args: [
        "--model-path",
        "Qwen/Qwen3-32B",
        "--aic-perf-model",
        "--aic-system=h200_sxm",
        "--aic-tp-size",
        "2",
        "--no-enable-prefix-caching",
      ],
    });
    expect(JSON.parse(await printedConfig(estimated.template, folder)).worker.engine).toMatchObject({
      timing: "estimator",
      prefixCaching: false,
    });
  });
});
