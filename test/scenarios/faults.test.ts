import { describe, expect, it } from "vitest";
import { formatUserError, UserError } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { type Fault, faultEndMs, faultText, parseScenario, roleOf } from "#scenarios";

const BASE = {
  deployment: { profile: "p", mode: "disagg" },
  sla: { ttft: "1s", itl: "50ms" },
  traffic: [{ constant: { requestRate: 1, isl: 1, osl: 1, duration: "1s" } }],
};
/** Faults of the planner need one. */
const PLANNER = { planner: { strategy: "default", maxGpus: 8 } };
const AGG = { deployment: { profile: "p", mode: "agg" } };

function parse(more: object) {
  return parseScenario(JSON.stringify({ ...BASE, ...more }), "f.yaml", { plannerSchema: plannerConfigSchema });
}

function faultOf(fault: object, more: object = {}): Fault {
  return parse({ ...more, faults: [{ at: "10s", ...fault }] }).faults[0]!;
}

function told(more: object): string {
  try {
    parse(more);
  } catch (error) {
    if (error instanceof UserError) return formatUserError(error);
    throw error;
  }
  throw new Error("nothing was thrown");
}

const worker = { pool: "decode", index: 0 };

describe("faults", () => {
  it.each<[object, object, string, number | null]>([
    [{ kill: "decode/0" }, { kind: "kill", worker }, "decode/0 is killed", 10_000],
    [
      { loseNode: { workers: ["decode/0", "prefill/2"] } },
      { kind: "loseNode", workers: [worker, { pool: "prefill", index: 2 }] },
      "a node with decode/0, prefill/2 is lost",
      10_000,
    ],
    [
      { loseNode: { gpus: 8, node: 1 } },
      { kind: "loseNode", workers: null, gpusPerNode: 8, node: 1 },
      "node 1 of 8 GPUs is lost",
      10_000,
    ],
    [{ freeze: "decode/0", for: "5s" }, { kind: "freeze", worker, forMs: 5000 }, "decode/0 is frozen", 15_000],
    [
      { slow: "decode/0", factor: 2.5, for: "5s" },
      { kind: "slow", worker, factor: 2.5, forMs: 5000 },
      "decode/0 is 2.5 times as slow",
      15_000,
    ],
    [
      { failStartup: "decode", starts: 2 },
      { kind: "failStartup", pool: "decode", starts: 2 },
      "2 starts of decode fail",
      null,
    ],
    [
      { delayStartup: "prefill", by: "1m" },
      { kind: "delayStartup", pool: "prefill", byMs: 60_000, forMs: null },
      "starts of prefill take 60 s longer",
      null,
    ],
    [
      { loseTransfers: { next: 1 } },
      { kind: "loseTransfers", next: 1, probability: null, forMs: null },
      "a KV transfer is lost",
      null,
    ],
    [
      { loseTransfers: { probability: 0.2 }, for: "1m" },
      { kind: "loseTransfers", next: null, probability: 0.2, forMs: 60_000 },
      "KV transfers are lost with a probability of 0.2",
      70_000,
    ],
    [
      { delayNetwork: "all", by: "5ms", jitter: "2ms", for: "1s" },
      { kind: "delayNetwork", pool: "all", byMs: 5, jitterMs: 2, forMs: 1000 },
      "the network of all workers is 5 ms and up to 2 ms more slower",
      11_000,
    ],
    [{ loseMetrics: "5s" }, { kind: "loseMetrics", forMs: 5000 }, "no metrics", 15_000],
    [
      { lagMetrics: "5s", by: "30s" },
      { kind: "lagMetrics", forMs: 5000, byMs: 30_000 },
      "metrics are 30 s late",
      15_000,
    ],
    [{ staleMetrics: "5s" }, { kind: "staleMetrics", forMs: 5000 }, "metrics stand still", 15_000],
    [{ nanMetrics: "5s" }, { kind: "nanMetrics", forMs: 5000 }, "metrics are NaN", 15_000],
    [{ restartPlanner: "5s" }, { kind: "restartPlanner", forMs: 5000 }, "the planner restarts", 15_000],
    [{ loseApiServer: "5s" }, { kind: "loseApiServer", forMs: 5000 }, "no API server", 15_000],
  ])("%j", (written, expected, text, endMs) => {
    const fault = faultOf(written, PLANNER);
    expect(fault).toEqual({ atMs: 10_000, ...expected });
    expect(faultText(fault)).toBe(text);
    expect(faultEndMs(fault)).toBe(endMs);
  });

  it("know an aggregated worker as agg, whose role is decode", () => {
    const fault = faultOf({ kill: "agg/3" }, AGG);
    expect(fault).toMatchObject({ worker: { pool: "agg", index: 3 } });
    expect(roleOf("agg")).toBe("decode");
    expect(roleOf("prefill")).toBe("prefill");
  });

  it.each<[string, object, RegExp]>([
    ["two kinds", { kill: "decode/0", loseMetrics: "1s" }, /found kill and loseMetrics, expected exactly one of kill,/],
    ["no kind", {}, /found no kind of fault/],
    [
      "a companion that is missing",
      { freeze: "decode/0" },
      /faults\[0\]\.for\): found nothing, expected for with freeze/,
    ],
    [
      "one of another kind",
      { loseMetrics: "1s", by: "1s" },
      /faults\[0\]\.by\): found "1s", expected no by with loseMetrics/,
    ],
    ["jitter without a network", { kill: "decode/0", jitter: "1ms" }, /expected no jitter with kill/],
    ["starts that are not counted", { failStartup: "decode" }, /expected starts with failStartup/],
    [
      "a node by name and by place",
      { loseNode: { workers: ["decode/0"], gpus: 8 } },
      /exactly one of workers and gpus/,
    ],
    ["a place without a number", { loseNode: { gpus: 8 } }, /found nothing, expected node with gpus/],
    ["a probability for ever", { loseTransfers: { probability: 0.1 } }, /expected for with a probability/],
    ["a count with a time", { loseTransfers: { next: 2 }, for: "1s" }, /expected no for with next/],
    ["a probability above one", { loseTransfers: { probability: 2 }, for: "1s" }, /probability/],
    [
      "an aggregated worker in mode disagg",
      { kill: "agg/0" },
      /faults\[0\]\.kill\): found agg, expected prefill or decode: .* disagg/,
    ],
    ["one on a node", { loseNode: { workers: ["decode/0", "agg/0"] } }, /loseNode\.workers\[1\]\): found agg/],
    ["a network of its own", { delayNetwork: "agg", by: "1ms" }, /faults\[0\]\.delayNetwork\): found agg/],
  ])("refuse %s, with its place", (_name, fault, expected) => {
    const message = told({ faults: [{ at: "10s", ...fault }] });
    expect(message).toMatch(/f\.yaml:1:\d+/);
    expect(message).toMatch(expected);
  });

  it.each([
    { loseMetrics: "5s" },
    { lagMetrics: "5s", by: "30s" },
    { staleMetrics: "5s" },
    { nanMetrics: "5s" },
    { restartPlanner: "5s" },
  ])("refuse %j where no planner would notice", (fault) => {
    const [kind] = Object.keys(fault);
    const message = told({
      faults: [
        { at: 0, kill: "decode/0" },
        { at: "10s", ...fault },
      ],
    });
    expect(message).toMatch(
      new RegExp(`^f\\.yaml:1:\\d+ \\(faults\\[1\\]\\.${kind}\\): found ${kind} without planner:`),
    );
    expect(message).toMatch(/give the scenario a planner, or leave it out$/);
    // Without it workers that died are not replaced, planner or none.
    expect(faultOf({ loseApiServer: "5s" }).kind).toBe("loseApiServer");
  });

  it("refuse what an aggregated deployment has not, all of it at once", () => {
    const faults = [
      { at: 0, kill: "prefill/0" },
      { at: 0, loseTransfers: { next: 1 } },
    ];
    const message = told({ ...AGG, faults });
    expect(message).toMatch(/faults\[0\]\.kill\): found prefill, expected agg/);
    expect(message).toMatch(/faults\[1\]\.loseTransfers\): expected a deployment in mode disagg/);
  });
});

describe("clients", () => {
  it("are patient unless a scenario says otherwise", () => {
    expect(parse({}).clients).toBeNull();
    expect(parse({ clients: {} }).clients).toEqual({
      timeoutMs: null,
      firstTokenTimeoutMs: null,
      retries: 0,
      backoffMs: 1000,
      backoffFactor: 2,
      jitter: 0,
    });
    expect(told({ clients: { retries: 2, backof: "1s" } })).toMatch(/did you mean "backoff"/);
    expect(told({ clients: { backoffFactor: 0.5 } })).toMatch(/backoffFactor/);
  });
});

describe("recovery", () => {
  const faults = [{ at: 0, kill: "decode/0" }];

  it("is expected within a time, or by a comparison", () => {
    const expected = (recoversWithin: unknown) => parse({ faults, expect: { recoversWithin } }).expect[0];
    expect(expected("60s")).toMatchObject({ name: "recoversWithin", comparator: "<=", value: 60_000 });
    expect(expected("> 2m")).toMatchObject({ comparator: ">", value: 120_000 });
  });

  it("needs something to recover from", () => {
    expect(told({ expect: { recoversWithin: "60s" } })).toMatch(
      /expect\.recoversWithin\): expected faults: to recover from/,
    );
  });
});
