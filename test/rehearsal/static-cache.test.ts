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

  it("differs with the seed where the traffic is drawn from it", () => {
    const poisson = { traffic: [{ constant: { ...traffic!.constant, arrivals: "poisson" } }] };
    expect(key({ ...poisson, seed: 6 })).not.toBe(key(poisson));
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
