import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { CommanderError } from "commander";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { formatUserError, UserError } from "#common";
import { loadProfile, saveMockerTable, saveProfileJson } from "#profiles";
import { mockerCommand } from "../../src/cli/commands/mocker.ts";
import { usageError } from "../../src/cli/errors.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { runUnderstudy } from "./run-understudy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-mocker-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The command within this process: what it prints, and what it ends with. */
async function mocker(...args: string[]) {
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    });
  }
  try {
    await buildProgram([mockerCommand()]).parseAsync(["mocker", ...args, "--print-config"], { from: "user" });
    return { ...printed, error: null };
  } catch (error) {
    return { ...printed, error };
  } finally {
    vi.restoreAllMocks();
  }
}

const file = (name: string, content: unknown) => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};

async function config(...args: string[]) {
  const { error, stdout } = await mocker(...args);
  if (error !== null) throw error;
  return JSON.parse(stdout);
}

/** The message of a mistake, as the terminal shows it. */
async function refusal(...args: string[]): Promise<string> {
  const { error, stdout } = await mocker(...args);
  expect(stdout).toBe("");
  const known = error instanceof CommanderError ? usageError(error) : error;
  expect(known).toBeInstanceOf(UserError);
  expect((known as UserError).exitCode).toBe(2);
  return formatUserError(known as UserError);
}

describe("flags", async () => {
  it("have Dynamo's defaults", async () => {
    const { worker, host, port, count } = await config();
    expect({ host, port, count }).toEqual({ host: "127.0.0.1", port: 8001, count: 1 });
    expect(worker).toMatchObject({ model: "mock-model", dpSize: 1, startupMs: 0, handoffTimeoutMs: 300_000 });
    expect(worker.engine).toMatchObject({
      role: "aggregated",
      numGpuBlocks: 16_384,
      blockSize: 64,
      maxNumSeqs: 256,
      maxNumBatchedTokens: 8192,
      watermark: 0,
      timing: "polynomial",
      kvEvents: true,
    });
    expect(worker.transfer).toEqual({ bytesPerToken: 131_072, bytesPerSecond: 64e9, timing: "full_prompt" });
  });

  it("leave the start-up time to the profile, where that has measured one", async () => {
    const profile = loadProfile("h200-llama-3.1-8b-fp8-tp1-estimate");
    const path = join(folder, "started.json");
    saveProfileJson(
      { ...profile, provenance: { ...profile.provenance, prefillStartupMs: 4150, decodeStartupMs: 6300 } },
      path,
    );
    const startupMs = async (...args: string[]) => (await config("--profile", path, ...args)).worker.startupMs;
    expect(await startupMs()).toBe(6300);
    expect(await startupMs("--disaggregation-mode", "prefill")).toBe(4150);
    expect(await startupMs("--startup-time", "0")).toBe(0);
  });

  it("say what they say in vLLM's, Dynamo's and llm-d's words", async () => {
    const { worker, http } = await config(
      ...["--served-model-name", "llama", "other", "--max-model-len", "4096", "--block-size", "16"],
      ...["--num-gpu-blocks-override", "100", "--max-num-seqs", "8", "--no-enable-prefix-caching", "--seed", "3"],
      ...[
        "--time-to-first-token",
        "100",
        "--inter-token-latency",
        "10ms",
        "--startup-time",
        "2.5",
        "--preemption-mode",
      ],
      ...["fifo", "--data-parallel-size", "2", "--kv-transfer-bandwidth", "450", "--endpoint", "dyn://ns.comp.ep"],
    );
    expect(worker).toMatchObject({ model: "llama", dpSize: 2, startupMs: 2500, transfer: { bytesPerSecond: 450e9 } });
    expect(worker.engine).toMatchObject({
      maxModelLen: 4096,
      blockSize: 16,
      numGpuBlocks: 100,
      maxNumSeqs: 8,
      prefixCaching: false,
      kvEvents: false,
      preemption: "fifo",
      timing: "fixed",
    });
    expect(http).toMatchObject({
      modelAliases: ["other"],
      seed: 3,
      dynamoPlace: { namespace: "ns", component: "comp", endpoint: "ep" },
    });
  });

  it("take the profile's cache, model and KV size", async () => {
    const { worker } = await config(
      "--profile",
      "h200-llama-3.1-8b-fp8-tp1-estimate",
      "--disaggregation-mode",
      "decode",
    );
    expect(worker.engine).toMatchObject({ role: "decode", timing: "profile", kvEvents: false });
    expect(worker.engine.numGpuBlocks).toBeGreaterThan(10_000);
    expect(worker.model).toContain("Llama-3.1-8B");
  });

  it("read a mocker table as Dynamo does", async () => {
    const table = join(folder, "perf_data.npz");
    saveMockerTable(
      {
        prefillIsl: [100, 200],
        prefillTtftMs: [10, 20],
        decodeActiveKvTokens: [0, 1000],
        decodeContextLength: [1, 100],
        decodeItlMs: [
          [5, 5],
          [6, 6],
        ],
      },
      table,
    );
    expect((await config("--planner-profile-data", table)).worker.engine.timing).toBe("table");
  });

  it("give host memory in vLLM's GiB, and its bandwidth in GB/s", async () => {
    const host = async (...args: string[]) =>
      (await config("--kv-bytes-per-token", "1024", ...args)).worker.engine.kvOffload;
    expect(await host()).toBeNull();
    const bytesPerBlock = 64 * 1024;
    expect(await host("--kv-offloading-size", "0.5", "--kv-offloading-backend", "native")).toEqual({
      hostBlocks: 2 ** 29 / bytesPerBlock,
      bytesPerBlock,
      bytesPerSecond: 64e9,
    });
    expect(await host("--kv-offloading-size", "2", "--kv-offloading-bandwidth", "25GB/s")).toMatchObject({
      bytesPerSecond: 25e9,
    });
  });

  it("give the share of an answer that is reasoning, in JSON", async () => {
    const json = JSON.stringify({ start_thinking_token_id: 7, end_thinking_token_id: 8, thinking_ratio: 0.3 });
    expect((await config()).worker.engine.thinkingRatio).toBe(0);
    expect((await config("--reasoning", json)).worker.engine.thinkingRatio).toBe(0.3);
  });

  it("have environment equivalents, which they beat, and which --extra-engine-args beats, too", async () => {
    const args = file("args.json", { block_size: 8, watermark: null, kv_transfer_bandwidth: 0 });
    process.env.UNDERSTUDY_BLOCK_SIZE = "32";
    process.env.UNDERSTUDY_MAX_NUM_SEQS = "5";
    try {
      expect((await config()).worker.engine).toMatchObject({ blockSize: 32, maxNumSeqs: 5 });
      expect((await config("--max-num-seqs", "6")).worker.engine).toMatchObject({ blockSize: 32, maxNumSeqs: 6 });
      const { worker } = await config("--block-size", "4", "--extra-engine-args", args);
      expect(worker.engine).toMatchObject({ blockSize: 8, maxNumSeqs: 5 });
      expect(worker.transfer).toBeNull();
    } finally {
      delete process.env.UNDERSTUDY_BLOCK_SIZE;
      delete process.env.UNDERSTUDY_MAX_NUM_SEQS;
    }
  });

  it("count KV bytes from a model's config.json", async () => {
    file("config.json", {
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      hidden_size: 4096,
      torch_dtype: "bfloat16",
    });
    const of = async (...args: string[]) =>
      (await config("--model-path", folder, ...args)).worker.transfer.bytesPerToken;
    expect(await of()).toBe(131_072);
    expect(await of("--kv-cache-dtype", "fp8")).toBe(65_536);
    expect(await of("--kv-bytes-per-token", "7")).toBe(7);
  });

  it("never show keys", async () => {
    const { stdout } = await mocker("--api-key", "sk-secret");
    expect(stdout).not.toContain("sk-secret");
    expect(JSON.parse(stdout).http.apiKeys).toEqual(["(hidden)"]);
  });

  it("of vLLM that mean nothing here are taken, with a note; old ones with the new one's name", async () => {
    const { error, stdout, stderr } = await mocker("--tensor-parallel-size", "4", "--trust-remote-code");
    expect(error).toBeNull();
    expect(stderr).toContain("without effect on a mock engine: --tensor-parallel-size, --trust-remote-code");
    const scheduling = ["--preemption-mode", "fifo", "--watermark", "0.1", "--no-enable-chunked-prefill"];
    const noted = async (engine: string) => (await mocker("--engine-type", engine, ...scheduling)).stderr;
    expect(await noted("vllm")).not.toContain("without effect");
    expect(await noted("trtllm")).toMatch(/without effect on a mock engine: --preemption-mode$/m);
    const sglang = /without effect on a mock engine: --preemption-mode, --watermark, --no-enable-chunked-prefill$/m;
    expect(await noted("sglang")).toMatch(sglang);
    expect(JSON.parse(stdout).worker.engine.role).toBe("aggregated");
    const old = await mocker("--is-prefill-worker");
    expect(JSON.parse(old.stdout).worker.engine.role).toBe("prefill");
    expect(old.stderr).toContain("--disaggregation-mode prefill");
  });
});

describe("mistakes", async () => {
  it("in names get a suggestion", async () => {
    expect(await refusal("--num-worker", "3")).toContain("did you mean --num-workers?");
    expect(await refusal("--profile", "h200-llama-3.1-8b-fp8-tp1-estimat")).toContain("did you mean");
    expect(await refusal("--quirks", "integerMean")).toContain('did you mean "integerMeans"?');
  });

  it("in the file of engine arguments get Dynamo's message, and a suggestion", async () => {
    const unknown = await refusal("--extra-engine-args", file("unknown.json", { num_gpu_block: 1, zzz: 2 }));
    expect(unknown).toContain("Invalid arguments found in JSON file: num_gpu_block, zzz");
    expect(unknown).toContain('did you mean "num_gpu_blocks"?');
    expect(await refusal("--extra-engine-args", file("bad.json", { block_size: "8" }))).toContain(
      "bad.json: block_size",
    );
    expect(await refusal("--extra-engine-args", file("broken.json", "{"))).toContain("broken.json");
    expect(await refusal("--extra-engine-args", file("both.json", { is_prefill: true, is_decode: true }))).toContain(
      "is_prefill",
    );
    expect(await refusal("--extra-engine-args", join(folder, "none.json"))).toContain("none.json");
  });

  it("in values and combinations say what is expected", async () => {
    expect(await refusal("--is-prefill-worker", "--is-decode-worker")).toContain("Cannot specify both");
    expect(await refusal("--timing", "fast")).toContain("fixed:<ttft>,<itl>");
    expect(await refusal("--timing", "polynomial", "--profile", "x")).toContain("give one of them");
    expect(await refusal("--reasoning", "{}")).toContain("thinking_ratio");
    expect(await refusal("--speedup-ratio", "-1")).toContain("--speedup-ratio");
    expect(await refusal("--zmq-kv-events-ports", "5557,5558")).toContain("one port per worker: 1");
    expect(await refusal("--zmq-replay-ports", "5557")).toContain("--zmq-kv-events-ports");
    expect(await refusal("--zmq-kv-events-ports", "5557", "--disaggregation-mode", "decode")).toContain("decode");
    expect(await refusal("--endpoint", "generate")).toContain("dyn://");
    expect(await refusal("--watermark", "1")).toContain("--watermark");
    expect(await refusal("--kv-offloading-bandwidth", "50")).toContain("--kv-offloading-size says");
    expect(await refusal("--kv-offloading-size", "0.001")).toContain("room for a block");
    expect(await refusal("--kv-offloading-size", "1", "--no-enable-prefix-caching")).toContain("prefix caching");
    expect(await refusal("--kv-offloading-size", "1", "--engine-type", "sglang")).toContain("vllm plays it");
  });

  it("of asking for what is not modelled are refused with the reason", async () => {
    expect(await refusal("--trtllm-capacity-scheduler-policy", "max_utilization")).toContain("guaranteed_no_evict");
    expect(await refusal("--aic-nextn", "6")).toContain("1 to 5 draft tokens");
    expect(await refusal("--aic-nextn-accept-rates", "0.5")).toContain("--aic-nextn says");
    expect(await refusal("--aic-nextn", "1", "--decode-speedup-ratio", "2")).toContain("decodeSpeedupRatio");
    expect(await refusal("--prefill-decode-interval", "2")).toContain("prefillScheduleInterval");
    expect(await refusal("--bootstrap-ports", "1,2")).toContain("HTTP");
  });
});

type Serving = ChildProcessByStdio<null, Readable, Readable>;

/** The command, when its workers have said that they are ready. */
async function serving(count: number, ...args: string[]) {
  const child: Serving = spawn(process.execPath, [main, "mocker", "--port", "0", "--json", ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const ended = new Promise<{ code: number | null; stderr: string }>((resolve) => {
    child.on("close", (code) => resolve({ code, stderr }));
  });
  const cards: { url: string; state: string }[] = [];
  for await (const line of createInterface(child.stdout)) {
    cards.push(JSON.parse(line));
    if (cards.length === count) break;
  }
  return { child, cards, ended };
}

describe("a process of workers", () => {
  it("ends with 2 for a mistake, and no stack trace", () => {
    const { status, stdout, stderr } = runUnderstudy(folder, "mocker", "--num-worker", "3");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^error: .*\n {2}hint: did you mean --num-workers\?\n$/);
  });

  it("says when each is ready, registers them, and ends with 0 at SIGTERM when its streams have ended", async () => {
    const { child, cards, ended } = await serving(
      2,
      "--num-workers",
      "2",
      "--timing",
      "fixed:20ms,5ms",
      "--register-dir",
      "leases",
    );
    expect(cards.map((card) => card.state)).toEqual(["ready", "ready"]);
    expect(readdirSync(join(folder, "leases"))).toHaveLength(2);
    const answer = await fetch(`${cards[0]!.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "hello", max_tokens: 40, stream: true }),
    });
    child.kill("SIGTERM");
    const text = await answer.text();
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(text.match(/^data: \{/gm)).toHaveLength(40);
    const { code, stderr } = await ended;
    expect(code, stderr).toBe(0);
    expect(readdirSync(join(folder, "leases"))).toEqual([]);
  });

  it("ends at once at a second signal", async () => {
    const { child, cards, ended } = await serving(1, "--timing", "fixed:20ms,5ms", "--register-dir", "second");
    const answer = await fetch(`${cards[0]!.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "hello", max_tokens: 100_000, stream: true }),
    });
    const cut = answer.text().then(
      () => "ended",
      () => "cut",
    );
    child.kill("SIGTERM");
    await vi.waitFor(async () => expect((await fetch(`${cards[0]!.url}/health`)).status).toBe(503));
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130 });
    expect(await cut).toBe("cut");
  });

  it("ends at a signal while its workers still start", async () => {
    const { child, ended } = await serving(1, "--num-workers", "5", "--stagger-delay", "3600");
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 0 });
  });

  it("that can't enter itself into its folder says so, and ends", () => {
    file("not-a-folder", "");
    const { status, stderr } = runUnderstudy(folder, "mocker", "--port", "0", "--register-dir", "not-a-folder");
    expect(status).toBe(2);
    expect(stderr).toContain("not-a-folder");
  });

  it("that can't have its port says so", () => {
    const { status, stderr } = runUnderstudy(folder, "mocker", "--host", "256.0.0.1");
    expect(status).toBe(1);
    expect(stderr).toContain("256.0.0.1");
  });
});
