import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { loadProfile, saveProfileJson } from "#profiles";
import { parseScenario } from "#scenarios";
import { poolSpec, prepareRehearsal } from "#src/rehearsal";
import { FIXED, madeScenario, SHIPPED } from "./made-scenario.ts";

function pool(deployment: object, role: "prefill" | "decode") {
  const { deployment: parsed } = madeScenario({ ...FIXED, deployment });
  return poolSpec(parsed, role, parsed.profile === null ? null : loadProfile(parsed.profile));
}

function problem(action: () => unknown): UserError {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("nothing was wrong");
}

describe("a pool of workers from a scenario", () => {
  const { maxKvTokens } = loadProfile(SHIPPED).decode;

  it("has the KV blocks that its profile was measured with, in blocks of its size", () => {
    expect(maxKvTokens).toBeGreaterThan(100_000);
    const blocks = (engine: object) => pool({ profile: SHIPPED, mode: "agg", engine }, "decode").engine.numGpuBlocks;
    expect(blocks({})).toBe(Math.floor(maxKvTokens / 64));
    expect(blocks({ blockSize: 16 })).toBe(Math.floor(maxKvTokens / 16));
    expect(blocks({ numGpuBlocks: 77 })).toBe(77);
  });

  it("has the GPUs of its profile, unless the scenario says otherwise, and one without a profile", () => {
    const gpus = (deployment: object) => pool({ mode: "agg", ...deployment }, "decode").gpusPerWorker;
    expect(gpus({ profile: SHIPPED })).toBe(1);
    expect(gpus({ profile: "h200-llama-3.1-70b-fp8-tp4-estimate" })).toBe(4);
    expect(gpus({ profile: "h200-llama-3.1-70b-fp8-tp4-estimate", agg: { gpusPerWorker: 3 } })).toBe(3);
    expect(gpus({ engine: { timing: "polynomial" } })).toBe(1);
  });

  it("has a model that thinks where the scenario says so", () => {
    const ratio = (engine: object) => pool({ profile: SHIPPED, mode: "agg", engine }, "decode").engine.thinkingRatio;
    expect(ratio({})).toBe(0);
    expect(ratio({ reasoning: { ratio: 0.6 } })).toBe(0.6);
    expect(() => ratio({ reasoning: { ratio: 1.5 } })).toThrow(/1/);
  });

  it("has host memory in blocks of its size, with what the profile says of a token", () => {
    const bytes = loadProfile(SHIPPED).provenance.kvBytesPerToken!;
    const host = (kvOffload: object, engine: object = {}) =>
      pool({ profile: SHIPPED, mode: "agg", engine: { ...engine, kvOffload } }, "decode").engine.kvOffload;
    expect(pool({ profile: SHIPPED, mode: "agg" }, "decode").engine.kvOffload).toBeNull();
    expect(host({ hostBytes: "1GiB", bytesPerSecond: "50GB/s" }, { blockSize: 16 })).toEqual({
      hostBlocks: Math.floor(2 ** 30 / (16 * bytes)),
      bytesPerBlock: 16 * bytes,
      bytesPerSecond: 50e9,
    });
    expect(host({ hostBlocks: 9, bytesPerSecond: 1e9, bytesPerToken: 1000 })).toEqual({
      hostBlocks: 9,
      bytesPerBlock: 64_000,
      bytesPerSecond: 1e9,
    });
    expect(() => host({ hostBytes: "1GiB", hostBlocks: 9, bytesPerSecond: "1GB/s" })).toThrow(/size of host memory/);
    expect(() => host({ hostBlocks: 9, bytesPerSecond: "1GB/s" }, { prefixCaching: false })).toThrow(/prefix caching/);
  });

  it("starts in the time that its profile has measured, unless the scenario says otherwise", () => {
    const folder = mkdtempSync(join(tmpdir(), "understudy-startup-"));
    try {
      const profile = loadProfile(SHIPPED);
      const provenance = { ...profile.provenance, prefillStartupMs: 41_500, decodeStartupMs: 63_000 };
      const file = join(folder, "profile.json");
      saveProfileJson({ ...profile, provenance }, file);
      const disagg = { profile: file, mode: "disagg", prefill: { startup: "0s" } };
      expect(pool({ profile: file, mode: "disagg" }, "prefill").startupMs).toBe(41_500);
      expect(pool(disagg, "prefill").startupMs).toBe(0);
      expect(pool(disagg, "decode").startupMs).toBe(63_000);
      expect(pool({ profile: file, mode: "agg" }, "decode").startupMs).toBe(63_000);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("has the settings of the deployment's engine, a pool's own on top", () => {
    const deployment = {
      profile: SHIPPED,
      mode: "disagg",
      engine: { maxNumSeqs: 8, prefixCaching: false },
      prefill: { workers: 3, startup: "90s", dpSize: 2, engine: { maxNumSeqs: 4 } },
      decode: { workers: 2 },
    };
    const prefill = pool(deployment, "prefill");
    expect(prefill).toMatchObject({ workers: 3, startupMs: 90_000, dpSize: 2 });
    expect(prefill.engine).toMatchObject({
      role: "prefill",
      maxNumSeqs: 4,
      prefixCaching: false,
      chunkedPrefill: true,
    });
    const decode = pool(deployment, "decode");
    expect(decode).toMatchObject({ workers: 2, startupMs: 0, dpSize: 1 });
    expect(decode.engine).toMatchObject({ role: "decode", maxNumSeqs: 8, prefixCaching: false });
  });

  it("takes its times from where the scenario says", () => {
    const timing = (engine: object) => pool({ profile: SHIPPED, mode: "agg", engine }, "decode").engine.timing;
    expect(timing({}).kind).toBe("profile");
    expect(timing({ timing: "polynomial" }).kind).toBe("polynomial");
    const fixed = timing({ timing: { fixed: { prefill: "30ms", decode: "7ms" } } });
    expect([fixed.kind, fixed.prefillMs(2, 100, 0, 0), fixed.decodeMs(9, 900, 100)]).toEqual(["fixed", 60, 7]);
  });

  it.each<[string, object, string, RegExp]>([
    [
      "of all pools",
      { mode: "agg", engine: { speculative: { acceptRates: [0.5] }, decodeSpeedupRatio: 2 } },
      "deployment.engine.decodeSpeedupRatio",
      /found 2, expected 1/,
    ],
    [
      "of a pool",
      { mode: "disagg", engine: { blockSize: 16 }, decode: { engine: { prefillDecodeInterval: 4 } } },
      "deployment.decode.engine.prefillDecodeInterval",
      /found 4, expected 0/,
    ],
    [
      "of ranks",
      {
        mode: "agg",
        agg: { dpSize: 4, engine: { family: "sglang", blockSize: 16, sglang: { chunkedPrefillSize: 32 } } },
      },
      "deployment.agg.engine.sglang.chunkedPrefillSize",
      /found 32, expected 64 or more/,
    ],
    [
      "of host memory",
      { mode: "disagg", prefill: { engine: { kvOffload: { hostBytes: 9, bytesPerSecond: 1e9 } } } },
      "deployment.prefill.engine.kvOffload",
      /found host memory of 9 bytes/,
    ],
  ])("is told where the settings stand that an engine %s does not take", (_, deployment, path, message) => {
    const { where, message: told } = problem(() =>
      prepareRehearsal(madeScenario({ ...FIXED, deployment: { profile: SHIPPED, ...deployment } }, "lunch.yaml")),
    );
    expect(where).toMatch(/^lunch\.yaml:1:\d+ /);
    expect(where).toContain(`(${path})`);
    expect(told).toMatch(message);
  });

  it("switches on the quirks that are named, and no other", () => {
    const quirks = (names: unknown) => pool({ profile: SHIPPED, mode: "agg", quirks: names }, "decode").engine.quirks;
    expect(Object.entries(quirks(["duplicateBlocks"])).filter(([, on]) => on)).toEqual([["duplicateBlocks", true]]);
    expect(Object.values(quirks([])).some(Boolean)).toBe(false);
    expect(Object.values(quirks("dynosim")).every(Boolean)).toBe(true);
  });
});

describe("a rehearsal of a scenario", () => {
  const disaggregated = {
    ...FIXED,
    deployment: {
      ...FIXED.deployment,
      mode: "disagg",
      agg: undefined,
      kvTransfer: { bandwidth: "1GB/s", bytesPerToken: 1e6 },
    },
  };
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-rehearsal-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("runs its traffic on its deployment: prefill, transfer, decode", () => {
    const record = prepareRehearsal(madeScenario(disaggregated)).run();
    expect(record).toMatchObject({ name: "made-by-hand", mode: "disagg", seed: 5, sla: { ttftMs: 200, itlMs: 40 } });
    expect(record.requests.count).toBe(100);
    expect(record.requests.firstTokenMs[0]! - record.requests.arrivalMs[0]!).toBeCloseTo(30 + 100 + 7, 9);
    expect(record.workers.map(({ role }) => role)).toEqual(["prefill", "decode"]);
  });

  it("runs on the stepping engine with the same result", () => {
    const rehearsal = prepareRehearsal(madeScenario(disaggregated));
    const fast = rehearsal.run();
    const slow = rehearsal.run({ engine: "stepping" });
    expect(slow.engine.skippedPasses).toBe(0);
    expect(fast.engine.skippedPasses).toBeGreaterThan(0);
    expect(slow.requests).toEqual(fast.requests);
  });

  it("replays the same traffic on a deployment that stays as it is", () => {
    const scenario = madeScenario({
      ...FIXED,
      deployment: { profile: SHIPPED, mode: "agg", agg: { workers: 1 } },
      planner: { strategy: "default", interval: "1s", maxGpus: 4 },
    });
    const rehearsal = prepareRehearsal(scenario);
    const record = rehearsal.runStatic({ prefill: 0, decode: 3 });
    expect(record.workers).toHaveLength(3);
    expect(record.decisions).toEqual([]);
    expect(rehearsal.run().decisions.length).toBeGreaterThan(5);
    expect([...record.requests.arrivalMs]).toEqual([...rehearsal.run().requests.arrivalMs]);
  });

  it("stops at the limit that the scenario sets", () => {
    const record = prepareRehearsal(madeScenario({ ...FIXED, limits: { duration: "2s" } })).run();
    expect(record.endMs).toBe(2000);
    expect(record.requests.count).toBeLessThanOrEqual(21);
  });

  it("goes on to the end of the traffic at least", () => {
    expect(prepareRehearsal(madeScenario(FIXED)).run().endMs).toBe(10_000);
  });

  it("plays faults and impatient clients", () => {
    const document = {
      ...FIXED,
      clients: { retries: 1, backoff: "100ms" },
      faults: [{ at: "5005ms", kill: "agg/0" }],
    };
    const record = prepareRehearsal(madeScenario(document)).run();
    expect(record.faults).toMatchObject([{ kind: "kill", workers: 1, requests: 1 }]);
    expect(record.workers[0]).toMatchObject({ removedMs: 5005 });
    expect(record.requests.attempts.filter((attempts) => attempts > 1)).toHaveLength(1);
  });

  it("refuses a transfer whose bytes nobody knows, with its place", () => {
    const shipped = JSON.parse(readFileSync(`profiles/data/${SHIPPED}/profile.json`, "utf8")) as {
      provenance: { kvBytesPerToken?: number };
    };
    delete shipped.provenance.kvBytesPerToken;
    mkdirSync(join(folder, "unknown-bytes"));
    writeFileSync(join(folder, "unknown-bytes", "profile.json"), JSON.stringify(shipped));
    const deployment = { profile: "./unknown-bytes", mode: "disagg", kvTransfer: { bandwidth: "64GB/s" } };
    const scenario = madeScenario({ ...FIXED, deployment }, join(folder, "kv.yaml"));
    const error = problem(() => prepareRehearsal(scenario));
    expect(error).toMatchObject({ code: "REHEARSAL_UNKNOWN_KV_BYTES", exitCode: 2 });
    expect(error.where).toMatch(/kv\.yaml:1:\d+/);
    expect(error.hint).toContain("bytesPerToken");
  });

  it("refuses host memory whose blocks nobody knows, or that has no room for one, with its place", () => {
    const refused = (kvOffload: object) => {
      const deployment = { ...FIXED.deployment, engine: { ...FIXED.deployment.engine, kvOffload } };
      return problem(() => prepareRehearsal(madeScenario({ ...FIXED, deployment }, "host.yaml")));
    };
    const unknown = refused({ hostBlocks: 10, bytesPerSecond: "50GB/s" });
    expect(unknown).toMatchObject({ code: "REHEARSAL_UNKNOWN_KV_BYTES", exitCode: 2 });
    expect(unknown.where).toMatch(/host\.yaml:1:\d+/);
    const small = refused({ hostBytes: "1MB", bytesPerSecond: "50GB/s", bytesPerToken: "128KiB" });
    expect(small).toMatchObject({ code: "REHEARSAL_SMALL_HOST_MEMORY", exitCode: 2 });
    expect(small.message).toContain(String(64 * 131_072));
  });

  it("refuses a planner without a profile to read", () => {
    const scenario = madeScenario({ ...FIXED, planner: { strategy: "default" } }, "planner.yaml");
    const error = problem(() => prepareRehearsal(scenario).run());
    expect(error).toMatchObject({ code: "REHEARSAL_PROFILE_NEEDED", exitCode: 2 });
    expect(error.where).toMatch(/planner\.yaml:1:\d+/);
  });
});

describe("what can't be built of a scenario", () => {
  const frame = {
    sla: { ttft: "1s", itl: "50ms" },
    traffic: [{ constant: { requestRate: 1, isl: 9, osl: 9, duration: "1s" } }],
  };
  const estimator = { model: "no/such", gpu: "h200_sxm", backend: "vllm", parallelism: "tp1" };

  it.each([
    [
      "an estimate of all engines",
      { deployment: { mode: "agg", engine: { timing: { estimator } } } },
      /^f\.yaml:1:\d+ \(deployment\.engine\.timing\.estimator\)$/,
    ],
    [
      "an estimate of a pool, whose model is told, too",
      {
        deployment: {
          mode: "agg",
          agg: { engine: { timing: { estimator: { ...estimator, model: "Qwen/Qwen3-32B", parallelism: "tp7" } } } },
        },
      },
      /^f\.yaml:1:\d+ \(deployment\.agg\.engine\.timing\.estimator\): Qwen\/Qwen3-32B$/,
    ],
    [
      "a planner's budget",
      { deployment: { profile: SHIPPED, mode: "agg" }, planner: { strategy: "default", maxGpus: 4, minWorkers: 9 } },
      /^f\.yaml:1:\d+ \(planner\.maxGpus\)$/,
    ],
  ])("is told with its place in the file: %s", (_what, written, where) => {
    const scenario = parseScenario(JSON.stringify({ ...frame, ...written }), "f.yaml", {
      plannerSchema: plannerConfigSchema,
    });
    expect(problem(() => prepareRehearsal(scenario).run()).where).toMatch(where);
  });
});
