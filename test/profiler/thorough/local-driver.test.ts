import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { buildSurface, loadProfile } from "#profiles";
import { openNativeEngine } from "#src/estimator";
import { CandidateFailed, mappingOf } from "#src/profiler";
import { localDriver } from "../../../src/profiler/thorough/local/driver.ts";
import { thoroughSource } from "../../../src/profiler/thorough/source.ts";
import { statusOf, waitFor } from "../../integration/processes.ts";
import { candidate, PROFILE } from "./local-candidate.ts";

const PARENT = fileURLToPath(new URL("./fixture-parent.ts", import.meta.url));
const never = new AbortController().signal;

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "local-driver-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

const driver = (startupMs = 0, speedup = 50) =>
  localDriver({ timing: () => ({ kind: "profile", profile: PROFILE }), speedup, startupMs });

describe("candidates on this machine", () => {
  it("[R174] [R181] [R076] are measured under load; their logs stay, their processes go", async () => {
    const outputDir = folder();
    // A hundred tokens last 200 ms: a client that reads the first of them some milliseconds late measures no other time.
    const local = driver(0, 5);
    const source = thoroughSource({
      driver: local,
      candidate: () => candidate("sglang"),
      model: "Qwen/Qwen3-32B",
      backend: "sglang",
      dialect: "0.8",
      outputDir,
      timeoutMs: 60_000,
    });
    onTestFinished(() => source.close());
    const engine = await source.open("decode", mappingOf("TP", 2), "decode_2gpus_TP2", never);
    const surface = buildSurface(loadProfile(PROFILE));
    expect(engine.maxKvTokens).toBe(surface.maxKvTokens);
    const [deployment] = await local.remaining();
    expect(deployment).toMatch(/^sglang-agg-[0-9a-f]{4}$/);

    const measured = await engine.decode(4, 1000, 100);
    const expected = surface.itlMs((4 * 1050) / surface.maxKvTokens, 1050);
    // To a percent on a quiet machine; a busy one adds to it, never so much that another engine's time would pass.
    expect(measured!.itlMs / expected).toBeGreaterThan(0.9);
    expect(measured!.itlMs / expected).toBeLessThan(1.5);
    expect(measured!.throughputPerGpu).toBeCloseTo(4000 / measured!.itlMs / 2, 6);

    await engine.close();
    expect(await local.remaining()).toEqual([]);
    const logs = join(outputDir, "decode_2gpus_TP2", deployment!);
    const components = readdirSync(logs);
    expect(components).toContain("frontend");
    expect(components).toHaveLength(2);
    const worker = components.find((name) => name !== "frontend")!;
    expect(readFileSync(join(logs, worker, "0.log"), "utf8")).toContain("KV Cache is allocated. #tokens: ");
    const listens = /http:\/\/[\d.:]+/.exec(readFileSync(join(logs, "frontend", "0.log"), "utf8"))![0];
    expect(await statusOf(`${listens}/health`)).toBe(0);
  }, 120_000);

  it("a candidate that is not ready in time fails with Dynamo's words", async () => {
    const local = driver(3_600_000);
    const deployment = await local.apply(candidate("vllm"), { workFolder: folder() });
    const waited = deployment.waitReady(50, never);
    await expect(waited).rejects.toThrow(CandidateFailed);
    await expect(waited).rejects.toThrow(/^Deployment failed to become ready within 0.05s/);
    await local.close();
    expect(await local.remaining()).toEqual([]);
  }, 60_000);

  it("what a worker says it can't do is the reason for which its candidate is left out", async () => {
    const local = localDriver({ timing: () => ({ kind: "profile", profile: "no-such-profile" }) });
    const workFolder = folder();
    const deployment = await local.apply(candidate("vllm"), { workFolder });
    const waited = deployment.waitReady(60_000, never);
    await expect(waited).rejects.toThrow(CandidateFailed);
    await expect(waited).rejects.toThrow(/no-such-profile/);
    await local.close();
  }, 60_000);

  it("[R170] an engine that its model leaves no room for dies in its backend's words; the remedies are in the reason", async () => {
    const local = localDriver({
      timing: ({ backend, parallelism }) => ({
        kind: "estimator",
        spec: { model: "meta-llama/Llama-3.1-70B", system: "l40s", backend, parallelism },
      }),
    });
    const workFolder = folder();
    const deployment = await local.apply(candidate("vllm"), { workFolder });
    const waited = deployment.waitReady(60_000, never);
    await expect(waited).rejects.toThrow(CandidateFailed);
    await expect(waited).rejects.toThrow(/No available memory for the cache blocks.*reduce --max-context-length/);
    await local.close();
    const log = readFileSync(join(workFolder, deployment.name, "vllmdecodeworker", "0.log"), "utf8");
    expect(log).toContain("No available memory for the cache blocks");
  }, 60_000);

  it("[R009] plays the estimator's times of the very candidate", async () => {
    const outputDir = folder();
    const spec = { model: "Qwen/Qwen3-32B", system: "h200_sxm", backend: "vllm", parallelism: "tp2" } as const;
    const source = thoroughSource({
      driver: localDriver({
        timing: ({ parallelism }) => ({ kind: "estimator", spec: { ...spec, parallelism } }),
        speedup: 50,
      }),
      candidate: () => candidate("vllm"),
      model: "Qwen/Qwen3-32B",
      backend: "vllm",
      dialect: "0.8",
      outputDir,
      timeoutMs: 60_000,
    });
    onTestFinished(() => source.close());
    const engine = await source.open("decode", mappingOf("TP", 2), "decode_2gpus_TP2", never);
    const estimate = openNativeEngine(spec);
    // vLLM's log has two decimals of the context length.
    expect(Math.abs(engine.maxKvTokens - estimate.facts.maxKvTokens)).toBeLessThan(0.005 * 40_960 + 1);
    const { ttftMs } = await engine.prefill(2000);
    expect(ttftMs / estimate.context(1, 2000).ms).toBeGreaterThan(0.97);
    expect(ttftMs / estimate.context(1, 2000).ms).toBeLessThan(1.5);
    await engine.close();
  }, 60_000);

  it.skipIf(!existsSync(`/proc/${process.pid}/task`))(
    "[R181] no process is left where the profiler is killed",
    async () => {
      const parent = spawn(process.execPath, [PARENT, folder()], { stdio: ["ignore", "pipe", "inherit"] });
      onTestFinished(() => void parent.kill("SIGKILL"));
      await once(parent.stdout!, "data");
      const children = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, "utf8").trim().split(" ");
      expect(children).toHaveLength(2);
      parent.kill("SIGKILL");
      await once(parent, "exit");
      await waitFor("the candidate's processes to end", () => children.every((pid) => !existsSync(`/proc/${pid}`)));
    },
    120_000,
  );
});
