import { describe, expect, it } from "vitest";
import { RequestStatus } from "#src/record";
import { cost } from "#src/report";
import { simulate } from "#src/simulator";
import { madePool, madeSpec, scriptedPlanner } from "./hand-made.ts";

describe("a tick at the instant of an arrival", () => {
  const places = (quirks: object, disaggregated: boolean) => {
    const requests = [50, 100, 150].map((atMs) => ({ atMs, isl: 10, osl: 1 }));
    const pool = disaggregated ? { prefill: madePool("prefill"), decode: madePool("decode") } : {};
    const targets = { prefill: disaggregated ? 2 : 0, decode: 2 };
    const base = madeSpec({ requests }, { ...pool, planner: scriptedPlanner(100, [targets]) });
    const { requests: found } = simulate({ ...base, quirks: { ...base.quirks, ...quirks } });
    return [...(disaggregated ? found.prefillWorker! : found.decodeWorker)];
  };

  it("comes first, and in aggregated runs of DynoSim last: the new worker is not yet there", () => {
    expect(places({}, false)).toEqual([0, 1, 0]);
    expect(places({ ticksAfterArrivals: true }, false)).toEqual([0, 0, 1]);
    expect(places({ ticksAfterArrivals: true }, true)).toEqual([0, 1, 0]);
  });
});

describe("scaling up", () => {
  it("gives a worker no request before it is ready, and bills its GPUs from the decision on", () => {
    const requests = [50, 150, 250, 599, 600, 700].map((atMs) => ({ atMs, isl: 10, osl: 1 }));
    const result = simulate(
      madeSpec(
        { requests },
        {
          decode: madePool("aggregated", { startupMs: 500, gpusPerWorker: 2 }),
          planner: scriptedPlanner(100, [{ prefill: 0, decode: 2 }]),
          minEndMs: 1000,
        },
      ),
    );
    expect([...result.requests.decodeWorker]).toEqual([0, 0, 0, 0, 1, 0]);
    expect(result.workers).toEqual([
      { role: "decode", id: 0, createdMs: 0, readyMs: 0, drainingMs: null, removedMs: null },
      { role: "decode", id: 1, createdMs: 100, readyMs: 600, drainingMs: null, removedMs: null },
    ]);
    expect(cost(result).gpuSeconds).toBeCloseTo(2 * (1.0 + 0.9), 12);
    expect(result.scalingEvents).toEqual([{ atMs: 100, role: "decode", from: 1, to: 2, reason: "SCRIPT" }]);
  });

  it("lets requests that find no ready worker wait, and serves them in their order when one is ready", () => {
    const result = simulate(
      madeSpec(
        {
          requests: [
            { atMs: 150, isl: 10, osl: 1 },
            { atMs: 160, isl: 20, osl: 1 },
          ],
        },
        {
          decode: madePool("aggregated", { startupMs: 500 }, { maxNumSeqs: 1 }),
          planner: scriptedPlanner(100, [
            { prefill: 0, decode: 0 },
            { prefill: 0, decode: 1 },
          ]),
        },
      ),
    );
    expect([...result.requests.admitMs]).toEqual([700, 710]);
    expect([...result.requests.lastTokenMs]).toEqual([710, 730]);
    expect([...result.requests.decodeWorker]).toEqual([1, 1]);
  });

  it.each(["round-robin", "least-loaded"] as const)(
    "shares what waited among those that are ready at once: %s",
    (router) => {
      const requests = [150, 160, 170, 180].map((atMs) => ({ atMs, isl: 10, osl: 1 }));
      const result = simulate(
        madeSpec(
          { requests },
          {
            router,
            decode: madePool("aggregated", { startupMs: 500 }),
            planner: scriptedPlanner(100, [
              { prefill: 0, decode: 0 },
              { prefill: 0, decode: 2 },
            ]),
          },
        ),
      );
      expect([...result.requests.decodeWorker]).toEqual([1, 2, 1, 2]);
      expect(result.workers.slice(1).map(({ readyMs }) => readyMs)).toEqual([700, 700]);
    },
  );

  it("lets a computed prompt wait for a ready decode worker, its blocks held", () => {
    const result = simulate(
      madeSpec(
        { requests: [{ atMs: 150, isl: 10, osl: 2 }] },
        {
          prefill: madePool("prefill"),
          decode: madePool("decode", { startupMs: 500 }),
          planner: scriptedPlanner(100, [
            { prefill: 1, decode: 0 },
            { prefill: 1, decode: 1 },
          ]),
        },
      ),
    );
    expect(result.transfers!.sourceHeldMs[0]).toBe(160);
    expect(result.transfers!.destinationReservedMs[0]).toBe(700);
    expect(result.transfers!.sourceReleasedMs[0]).toBe(700);
    expect(result.requests.lastTokenMs[0]).toBe(720);
  });
});

describe("scaling down", () => {
  const threeRequests = [
    { atMs: 0, isl: 10, osl: 31 },
    { atMs: 0, isl: 10, osl: 31 },
    { atMs: 150, isl: 10, osl: 1 },
    { atMs: 160, isl: 10, osl: 1 },
  ];

  it("drains: no new request, its own are finished, and it goes with the last of them", () => {
    const result = simulate(
      madeSpec(
        { requests: threeRequests },
        {
          decode: madePool("aggregated", { workers: 2 }),
          planner: scriptedPlanner(100, [{ prefill: 0, decode: 1 }]),
          minEndMs: 500,
        },
      ),
    );
    // Equally loaded: the youngest goes.
    expect([...result.requests.decodeWorker]).toEqual([0, 1, 0, 0]);
    expect([...result.requests.status]).toEqual([0, 0, 0, 0].fill(RequestStatus.completed));
    expect(result.requests.lastTokenMs[1]).toBe(310);
    expect(result.workers[1]).toMatchObject({ drainingMs: 100, removedMs: 310 });
    expect(result.workers[0]).toMatchObject({ drainingMs: null, removedMs: null });
    expect(cost(result).gpuSeconds).toBeCloseTo(0.5 + 0.31, 12);
  });

  it("takes the least loaded worker", () => {
    const requests = [
      { atMs: 0, isl: 10, osl: 2 },
      { atMs: 0, isl: 10, osl: 31 },
    ];
    const result = simulate(
      madeSpec(
        { requests },
        {
          decode: madePool("aggregated", { workers: 2 }),
          planner: scriptedPlanner(100, [{ prefill: 0, decode: 1 }]),
          minEndMs: 500,
        },
      ),
    );
    // Its request is over: it goes at once.
    expect(result.workers[0]).toMatchObject({ drainingMs: 100, removedMs: 100 });
    expect(result.workers[1]).toMatchObject({ drainingMs: null, removedMs: null });
  });

  it("keeps a prefill worker until the blocks it holds have been transferred", () => {
    const requests = [
      { atMs: 0, isl: 10, osl: 2 },
      { atMs: 0, isl: 10, osl: 2 },
    ];
    const result = simulate(
      madeSpec(
        { requests },
        {
          prefill: madePool("prefill", { workers: 2 }),
          decode: madePool("decode"),
          transfer: { bytesPerToken: 1e6, bytesPerSecond: 1e7, timing: "full_prompt" },
          planner: scriptedPlanner(100, [{ prefill: 1, decode: 1 }]),
        },
      ),
    );
    expect(result.transfers!.sourceHeldMs[1]).toBe(10);
    expect(result.workers[1]).toMatchObject({ role: "prefill", id: 1, drainingMs: 100, removedMs: 1010 });
  });

  it("cancels workers that are still starting first, the youngest first", () => {
    const result = simulate(
      madeSpec(
        { requests: [{ atMs: 0, isl: 10, osl: 100 }] },
        {
          decode: madePool("aggregated", { startupMs: 500 }),
          planner: scriptedPlanner(100, [
            { prefill: 0, decode: 3 },
            { prefill: 0, decode: 2 },
            { prefill: 0, decode: 1 },
          ]),
          minEndMs: 2000,
        },
      ),
    );
    expect(result.workers.map(({ removedMs }) => removedMs)).toEqual([null, 300, 200]);
    expect(result.workers.map(({ drainingMs }) => drainingMs)).toEqual([null, null, null]);
    // The cancelled ones never turn ready.
    expect(Math.max(...result.timeline.decodeActive)).toBe(1);
    expect(cost(result).gpuSeconds).toBeCloseTo(2 + 0.1 + 0.2, 12);
    expect(result.scalingEvents.map(({ from, to }) => [from, to])).toEqual([
      [1, 3],
      [3, 2],
      [2, 1],
    ]);
  });

  it("does nothing where the target is what is there, or none is given", () => {
    const planner = scriptedPlanner(100, [{ prefill: 0, decode: 1 }, null]);
    const result = simulate(madeSpec({ requests: [] }, { planner, minEndMs: 300 }));
    expect(result.scalingEvents).toEqual([]);
    expect(result.decisions).toHaveLength(3);
    expect(result.workers).toHaveLength(1);
  });
});
