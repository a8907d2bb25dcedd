import { describe, expect, it } from "vitest";
import type { Decision } from "#planner/core";
import type { PoolSpec } from "#src/simulator";
import { LivePool } from "../../src/live/pool.ts";
import { LiveScaler } from "../../src/live/scaler.ts";

const spec = { workers: 1, startupMs: 30_000, dpSize: 1, gpusPerWorker: 1 } as PoolSpec;

function decision(targets: Decision["targets"]): Decision {
  const none = { active: 0, starting: 0, draining: 0 };
  return {
    tick: 0,
    atMs: 0,
    strategy: "by-hand",
    targets,
    workers: { prefill: none, decode: none },
    observedRate: null,
    forecast: null,
    values: {},
    clamps: [],
    reasons: [
      { code: "MORE_PREFILL", role: "prefill", text: "" },
      { code: "WHATEVER", role: null, text: "" },
      { code: "MORE_DECODE", role: "decode", text: "" },
    ],
  };
}

function deployment(active: number) {
  const prefill = new LivePool("prefill", spec);
  const decode = new LivePool("decode", spec);
  for (const pool of [prefill, decode]) {
    for (let i = 0; i < active; i++) pool.markReady(pool.add(0, 0));
  }
  return { prefill, decode, scaler: new LiveScaler({ prefill, decode }) };
}

const steps = (made: ReturnType<LiveScaler["carryOut"]>) => made.map(({ kind, worker }) => `${kind} ${worker.name}`);

describe("decisions on a live deployment", () => {
  it("create workers that are paid from now and ready when they have started", () => {
    const { prefill, decode, scaler } = deployment(1);
    expect(steps(scaler.carryOut(decision({ prefill: 1, decode: 3 }), 5000))).toEqual([
      "create decode/1",
      "create decode/2",
    ]);
    expect(decode.workers[2]!.life).toEqual({
      role: "decode",
      id: 2,
      createdMs: 5000,
      readyMs: 35_000,
      drainingMs: null,
      removedMs: null,
    });
    expect(prefill.counts()).toEqual({ active: 1, starting: 0, draining: 0 });
    expect(decode.counts()).toEqual({ active: 1, starting: 2, draining: 0 });
    expect(scaler.events).toEqual([{ atMs: 5000, role: "decode", from: 1, to: 3, reason: "WHATEVER, MORE_DECODE" }]);
  });

  it("take away the youngest that is starting, then the one with least to do, of equals the highest id", () => {
    const { decode, scaler } = deployment(3);
    scaler.carryOut(decision({ prefill: 3, decode: 5 }), 0);
    decode.workers[0]!.outstanding = 1;
    decode.workers[1]!.outstanding = 7;
    decode.workers[2]!.outstanding = 1;
    expect(steps(scaler.carryOut(decision({ prefill: 3, decode: 1 }), 1000))).toEqual([
      "cancel decode/4",
      "cancel decode/3",
      "drain decode/2",
      "drain decode/0",
    ]);
    expect(decode.counts()).toEqual({ active: 1, starting: 0, draining: 2 });
    expect(decode.workers[4]!.life.removedMs).toBe(1000);
    expect(decode.workers[2]!.life).toMatchObject({ drainingMs: 1000, removedMs: null });
  });

  it("are kept, and change nothing, where the planner wants nothing or what there is", () => {
    const { scaler } = deployment(2);
    expect(scaler.carryOut(decision(null), 0)).toEqual([]);
    expect(scaler.carryOut(decision({ prefill: 2, decode: 2 }), 0)).toEqual([]);
    expect(scaler.decisions).toHaveLength(2);
    expect(scaler.events).toEqual([]);
  });

  it("ask how much workers have to do only where active ones go", () => {
    const { scaler } = deployment(1);
    scaler.carryOut(decision({ prefill: 1, decode: 3 }), 0);
    expect(scaler.drains(decision({ prefill: 1, decode: 2 }))).toBe(false);
    expect(scaler.drains(decision({ prefill: 0, decode: 3 }))).toBe(true);
    expect(scaler.drains(decision(null))).toBe(false);
  });

  it("leave no role with workers that a deployment does not have", () => {
    const decode = new LivePool("decode", spec);
    const scaler = new LiveScaler({ prefill: null, decode });
    expect(steps(scaler.carryOut(decision({ prefill: 4, decode: 1 }), 0))).toEqual(["create decode/0"]);
  });
});
