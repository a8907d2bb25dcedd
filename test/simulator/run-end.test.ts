import { describe, expect, it } from "vitest";
import type { Fault } from "#scenarios";
import { RequestStatus } from "#src/record";
import { cost } from "#src/report";
import { simulate } from "#src/simulator";
import { HAND_TIMING, madeSpec, scriptedPlanner } from "./hand-made.ts";

describe("the end of a run", () => {
  it("is the last token where nothing else is asked", () => {
    const result = simulate(madeSpec({ requests: [{ atMs: 100, isl: 10, osl: 3 }] }));
    expect([result.durationMs, result.endMs]).toEqual([130, 130]);
  });

  it("cut off at endMs leaves unfinished what is on its way, and out what was never sent", () => {
    const requests = [
      { atMs: 0, isl: 10, osl: 3 },
      { atMs: 50, isl: 10, osl: 50 },
      { atMs: 200, isl: 10, osl: 3 },
      { atMs: 201, isl: 10, osl: 3 },
    ];
    const result = simulate(madeSpec({ requests }, { endMs: 200 }));
    const { completed, unfinished } = RequestStatus;
    expect([...result.requests.status]).toEqual([completed, unfinished, unfinished]);
    expect(result.requests.firstTokenMs[1]).toBe(60);
    expect(result.requests.lastTokenMs[1]).toBeNaN();
    expect(result.endMs).toBe(200);
    expect(cost(result).gpuSeconds).toBeCloseTo(0.2, 12);
  });

  it.each(["skipping", "stepping"] as const)(
    "cut off counts the passes until then on the %s engine, and no more",
    (engine) => {
      const result = simulate(madeSpec({ requests: [{ atMs: 0, isl: 10, osl: 500 }] }, { endMs: 235, engine }));
      expect(result.requests.secondTokenMs[0]).toBe(20);
      expect(result.engine.passes).toBe(23);
      expect(result.gaps).toMatchObject({ count: 22, meanMs: 10 });
      expect(result.timeline.runningRequests).toEqual([1]);
    },
  );

  it("counts what its own passes asked beyond the profile, whoever shares the model of times", () => {
    let asked = 0;
    const spec = madeSpec({ requests: [{ atMs: 0, isl: 10, osl: 4 }] });
    const decodeMs = () => {
      asked++;
      return 10;
    };
    const timing = { ...HAND_TIMING, decodeMs, extrapolations: () => asked };
    const shared = { ...spec, decode: { ...spec.decode, engine: { ...spec.decode.engine, timing } } };
    const [first, second] = [simulate(shared), simulate(shared)];
    expect(first.engine.extrapolations).toBeGreaterThan(0);
    expect(second.engine.extrapolations).toBe(first.engine.extrapolations);
  });

  it("is endMs even where nothing happens at that time", () => {
    const result = simulate(madeSpec({ requests: [{ atMs: 0, isl: 1000, osl: 3 }] }, { endMs: 333.5 }));
    expect(result.endMs).toBe(333.5);
  });

  it("is minEndMs at least, and workers cost until then", () => {
    const planner = scriptedPlanner(100);
    const result = simulate(madeSpec({ requests: [{ atMs: 0, isl: 10, osl: 3 }] }, { planner, minEndMs: 450 }));
    expect(result.durationMs).toBe(30);
    expect(result.endMs).toBe(450);
    expect(planner.seen.map(({ nowMs }) => nowMs)).toEqual([100, 200, 300, 400]);
    expect(cost(result).gpuSeconds).toBeCloseTo(0.45, 12);
  });

  it("comes before a planner's tick at the very instant, for which there is nothing left", () => {
    const planner = scriptedPlanner(10);
    const result = simulate(madeSpec({ requests: [{ atMs: 0, isl: 10, osl: 3 }] }, { planner }));
    expect(result.endMs).toBe(30);
    expect(planner.seen.map(({ nowMs }) => nowMs)).toEqual([10, 20]);
  });

  it("comes even where requests wait for a worker that never comes", () => {
    const planner = scriptedPlanner(60_000, [{ prefill: 0, decode: 0 }]);
    const result = simulate(madeSpec({ requests: [{ atMs: 90_000, isl: 10, osl: 3 }] }, { planner }));
    expect([...result.requests.status]).toEqual([RequestStatus.unfinished]);
    expect(result.endMs).toBeLessThan(2 * 3_600_000);
  });

  it("comes after what is still to happen, however long nothing does", () => {
    const hourMs = 3_600_000;
    const requests = [{ atMs: 0, isl: 10, osl: 3 }];
    const worker = { pool: "agg", index: 0 } as const;
    const freeze: Fault = { kind: "freeze", atMs: 0, worker, forMs: 2 * hourMs };
    const thawed = simulate(madeSpec({ requests }, { faults: [freeze], planner: scriptedPlanner(60_000) }));
    expect(thawed.endMs).toBe(2 * hourMs + 30);
    const clients = { timeoutMs: null, firstTokenTimeoutMs: 5, retries: 1, backoffMs: 3 * hourMs };
    const again = simulate(
      madeSpec(
        { requests },
        { faults: [{ ...freeze, forMs: 10 }], clients: { ...clients, backoffFactor: 1, jitter: 0 } },
      ),
    );
    expect(again.requests.attempts[0]).toBe(2);
    expect(again.requests.status[0]).toBe(RequestStatus.failed);
    expect(again.endMs).toBe(3 * hourMs + 10);
  });

  it("of a run without requests is there at once", () => {
    const result = simulate(madeSpec({ requests: [] }));
    expect([result.requests.count, result.endMs, result.durationMs]).toEqual([0, 0, 0]);
  });
});
