import { describe, expect, it } from "vitest";
import { type RandomStream, randomStream } from "#common";
import { simulate } from "#src/simulator";
import { actualLoads } from "../../../src/study/hindsight/load.ts";
import { refined } from "../../../src/study/hindsight/refine.ts";
import { requestWork } from "../../../src/study/hindsight/request-work.ts";
import { Trials } from "../../../src/study/hindsight/trials.ts";
import { madePool, madeSpec } from "../../simulator/hand-made.ts";

const DRAWS_THAT_NEVER_END = 2_000_000;

/** One that throws where it is drawn from without end. */
function bounded(stream: RandomStream): RandomStream {
  let draws = 0;
  const counted = () => {
    if (++draws > DRAWS_THAT_NEVER_END) throw new Error("the search draws for ever");
  };
  return new Proxy(stream, {
    get: (target, name: keyof RandomStream) => {
      counted();
      const member: unknown = target[name];
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

describe("refined", () => {
  it("ends where it knows all the plans that there are, with runs left", () => {
    // Two steps and three GPUs: nine plans.
    const requests = Array.from({ length: 50 }, (_, i) => ({ atMs: i * 200, isl: 100, osl: 2 }));
    const spec = madeSpec(
      { requests, horizonMs: 10_000 },
      { prefill: madePool("prefill"), decode: madePool("decode"), router: "least-loaded", minEndMs: 10_000 },
    );
    const work = requestWork(spec, simulate(spec).requests);
    const loads = actualLoads({ arrivalMs: spec.workload.arrivalMs, work, seconds: 10, isAggregated: false });
    const trials = new Trials({
      spec,
      simulate: (trial) => simulate(trial),
      maxGpus: 3,
      stepMs: 5000,
      steps: 2,
      loads,
      onRun: () => {},
    });
    const constantly = (workers: number) => new Int32Array(2).fill(workers);
    const start = trials.try({ prefill: constantly(2), decode: constantly(1) });
    const best = refined(trials, start, { floor: 0.99, runs: 200, random: bounded(randomStream(1, "refined")) });
    expect(trials.runs).toBeLessThanOrEqual(9);
    expect([...best.held.prefill, ...best.held.decode]).toEqual([1, 1, 1, 1]);
    expect(best.attainment).toBe(1);
  });
});
