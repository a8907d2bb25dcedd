import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Answer, begin, type FakeServer, fakeServer, promptTokens, streamTokens } from "../loadgen/fake-server.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
let server: FakeServer;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-load-"));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await server?.close();
});

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** The command line in a process of its own, while the server runs in this one. */
function understudy(args: string[], onStart: (kill: () => void) => void = () => {}): Promise<Ended> {
  const { NO_COLOR: _no, FORCE_COLOR: _force, OPENAI_API_KEY: _key, ...env } = process.env;
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...env, NO_COLOR: "1" } });
  const ended: Ended = { status: null, stdout: "", stderr: "" };
  child.stdout.on("data", (piece: Buffer) => {
    ended.stdout += piece.toString();
  });
  child.stderr.on("data", (piece: Buffer) => {
    ended.stderr += piece.toString();
  });
  onStart(() => child.kill("SIGINT"));
  return new Promise((resolve) => {
    child.on("close", (status) => resolve({ ...ended, status }));
  });
}

async function load(answer: Answer | undefined, ...args: string[]): Promise<Ended> {
  server = await fakeServer(answer);
  return await understudy(["load", "--url", server.url, ...args]);
}

describe("understudy load", () => {
  it("asks for the only model there is, prints AIPerf's table and writes its files", async () => {
    const { status, stdout, stderr } = await load(
      undefined,
      ...["--request-rate", "200", "--request-count", "12", "--isl", "40", "--osl", "5", "--ttft", "1h", "--itl", "1h"],
    );
    expect(stderr).toContain("Files in ");
    expect(status).toBe(0);
    expect(server.received).toHaveLength(12);
    expect(new Set(server.received.map(({ body }) => body.model))).toEqual(new Set(["fake"]));
    expect(new Set(server.received.map(({ prompt }) => promptTokens(prompt)))).toEqual(new Set([40]));
    expect(stdout).toMatch(/^Metric +avg +min +max +p99 +p90 +p50 +std$/m);
    expect(stdout).toMatch(/^(Output Sequence Length \(tokens\)|OSL \(tok\)) +5\.00/m);
    expect(stdout).toContain("12 sent · 12 completed");
    expect(stdout).toContain("12 good (100.00 % of those sent)");
    expect(stdout).not.toMatch(/nvidia/i);
    const dir = join(folder, "artifacts/fake-openai-chat-request_rate200");
    expect(readFileSync(join(dir, "profile_export.jsonl"), "utf8").trim().split("\n")).toHaveLength(12);
    expect(existsSync(join(dir, "profile_export_aiperf.csv"))).toBe(true);
  });

  it("prints JSON on stdout and nothing else there; the key stays secret", async () => {
    const { status, stdout, stderr } = await load(
      undefined,
      ...["--concurrency", "2", "--request-count", "4", "--json", "--api-key", "sk-secret", "-H", "X-Pass: sk-other"],
      ...["--artifact-dir", "out", "--workers", "2", "--goodput", "ttft:60000"],
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ request_count: { avg: 4 }, good_request_count: { avg: 4 } });
    expect(server.received[0]!.headers).toMatchObject({ authorization: "Bearer sk-secret", "x-pass": "sk-other" });
    const files = ["profile_export.jsonl", "profile_export_aiperf.json", "profile_export_aiperf.csv"];
    const written = files.map((name) => readFileSync(join(folder, "out", name), "utf8")).join("");
    expect(stdout + stderr + written).not.toMatch(/sk-(secret|other)/);
  });

  it.each(["1", "2"])("tells the same of rows that memory is not to hold (%s workers)", async (workers) => {
    const { status, stdout, stderr } = await load(
      undefined,
      ...["--concurrency", "4", "--request-count", "40", "--isl", "40", "--osl", "5", "--workers", workers, "--json"],
      ...["--rows-in-memory", "39", "--cancel-share", "0.3", "--goodput", "ttft:60000", "--artifact-dir", "out"],
    );
    expect(stderr).toContain("Files in ");
    expect(status).toBe(0);
    const { request_counts: counts, good_request_count: good, request_count: completed } = JSON.parse(stdout);
    expect(counts).toMatchObject({ sent: 40, failed: 0 });
    expect(counts.cancelled).toBeGreaterThan(0);
    expect(completed.avg).toBe(40 - counts.cancelled);
    expect(good.avg).toBe(completed.avg);
    const lines = readFileSync(join(folder, "out/profile_export.jsonl"), "utf8").trim().split("\n");
    const records = lines.map((line) => JSON.parse(line));
    expect(records.map(({ metadata }) => Number(metadata.x_request_id.split("-").at(-1)))).toEqual([
      ...Array(40).keys(),
    ]);
    expect(records.filter(({ metadata }) => metadata.was_cancelled)).toHaveLength(counts.cancelled);
    expect(records.filter(({ metrics }) => metrics !== null)).toHaveLength(completed.avg);
    expect(readdirSync(join(folder, "out")).toSorted()).toEqual([
      "profile_export.jsonl",
      "profile_export_aiperf.csv",
      "profile_export_aiperf.json",
    ]);
  });

  it("prints vLLM's block with --format vllm, and writes nothing with --no-report", async () => {
    const { status, stdout } = await load(undefined, "--request-count", "2", "--format", "vllm", "--no-report");
    expect(status).toBe(0);
    expect(stdout).toContain("============ Serving Benchmark Result ============");
    expect(existsSync(join(folder, "artifacts"))).toBe(false);
  });

  it("ends with 1 where requests failed, and says why", async () => {
    const { status, stdout } = await load(
      (request) =>
        request.index < 2 ? streamTokens(request) : void request.response.writeHead(503).end('{"detail": "full"}'),
      ...["--request-count", "5", "--no-report"],
    );
    expect(status).toBe(1);
    expect(stdout).toContain("5 sent · 2 completed · 3 failed");
    expect(stdout).toContain("3 × server: status 503: full");
  });

  it("ends with 1 and one clear line where nothing listens", async () => {
    server = await fakeServer();
    await server.close();
    const { status, stdout, stderr } = await understudy(["load", "--url", server.url, "--model", "m"]);
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toBe(
      `error: ${server.url}: no answer: connection refused: nothing listens there\n  hint: is the server running, and is --url its address?\n`,
    );
  });

  it("replays a trace at its own times or in a closed loop, and sends literal prompts", async () => {
    const rows = [0, 5, 10].map((timestamp, i) =>
      JSON.stringify({ timestamp, input_length: 600, output_length: 2 + i, hash_ids: [1, 10 + i] }),
    );
    writeFileSync(join(folder, "trace.jsonl"), rows.join("\n"));
    writeFileSync(join(folder, "prompts.jsonl"), '{"text": "What is it?"}\n{"text": "Why?", "output_length": 3}\n');
    const trace = await load(undefined, "--input-file", "trace.jsonl", "--fixed-schedule", "--no-report", "--quiet");
    expect([trace.status, trace.stderr]).toEqual([0, ""]);
    const prompts = server.received.map(({ prompt }) => (prompt as string).split(" ").slice(1));
    expect(prompts.map((words) => words.length)).toEqual([600, 600, 600]);
    expect(prompts[1]!.slice(0, 512)).toEqual(prompts[0]!.slice(0, 512));
    expect(prompts[1]![512]).not.toBe(prompts[0]![512]);
    await server.close();
    await load(undefined, "--input-file", "trace.jsonl", "--concurrency", "1", "--no-report");
    expect(server.mostInFlight).toBe(1);
    expect(server.received.map(({ maxTokens }) => maxTokens)).toEqual([2, 3, 4]);
    await server.close();
    await load(
      undefined,
      ...["--input-file", "prompts.jsonl", "--custom-dataset-type", "single_turn", "--request-count", "3"],
      ...["--osl", "7", "--no-report"],
    );
    expect(server.received.map(({ prompt, maxTokens }) => [prompt, maxTokens])).toEqual([
      ["What is it?", 7],
      ["Why?", 3],
      ["What is it?", 7],
    ]);
  });

  it("sends traffic as scenarios have it", async () => {
    const traffic =
      "steps: { requestRate: [{ at: 0s, rate: 50 }, { at: 200ms, rate: 100 }], arrivals: constant, isl: 10, osl: 2, duration: 400ms }";
    const { status, stderr } = await load(undefined, "--traffic", traffic, "--no-report", "--quiet");
    expect([status, stderr]).toEqual([0, ""]);
    expect(server.received).toHaveLength(30);
  });

  it("sends a scenario's traffic by its clients, who try again", async () => {
    const scenario = {
      name: "retried",
      deployment: { profile: "l40s-qwen3-8b-bf16-tp1-estimate", mode: "agg", agg: { workers: 1 } },
      sla: { ttft: "1h", itl: "1h" },
      traffic: [{ constant: { requestRate: 20, arrivals: "constant", isl: 10, osl: 2, duration: "200ms" } }],
      clients: { retries: 1, backoff: "10ms" },
    };
    const file = join(folder, "retried.yaml");
    writeFileSync(file, JSON.stringify(scenario));
    const { status, stdout } = await load(
      (request) => (request.index === 0 ? void request.response.writeHead(500).end("{}") : streamTokens(request)),
      ...["--scenario", file, "--no-report"],
    );
    expect(stdout).toContain("4 sent · 4 completed · 1 sent once more");
    expect(status).toBe(0);
    expect(server.received).toHaveLength(5);
  });

  it.each([[], ["--rows-in-memory", "1"]])(
    "keeps what is done at Ctrl-C and ends with 130 (%s %s)",
    async (...flags) => {
      let interrupt = () => {};
      server = await fakeServer((request) => {
        if (request.index < 2) return streamTokens(request);
        begin(request);
        interrupt();
      });
      const args = ["load", "--url", server.url, "--concurrency", "1", "--request-count", "10", "--no-report"];
      const { status, stdout, stderr } = await understudy([...args, ...flags], (kill) => {
        interrupt = kill;
      });
      expect(status).toBe(130);
      expect(stdout).toContain("3 sent · 2 completed · 1 unfinished");
      expect(stderr).toContain("interrupted");
    },
  );
});

describe("mistakes in flags", () => {
  const cases: [string[], string][] = [
    [["--request-rate", "3", "--concurrency", "4"], "error: --request-rate: found --request-rate beside --concurrency"],
    [["--scenario", "x.yaml", "--traffic", "y"], "error: --scenario: found --scenario beside --traffic"],
    [["--fixed-schedule"], "error: --fixed-schedule: found --fixed-schedule beside no --input-file"],
    [["--goodput", "ttfx:3"], 'error: --goodput: found the metric "ttfx"'],
    [["--header", "no-colon-sk-secret"], "error: --header: found something else than a header"],
    [["--extra-inputs", "x"], 'error: --extra-inputs: found "x", expected key:value'],
    [["--prompt-format", "ids"], "error: --prompt-format: found ids for chat completions"],
    [["--cancel-share", "1.5"], "--cancel-share takes a share from 0 to 1"],
    [["--input-file", "absent.jsonl"], "error: absent.jsonl: found no such file"],
    [["--isl", "0"], "--isl takes a whole number of 1 or more"],
    [["--reqest-rate", "1"], "did you mean --request-rate?"],
  ];

  it.each(cases)("%j: exit code 2, with the place", async (args, message) => {
    const { status, stdout, stderr } = await load(undefined, ...args);
    expect(stderr).toContain(message);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).not.toContain("sk-secret");
    expect(server.received).toEqual([]);
  });

  it("a folder that can't be made, before anything is sent", async () => {
    writeFileSync(join(folder, "taken"), "");
    const { status, stdout, stderr } = await load(undefined, "--request-count", "1", "--artifact-dir", "taken/out");
    expect(stderr).toContain("taken/out");
    expect([status, stdout]).toEqual([2, ""]);
    expect(server.received).toEqual([]);
  });

  it.each([
    ['{"text": 3}', '"text": found 3'],
    ['{"prompt": "x"}', '"text": found nothing'],
    ["hello", "no JSON object"],
    ["\n", "found no prompts"],
  ])("prompts that are none: %s", async (content, message) => {
    writeFileSync(join(folder, "p.jsonl"), content);
    const args = ["--input-file", "p.jsonl", "--custom-dataset-type", "single_turn"];
    const { status, stderr } = await load(undefined, ...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});
