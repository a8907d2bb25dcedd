import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { decodeOnly, prefillOnly, renderDeployment } from "#src/deployment";
import {
  CandidateFailed,
  interpolateDecode,
  interpolatePrefill,
  mappingOf,
  requestCounts,
  sweepDecode,
} from "#src/profiler";
import type { DeploymentDriver, TrialDeployment } from "../../../src/profiler/thorough/driver.ts";
import { type ThoroughOptions, thoroughSource } from "../../../src/profiler/thorough/source.ts";
import { disaggPlan } from "../../deployment/plans.ts";
import { pipelineContext } from "../pipeline-context.ts";
import { stubServer } from "./stub-server.ts";

const LOG = "INFO [kv_cache_utils.py:1091] Maximum concurrency for 8,192 tokens per request: 10.00x\n";
const signal = () => new AbortController().signal;

/** A driver of one endpoint: what a Kubernetes one does, without a cluster. */
function endpointDriver(
  url: string,
  over: { log?: string; ready?: (timeoutMs: number, signal: AbortSignal) => Promise<void> } = {},
) {
  const there = new Set<string>();
  const applied: string[] = [];
  const paced: string[] = [];
  const driver: DeploymentDriver = {
    name: "a test's driver",
    async apply(dgd, { workFolder }) {
      const name = dgd.metadata!.name!;
      applied.push(name);
      there.add(name);
      const files = new Map([["vllmdecodeworker", [join(workFolder, name, "vllmdecodeworker", "0.log")]]]);
      const deployment: TrialDeployment = {
        name,
        url,
        waitReady: over.ready ?? (async () => {}),
        async saveLogs() {
          mkdirSync(join(workFolder, name, "vllmdecodeworker"), { recursive: true });
          writeFileSync(files.get("vllmdecodeworker")![0]!, over.log ?? LOG);
          return files;
        },
        async pace(work) {
          paced.push(work.kind);
          return 1;
        },
        async delete() {
          there.delete(name);
        },
      };
      return deployment;
    },
    remaining: async () => [...there],
    close: async () => there.clear(),
  };
  return { driver, there, applied, paced };
}

function made(driver: DeploymentDriver, over: Partial<ThoroughOptions> = {}) {
  const outputDir = mkdtempSync(join(tmpdir(), "thorough-"));
  onTestFinished(() => rmSync(outputDir, { recursive: true }));
  const base = renderDeployment(disaggPlan({ backend: "vllm", dialect: "0.8", version: "v1alpha1" })).at(-1)!;
  const warnings: string[] = [];
  const source = thoroughSource({
    driver,
    candidate: (phase, mapping) =>
      (phase === "prefill" ? prefillOnly : decodeOnly)(base, {
        backend: "vllm",
        dialect: "0.8",
        layout: mapping.layout,
        gpusPerNode: 8,
      }),
    model: "m",
    backend: "vllm",
    dialect: "0.8",
    outputDir,
    timeoutMs: 1000,
    onWarning: (text) => warnings.push(text),
    ...over,
  });
  return { source, outputDir, warnings };
}

describe("candidates that are deployed", () => {
  it("[R074] [R174] each has a folder with its config, the logs of its components and the artefacts of its runs", async () => {
    const stub = await stubServer();
    const { driver, applied } = endpointDriver(stub.url);
    const { source, outputDir } = made(driver);
    const engine = await source.open("prefill", mappingOf("TP", 4), "prefill_4gpus_TP4", signal());
    await engine.prefill(200);
    await engine.close();
    const folder = join(outputDir, "prefill_4gpus_TP4");
    expect(applied).toHaveLength(1);
    expect(applied[0]).toMatch(/^vllm-agg-[0-9a-f]{4}$/);
    const config = parse(readFileSync(join(folder, "config.yaml"), "utf8")) as { metadata: { name: string } };
    expect(config.metadata.name).toBe(applied[0]);
    expect(readFileSync(join(folder, applied[0]!, "vllmdecodeworker", "0.log"), "utf8")).toBe(LOG);
    expect(existsSync(join(folder, "aiperf_isl200", "profile_export_aiperf.json"))).toBe(true);
  });

  it("know how long they took to start, unless they only play an engine", async () => {
    const stub = await stubServer();
    const { driver } = endpointDriver(stub.url, { ready: () => new Promise((ready) => setImmediate(ready)) });
    const real: DeploymentDriver = {
      ...driver,
      async apply(dgd, options) {
        const { pace: _pace, ...deployment } = await driver.apply(dgd, options);
        return deployment;
      },
    };
    const facts = async (of: DeploymentDriver) => {
      const engine = await made(of).source.open("decode", mappingOf("TP", 4), "decode_4gpus_TP4", signal());
      await engine.close();
      return engine.facts;
    };
    expect(await facts(driver)).toEqual({});
    expect(await facts(real)).toEqual({ startupMs: expect.any(Number) });
  });

  it("[R076] [R077] the sweep goes from one request to what the capacity in the log holds", async () => {
    const stub = await stubServer();
    const { driver } = endpointDriver(stub.url);
    const { source } = made(driver);
    const { results } = await sweepDecode(
      source,
      [mappingOf("TP", 4)],
      { isl: 4000, osl: 96, granularity: 6 },
      pipelineContext().context,
    );
    expect(results.map(({ maxKvTokens }) => maxKvTokens)).toEqual(Array(6).fill(81_920));
    expect(results.map(({ concurrency }) => concurrency)).toEqual(requestCounts(20));
    expect(results.map(({ concurrency }) => concurrency)).toEqual([1, 4, 8, 12, 16, 20]);
    expect(results.every(({ origin }) => origin === "measured")).toBe(true);
  });

  it("[R080] a load whose run fails is left out, the others are not", async () => {
    let ofThisLength = 0;
    const stub = await stubServer({
      fail: ({ prompt }) => {
        if (prompt.split(" ").length > 1000) ofThisLength++;
        // Those of the loads 1, 4 and 8, each of them sent twice.
        return ofThisLength > 26 ? { status: 500, message: "boom" } : null;
      },
    });
    const { driver } = endpointDriver(stub.url);
    const { source, warnings } = made(driver);
    const target = { isl: 4000, osl: 96, granularity: 6 };
    const { results } = await sweepDecode(source, [mappingOf("TP", 4)], target, pipelineContext().context);
    expect(results.map(({ concurrency }) => concurrency)).toEqual([1, 4, 8]);
    expect(warnings.join("\n")).toContain("12 requests of ISL 4000 at once: ");
    expect(warnings.join("\n")).toContain("boom");
  });

  it("[R181] is deleted when it is closed, when it fails, and at the end; what is left is told of", async () => {
    const stub = await stubServer({ models: ["another"] });
    const failing = endpointDriver(stub.url);
    const first = made(failing.driver);
    await expect(first.source.open("prefill", mappingOf("TP", 1), "a", signal())).rejects.toThrow(CandidateFailed);
    expect(failing.there.size).toBe(0);

    const fine = endpointDriver((await stubServer()).url);
    const second = made(fine.driver);
    const engine = await second.source.open("prefill", mappingOf("TP", 1), "a", signal());
    expect(fine.there.size).toBe(1);
    await engine.close();
    await engine.close();
    expect(fine.there.size).toBe(0);
    await second.source.open("prefill", mappingOf("TP", 1), "a", signal());
    fine.there.add("stray-1");
    await second.source.close();
    expect(fine.there.size).toBe(0);
    expect(second.warnings.join()).toContain("stray-1");
  });

  it("[R181] an interrupted wait ends with the signal's reason, and nothing is left", async () => {
    const { driver, there } = endpointDriver("http://127.0.0.1:9", {
      ready: (_timeoutMs, aborted) =>
        new Promise((_, reject) => aborted.addEventListener("abort", () => reject(aborted.reason))),
    });
    const { source } = made(driver);
    const interrupted = new AbortController();
    const opening = source.open("prefill", mappingOf("TP", 1), "a", interrupted.signal);
    interrupted.abort(new Error("interrupted"));
    await expect(opening).rejects.toThrow("interrupted");
    expect(there.size).toBe(0);
  });

  it("[R170] a log without a capacity means 0, and a candidate that holds nothing", async () => {
    const stub = await stubServer();
    const { driver } = endpointDriver(stub.url, { log: "starting\n" });
    const { source, warnings } = made(driver);
    const { results, skipped } = await sweepDecode(
      source,
      [mappingOf("TP", 4)],
      { isl: 100, osl: 20, granularity: 3 },
      pipelineContext().context,
    );
    expect(results).toEqual([]);
    expect(skipped[0]!.reason).toContain("holds no request");
    expect(warnings.join()).toContain("does not tell its KV capacity");
  });

  it("[R201] thorough interpolation sweeps prompt lengths and loads on the picked engines", async () => {
    const stub = await stubServer();
    const { driver, paced } = endpointDriver(stub.url);
    const { source, outputDir } = made(driver);
    const options = { maxContext: 1200, granularity: 3 };
    const prefill = await source.open("prefill", mappingOf("TP", 2), "selected_prefill_interpolation", signal());
    const { samples } = await interpolatePrefill(prefill, options);
    await prefill.close();
    expect(samples!.isl).toEqual([100, 296, 492]);
    const decode = await source.open("decode", mappingOf("TP", 2), "selected_decode_interpolation", signal());
    const { samples: grid } = await interpolateDecode(decode, options);
    await decode.close();
    expect([...new Set(grid.contextLength)]).toEqual([350, 583, 816]);
    expect(grid.itlMs).toHaveLength(9);
    expect(grid.maxKvTokens).toBe(81_920);
    const most = Math.floor(81_920 / 600);
    expect(existsSync(join(outputDir, "selected_decode_interpolation", `aiperf_isl100_osl500_n${most}`))).toBe(true);
    expect(new Set(paced)).toEqual(new Set(["warm-up", "prefill", "decode"]));
  });
});
