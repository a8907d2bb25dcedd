import { describe, expect, it } from "vitest";
import { cost } from "#src/report";
import { simulate } from "#src/simulator";
import { madePool, madeSpec } from "./hand-made.ts";

describe("the choice of a worker", () => {
  const requests = [100, 10, 10, 10].map((osl, i) => ({ atMs: i, isl: 10, osl }));

  it("round-robin goes around, whatever the load", () => {
    const result = simulate(madeSpec({ requests }, { decode: madePool("aggregated", { workers: 2 }) }));
    expect([...result.requests.decodeWorker]).toEqual([0, 1, 0, 1]);
  });

  it("least-loaded counts requests that are not done on aggregated and decode workers", () => {
    const later = [...requests, { atMs: 300, isl: 10, osl: 1 }, { atMs: 300, isl: 10, osl: 1 }];
    const result = simulate(
      madeSpec({ requests: later }, { decode: madePool("aggregated", { workers: 2 }), router: "least-loaded" }),
    );
    // At 300 ms the first alone is left.
    expect([...result.requests.decodeWorker]).toEqual([0, 1, 0, 1, 1, 0]);
  });

  it("least-loaded counts prompt tokens that are not computed on prefill workers", () => {
    const prompts = [100, 10, 10, 10, 300, 1].map((isl) => ({ atMs: 0, isl, osl: 1 }));
    const result = simulate(
      madeSpec(
        { requests: prompts },
        { prefill: madePool("prefill", { workers: 2 }), decode: madePool("decode"), router: "least-loaded" },
      ),
    );
    expect([...result.requests.prefillWorker]).toEqual([0, 1, 1, 1, 1, 0]);
  });
});

describe("data-parallel ranks", () => {
  it("are schedulers of one worker in lock step: requests take turns, and a step lasts as long as its slowest rank", () => {
    const requests = [
      { atMs: 0, isl: 30, osl: 3 },
      { atMs: 0, isl: 50, osl: 3 },
      { atMs: 0, isl: 5, osl: 1 },
    ];
    const run = (dpSize: number) =>
      simulate(madeSpec({ requests }, { decode: madePool("aggregated", { dpSize, gpusPerWorker: 2 }) }));
    expect([...run(1).requests.firstTokenMs]).toEqual([85, 85, 85]);
    const two = run(2);
    // The first and the third share a rank, whose prompts take 35 ms: it waits for the other.
    expect([...two.requests.firstTokenMs]).toEqual([50, 50, 50]);
    expect([...two.requests.lastTokenMs]).toEqual([70, 70, 50]);
    expect(two.workers).toHaveLength(1);
    expect(cost(two).gpuSeconds).toBeCloseTo((2 * 70) / 1000, 12);
  });
});
