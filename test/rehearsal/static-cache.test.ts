import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { BestStatic } from "#src/record";
import {
  bestStaticOf,
  cacheBestStatic,
  cachedBestStatic,
  prepareRehearsal,
  staticCacheKey,
  staticSearchGpus,
} from "#src/rehearsal";
import { FIXED, madeScenario, SHIPPED } from "./made-scenario.ts";

const document = {
  ...FIXED,
  deployment: { profile: SHIPPED, mode: "disagg", prefill: { workers: 1 }, decode: { workers: 1 } },
  planner: { strategy: "default", interval: "5s", maxGpus: 6 },
};
const key = (changes: object) => staticCacheKey(prepareRehearsal(madeScenario({ ...document, ...changes })));

describe("the key of a search for static deployments", () => {
  const original = key({});

  it("is the same for what a deployment that never changes does not show", () => {
    expect(key({})).toBe(original);
    const prefill = { workers: 4, startup: "3m" };
    expect(key({ deployment: { ...document.deployment, prefill } })).toBe(original);
    expect(key({ planner: { strategy: "sla-compat", interval: "60s", maxGpus: 6 } })).toBe(original);
    expect(key({ name: "another", shows: "that names don't matter", expect: { errors: 0 } })).toBe(original);
    // Arrivals at constant intervals, lengths that are numbers: the seed changes nothing.
    expect(key({ seed: 6 })).toBe(original);
  });

  const [traffic] = document.traffic;
  const trace = (blockSize: number) => ({ file: join(folderOfTrace(), "trace.jsonl"), blockSize });
  it.each<[string, () => object]>([
    ["the traffic's rate", () => ({ traffic: [{ constant: { ...traffic!.constant, requestRate: 11 } }] })],
    ["its lengths", () => ({ traffic: [{ constant: { ...traffic!.constant, osl: 6 } }] })],
    ["its random arrivals", () => ({ traffic: [{ constant: { ...traffic!.constant, arrivals: "poisson" } }] })],
    ["the SLA", () => ({ sla: { ttft: "200ms", itl: "41ms" } })],
    ["the profile", () => ({ deployment: { ...document.deployment, profile: "h100-llama-3.1-8b-fp8-tp1-estimate" } })],
    ["the surfaces", () => ({ deployment: { ...document.deployment, surfaces: "compat" } })],
    ["the router", () => ({ deployment: { ...document.deployment, router: "round-robin" } })],
    ["an engine's setting", () => ({ deployment: { ...document.deployment, decode: { engine: { maxNumSeqs: 9 } } } })],
    ["the transfer", () => ({ deployment: { ...document.deployment, kvTransfer: { bandwidth: "1GB/s" } } })],
    ["the GPU limit", () => ({ planner: { ...document.planner, maxGpus: 7 } })],
    ["the end of the run", () => ({ limits: { duration: "5s" } })],
    ["a trace in the traffic's place", () => ({ traffic: [{ trace: trace(512) }] })],
  ])("differs with %s", (_, changes) => {
    expect(key(changes())).not.toBe(original);
  });

  it("differs with the tokens that a trace's ids stand for", () => {
    expect(key({ traffic: [{ trace: trace(512) }] })).not.toBe(key({ traffic: [{ trace: trace(256) }] }));
  });

  it.each<[string, object]>([
    ["the traffic", { traffic: [{ constant: { ...traffic!.constant, arrivals: "poisson" } }] }],
    ["the choice among workers", { deployment: { ...document.deployment, router: "random" } }],
    ["the choice among equals", { deployment: { ...document.deployment, router: "kv" } }],
    ["what is lost", { faults: [{ at: "1s", loseTransfers: { probability: 0.5 }, for: "1s" }] }],
    ["how long clients wait", { clients: { timeout: "3s", retries: 1 } }],
  ])("differs with the seed where %s is drawn from it", (_, changes) => {
    expect(key({ ...changes, seed: 6 })).not.toBe(key(changes));
  });

  it("differs with the end of the traffic, though nothing arrives between the two", () => {
    // One arrival a second: the last one in 9 s.
    const until = (duration: string) => ({
      traffic: [{ constant: { ...traffic!.constant, requestRate: 1, duration } }],
    });
    expect(key(until("9.2s"))).not.toBe(key(until("9.4s")));
  });

  it("differs with who asks, where the router keeps conversations together", () => {
    const keyOf = (router: object | string, sessionIds: string[] | null) => {
      const scenario = madeScenario({ ...document, deployment: { ...document.deployment, router } });
      const workload = { ...prepareRehearsal(scenario).workload, sessionIds };
      return staticCacheKey(prepareRehearsal(scenario, {}, { workload }));
    };
    const everyOther = (a: string, b: string) => Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? a : b));
    const sticky = { mode: "least-loaded", sessionAffinity: "10s" };
    expect(keyOf(sticky, everyOther("a", "b"))).not.toBe(keyOf(sticky, everyOther("a", "a")));
    expect(keyOf(sticky, everyOther("a", "b"))).not.toBe(keyOf(sticky, null));
    // What they are called doesn't matter, nor who they are where nobody looks.
    expect(keyOf(sticky, everyOther("a", "b"))).toBe(keyOf(sticky, everyOther("c", "d")));
    expect(keyOf("least-loaded", everyOther("a", "b"))).toBe(keyOf("least-loaded", everyOther("a", "a")));
  });
});

let traceFolder = "";
function folderOfTrace(): string {
  if (traceFolder === "") {
    traceFolder = mkdtempSync(join(tmpdir(), "understudy-trace-"));
    const rows = [0, 100].map((timestamp) => ({ timestamp, input_length: 500, output_length: 3, hash_ids: [1] }));
    writeFileSync(join(traceFolder, "trace.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  }
  return traceFolder;
}

describe("the cache of searches", () => {
  const found: BestStatic = { floor: 0.99, maxGpus: 6, tried: 3, atFloor: null, any: null };
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-cache-"));
    vi.stubEnv("XDG_CACHE_HOME", folder);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    for (const path of [folder, traceFolder]) if (path !== "") rmSync(path, { recursive: true });
  });

  it("gives back what was put in, under its key alone", () => {
    expect(cachedBestStatic("0123")).toBeNull();
    cacheBestStatic("0123", found);
    expect(cachedBestStatic("0123")).toEqual(found);
    expect(cachedBestStatic("4567")).toBeNull();
  });

  it("counts an unreadable entry as none", () => {
    cacheBestStatic("89ab", found);
    writeFileSync(join(folder, "understudy", "best-static", "89ab.json"), '{"floor": 0.9');
    expect(cachedBestStatic("89ab")).toBeNull();
    expect(readdirSync(join(folder, "understudy", "best-static")).sort()).toEqual(["0123.json", "89ab.json"]);
  });
});

describe("a search for static deployments of a scenario", () => {
  it("replays its traffic within the planner's GPU limit, or 16 GPUs", () => {
    const scenario = madeScenario(document);
    expect(staticSearchGpus(scenario)).toBe(6);
    expect(staticSearchGpus(madeScenario(FIXED))).toBe(16);
    const found = bestStaticOf(prepareRehearsal(scenario));
    expect(found).toMatchObject({ floor: 0.99, maxGpus: 6, atFloor: { prefill: 1, decode: 1, attainment: 1 } });
    expect(found.atFloor!.goodputPerGpu).toBeCloseTo(100 / (2 * 10), 6);
  });
});
