import { describe, expect, it } from "vitest";
import type { ClientBehaviour, Fault } from "#scenarios";
import { RequestStatus } from "#src/record";
import { type SimulationSpec, simulate } from "#src/simulator";
import { returnColumn } from "../../../src/simulator/faults/index.ts";
import { type MadeRequest, madePool, madeSpec, scriptedPlanner } from "../hand-made.ts";

const { completed, failed } = RequestStatus;
const agg = (index: number) => ({ pool: "agg" as const, index });
const PATIENT: ClientBehaviour = {
  timeoutMs: null,
  firstTokenTimeoutMs: null,
  retries: 0,
  backoffMs: 100,
  backoffFactor: 2,
  jitter: 0,
};

/** 1 ms a prompt token, 10 ms a decode step. */
function play(requests: MadeRequest[], faults: Fault[], more: Partial<SimulationSpec> = {}) {
  return simulate(madeSpec({ requests }, { faults, ...more }));
}

describe("a worker that dies", () => {
  const requests = [
    { atMs: 0, isl: 10, osl: 10 },
    { atMs: 40, isl: 100, osl: 2 },
  ];

  it("breaks off what has sent a token, and what has not goes to its successor after the start-up", () => {
    const result = play(requests, [{ kind: "kill", atMs: 60, worker: agg(0) }], {
      decode: madePool("aggregated", { startupMs: 500 }),
    });
    expect([...result.requests.status]).toEqual([failed, completed]);
    expect([...result.requests.attempts]).toEqual([1, 2]);
    expect(result.requests.firstTokenMs[0]).toBe(10);
    expect(result.requests.firstTokenMs[1]).toBe(60 + 500 + 100);
    expect(result.requests.decodeWorker[1]).toBe(1);
    expect(result.workers).toMatchObject([
      { id: 0, removedMs: 60, drainingMs: null },
      { id: 1, createdMs: 60, readyMs: 560, removedMs: null },
    ]);
    expect(result.faults).toMatchObject([{ workers: 1, requests: 2, retried: 1, failed: 1, untilMs: 60 }]);
  });

  it("gives back to the router's queue what it had, behind those that came before", () => {
    const busy = [100, 100, 40, 40].map((isl, i) => ({ atMs: i, isl, osl: 1 }));
    const kv = {
      router: { mode: "kv" as const, queueThreshold: 0 },
      decode: madePool("aggregated", { workers: 2, startupMs: 10_000 }),
    };
    const first = play(busy, [], kv).requests.decodeWorker[0]!;
    const { requests: table } = play(busy, [{ kind: "kill", atMs: 50, worker: agg(first) }], kv);
    expect([...table.attempts]).toEqual([2, 1, 1, 1]);
    expect([...table.decodeWorker]).toEqual([1, 1, 1, 1].map((one) => one - first));
    // One prompt at a time, and the one that came back goes last.
    expect([...table.firstTokenMs]).toEqual([281, 101, 141, 181]);
  });

  it("is not replaced while it drains, and not missed where it is not there", () => {
    const result = play(
      [{ atMs: 0, isl: 10, osl: 100 }],
      [
        { kind: "kill", atMs: 150, worker: agg(0) },
        { kind: "kill", atMs: 160, worker: agg(7) },
      ],
      {
        decode: madePool("aggregated", { workers: 1, startupMs: 10 }),
        planner: scriptedPlanner(100, [{ prefill: 0, decode: 0 }]),
        endMs: 1000,
      },
    );
    expect(result.workers).toHaveLength(1);
    expect(result.workers[0]).toMatchObject({ drainingMs: 100, removedMs: 150 });
    expect(result.faults).toMatchObject([
      { workers: 1, failed: 1 },
      { workers: 0, requests: 0 },
    ]);
  });

  it("takes computed prompts with it that have not been transferred", () => {
    const disagg = {
      prefill: madePool("prefill", { workers: 2 }),
      decode: madePool("decode"),
      transfer: { bytesPerToken: 1e6, bytesPerSecond: 1e8, timing: "full_prompt" as const },
    };
    // Computed by 10, transferred until 110; again: computed by 60, transferred until 160.
    const fault: Fault = { kind: "kill", atMs: 50, worker: { pool: "prefill", index: 0 } };
    const result = play([{ atMs: 0, isl: 10, osl: 2 }], [fault], disagg);
    expect(result.requests.prefillWorker[0]).toBe(1);
    expect(result.transfers!.destinationActivatedMs[0]).toBe(160);
    expect(result.requests.status[0]).toBe(completed);
    // Once the cache has arrived, the prefill worker is not needed any more.
    const late = play([{ atMs: 0, isl: 10, osl: 9 }], [{ ...fault, atMs: 115 }], disagg);
    expect(late.requests.attempts[0]).toBe(1);
    expect(late.requests.status[0]).toBe(completed);
  });

  it("is given up on by the frontend after four workers", () => {
    const kills = [10, 20, 30, 40, 50].map((atMs, i): Fault => ({ kind: "kill", atMs, worker: agg(i) }));
    const result = play([{ atMs: 0, isl: 100, osl: 1 }], kills);
    expect(result.requests.attempts[0]).toBe(4);
    expect(result.requests.status[0]).toBe(failed);
    expect(result.faults!.map(({ retried, failed: broken }) => [retried, broken])).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 0],
    ]);
  });
});

describe("a node that is lost", () => {
  it("takes its workers by name, or by place, at once", () => {
    const requests = [0, 0, 0, 0].map((atMs) => ({ atMs, isl: 100, osl: 1 }));
    const decode = madePool("aggregated", { workers: 4, gpusPerWorker: 2, startupMs: 5 });
    const named = play(requests, [{ kind: "loseNode", atMs: 50, workers: [agg(2), agg(3)] }], { decode });
    expect(named.workers.map(({ removedMs }) => removedMs)).toEqual([null, null, 50, 50, null, null]);
    const twice = play(requests, [{ kind: "loseNode", atMs: 50, workers: [agg(2), agg(2)] }], { decode });
    expect(twice.faults).toMatchObject([{ workers: 1, requests: 1 }]);
    expect(twice.workers.map(({ removedMs }) => removedMs)).toEqual([null, null, 50, null, null]);
    // What was on one of them does not go to the other: both are dead.
    expect([...named.requests.attempts]).toEqual([1, 1, 2, 2]);
    const placed = play(
      requests,
      [
        { kind: "loseNode", atMs: 50, workers: null, gpusPerNode: 4, node: 1 },
        { kind: "loseNode", atMs: 70, workers: null, gpusPerNode: 4, node: 2 },
        { kind: "loseNode", atMs: 80, workers: null, gpusPerNode: 4, node: 1 },
      ],
      { decode },
    );
    // Successors went to the next node, as the first is full and the second is gone.
    expect(placed.workers.map(({ removedMs }) => removedMs)).toEqual([null, null, 50, 50, 70, 70, null, null]);
    expect(placed.faults!.map(({ workers }) => workers)).toEqual([2, 2, 0]);
  });
});

describe("a worker that is not well", () => {
  it("begins no pass while it is frozen, though the one under way ends", () => {
    const result = play([{ atMs: 0, isl: 10, osl: 4 }], [{ kind: "freeze", atMs: 25, worker: agg(0), forMs: 100 }]);
    // Tokens at 10, 20, 30 (under way), then at 125 + 10.
    expect(result.requests.lastTokenMs[0]).toBe(135);
    expect(result.faults).toMatchObject([{ workers: 1, requests: 1, untilMs: 125 }]);
  });

  it("takes longer for every pass that it begins while it is slow", () => {
    const slow: Fault = { kind: "slow", atMs: 25, worker: agg(0), factor: 3, forMs: 100 };
    const result = play([{ atMs: 0, isl: 10, osl: 8 }], [slow]);
    // 10, 20, 30, then 60, 90, 120, 150 (begun at 120), and 160 as before.
    expect(result.requests.lastTokenMs[0]).toBe(160);
    const both = play([{ atMs: 0, isl: 10, osl: 4 }], [slow, { ...slow, factor: 2 }]);
    expect(both.requests.lastTokenMs[0]).toBe(90);
    const again = play([{ atMs: 0, isl: 10, osl: 8 }], [{ ...slow, atMs: 0 }], {
      clients: { ...PATIENT, timeoutMs: 40, retries: 1, backoffMs: 10 },
    });
    expect(again.requests.attempts[0]).toBe(2);
    expect(again.faults).toMatchObject([{ requests: 1 }]);
  });
});

describe("starts", () => {
  const twoAt100 = { planner: scriptedPlanner(100, [{ prefill: 0, decode: 2 }]), minEndMs: 60_000 };

  it("fail as often as they are told to, and begin again with kubelet's back-off", () => {
    const result = play([], [{ kind: "failStartup", atMs: 0, pool: "agg", starts: 3 }], {
      decode: madePool("aggregated", { startupMs: 1000 }),
      ...twoAt100,
    });
    // At once, then after 10 s and 20 s: 1 + 1 + 10 + 1 + 20 + 1 s.
    expect(result.workers[1]).toMatchObject({ createdMs: 100, readyMs: 34_100 });
    // One worker, whose starts failed.
    expect(result.faults).toMatchObject([{ workers: 1 }]);
  });

  it("take longer", () => {
    const delay: Fault = { kind: "delayStartup", atMs: 50, pool: "agg", byMs: 700, forMs: null };
    const planner = () => scriptedPlanner(100, [{ prefill: 0, decode: 2 }]);
    const result = play([], [delay], { minEndMs: 3000, planner: planner() });
    expect(result.workers[1]).toMatchObject({ readyMs: 800 });
    const over = play([], [{ ...delay, forMs: 50 }], { minEndMs: 3000, planner: planner() });
    expect(over.workers[1]).toMatchObject({ readyMs: 100 });
  });
});

describe("what is under way", () => {
  const disagg = {
    prefill: madePool("prefill"),
    decode: madePool("decode"),
    transfer: { bytesPerToken: 1e6, bytesPerSecond: 1e8, timing: "full_prompt" as const },
  };

  it("is lost, and its prompt computed again", () => {
    const lost: Fault = { kind: "loseTransfers", atMs: 0, next: 1, probability: null, forMs: null };
    const result = play([{ atMs: 0, isl: 10, osl: 2 }], [lost], disagg);
    // Lost at 110, computed again by 120.
    expect(result.transfers!.destinationActivatedMs[0]).toBe(110 + 10 + 100);
    expect(result.requests.attempts[0]).toBe(2);
    expect(result.faults).toMatchObject([{ requests: 1, retried: 1, failed: 0, untilMs: 110 }]);
    const all = play([{ atMs: 0, isl: 10, osl: 2 }], [{ ...lost, next: null, probability: 1, forMs: 1e6 }], disagg);
    expect(all.requests.status[0]).toBe(failed);
    expect(all.requests.attempts[0]).toBe(4);
    // One request, however often it was struck.
    expect(all.faults).toMatchObject([{ requests: 1, retried: 1, failed: 1 }]);
  });

  it("takes longer on a slow network, there, back and between the workers", () => {
    const delay: Fault = { kind: "delayNetwork", atMs: 0, pool: "all", byMs: 5, jitterMs: 0, forMs: 1000 };
    const result = play([{ atMs: 0, isl: 10, osl: 3 }], [delay], disagg);
    // To prefill 5, 10 of it, to decode 5, transfer 100 + 5, then tokens every 10, each 5 late.
    expect([...result.requests.firstTokenMs]).toEqual([5 + 10 + 5 + 105 + 10 + 5]);
    expect([...result.requests.secondTokenMs]).toEqual([150]);
    expect([...result.requests.lastTokenMs]).toEqual([160]);
    // One request, however many of its messages were late.
    expect(result.faults).toMatchObject([{ requests: 1, untilMs: 1000 }]);
    const jittered = play([{ atMs: 0, isl: 10, osl: 3 }], [{ ...delay, jitterMs: 10 }], disagg);
    expect(jittered.requests.firstTokenMs[0]).toBeGreaterThan(140);
    expect(jittered.requests.firstTokenMs[0]).toBeLessThan(180);
    const two = Array.from({ length: 50 }, (_, i) => ({ atMs: 1000 * i, isl: 10, osl: 2 }));
    const { requests: table } = play(two, [{ ...delay, jitterMs: 100, forMs: null }], disagg);
    for (let i = 0; i < two.length; i++) {
      expect(table.secondTokenMs[i]).toBeGreaterThanOrEqual(table.firstTokenMs[i]!);
      expect(table.lastTokenMs[i]).toBeGreaterThanOrEqual(table.secondTokenMs[i]!);
    }
    const prefillOnly = play([{ atMs: 0, isl: 10, osl: 3 }], [{ ...delay, pool: "prefill" }], disagg);
    expect(prefillOnly.requests.firstTokenMs[0]).toBe(125);
  });
});

describe("the planner", () => {
  const requests = [50, 150, 250, 350, 450, 550].map((atMs) => ({ atMs, isl: 10, osl: 1 }));
  const seenWith = (fault: Fault) => {
    const planner = scriptedPlanner(100);
    const result = play(requests, [fault], { planner, minEndMs: 600 });
    return { planner, result };
  };

  it("sees nothing while there are no metrics, and yet which workers there are", () => {
    const { planner, result } = seenWith({ kind: "loseMetrics", atMs: 200, forMs: 200 });
    expect(planner.seen.map(({ startedRequests }) => startedRequests)).toEqual([1, null, null, 1, 1, 1]);
    expect(planner.seen[1]).toMatchObject({ meanIsl: null, decodeLoad: null, workers: { decode: { active: 1 } } });
    expect(result.faults).toMatchObject([{ ticks: 2 }]);
  });

  it("sees what was, what stands still, and NaN", () => {
    const bursts = [50, 150, 160, 250, 260, 270].map((atMs) => ({ atMs, isl: 10, osl: 1 }));
    const counts = (fault: Fault) => {
      const planner = scriptedPlanner(100);
      play(bursts, [fault], { planner, minEndMs: 600 });
      return planner.seen.map(({ startedRequests }) => startedRequests);
    };
    expect(counts({ kind: "lagMetrics", atMs: 0, byMs: 200, forMs: 450 })).toEqual([null, null, 1, 2, 0, 0]);
    expect(counts({ kind: "staleMetrics", atMs: 250, forMs: 250 })).toEqual([1, 2, 2, 2, 0, 0]);
    expect(counts({ kind: "nanMetrics", atMs: 250, forMs: 100 })).toEqual([1, 2, Number.NaN, 0, 0, 0]);
  });

  it("sees NaN in all that metrics tell, of caches and drafts as well", () => {
    const { planner } = seenWith({ kind: "nanMetrics", atMs: 250, forMs: 100 });
    const { nowMs, windowMs, workers, startedIsl, decodeLoad, ...told } = planner.seen[2]!;
    const counted = { ttftJudged: 0, ttftMet: 0, itlJudged: 0, itlMet: 0, prefillCount: 0 };
    const rest = Object.entries(told).filter(([name]) => !(name in counted) && name !== "prefillLoad");
    expect([nowMs, windowMs, workers.decode.active]).toEqual([300, 100, 1]);
    expect(rest.map(([name]) => name)).toContain("acceptLength");
    expect(rest.every(([, value]) => Number.isNaN(value))).toBe(true);
    expect([...Array.from(startedIsl), decodeLoad![0]!.batch, decodeLoad![0]!.kvTokens]).toEqual([
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ]);
  });

  it("forgets when it is restarted, and ticks are left out while it is down", () => {
    const script = [{ prefill: 0, decode: 2 }, null];
    const first = scriptedPlanner(100, script);
    const second = scriptedPlanner(100, [{ prefill: 0, decode: 3 }]);
    const result = play([], [{ kind: "restartPlanner", atMs: 150, forMs: 200 }], {
      planner: first,
      newPlanner: () => second,
      minEndMs: 600,
    });
    expect(first.seen.map(({ nowMs }) => nowMs)).toEqual([100]);
    expect(second.seen.map(({ nowMs }) => nowMs)).toEqual([400, 500, 600]);
    expect(result.decisions.map(({ tick }) => tick)).toEqual([0, 1, 2, 3]);
    expect(result.scalingEvents.map(({ to }) => to)).toEqual([2, 3]);
    // What came while it was down is not in the first window that it sees.
    expect(second.seen[0]!.windowMs).toBe(100);
  });

  it("decides, and nothing comes of it, while there is no API server; nothing is replaced either", () => {
    const planner = scriptedPlanner(100, [null, { prefill: 0, decode: 2 }, { prefill: 0, decode: 2 }]);
    const result = play(
      [{ atMs: 0, isl: 10, osl: 1 }],
      [
        { kind: "loseApiServer", atMs: 150, forMs: 100 },
        { kind: "kill", atMs: 160, worker: agg(0) },
      ],
      { planner, minEndMs: 600 },
    );
    expect(result.decisions[1]!.reasons.map(({ code }) => code)).toContain("api-server-down");
    expect(planner.seen[1]!.workers.decode).toEqual({ active: 0, starting: 0, draining: 0 });
    expect(result.scalingEvents).toMatchObject([{ atMs: 300, from: 1, to: 2 }]);
    expect(result.workers.map(({ createdMs }) => createdMs)).toEqual([0, 250, 300]);
  });
});

describe("clients", () => {
  it("give up on an answer that does not come, and try again, each wait twice as long", () => {
    const clients = { ...PATIENT, firstTokenTimeoutMs: 50, retries: 2 };
    const freeze: Fault = { kind: "freeze", atMs: 0, worker: agg(0), forMs: 240 };
    const result = play([{ atMs: 0, isl: 10, osl: 3 }], [freeze], { clients });
    // Attempts at 0, 50 + 100 and 200 + 200.
    expect(result.requests.attempts[0]).toBe(3);
    expect(result.requests).toMatchObject({ arrivalMs: Float64Array.of(0), firstTokenMs: Float64Array.of(410) });
    expect(result.requests.lastTokenMs[0]).toBe(430);
    expect(result.requests.count).toBe(1);
  });

  it("fail in the end, and free what they held", () => {
    const clients = { ...PATIENT, timeoutMs: 50 };
    const result = play(
      [
        { atMs: 0, isl: 10, osl: 1000 },
        { atMs: 60, isl: 10, osl: 3 },
      ],
      [],
      { clients },
    );
    expect([...result.requests.status]).toEqual([failed, completed]);
    expect(result.requests.lastTokenMs[1]).toBe(90);
    expect(result.endMs).toBeLessThan(200);
  });

  it("name every block of a prompt only where one may come back", () => {
    const blocksNamed = (retries: number, faults: Fault[] = []) =>
      returnColumn(madeSpec({ requests: [] }, { clients: { ...PATIENT, retries }, faults })) !== null;
    expect(blocksNamed(0)).toBe(false);
    expect(blocksNamed(1)).toBe(true);
    expect(blocksNamed(0, [{ kind: "kill", atMs: 25, worker: agg(0) }])).toBe(true);
  });

  it("try again where an answer breaks off", () => {
    const clients = { ...PATIENT, retries: 1 };
    const kill: Fault = { kind: "kill", atMs: 25, worker: agg(0) };
    const result = play([{ atMs: 0, isl: 10, osl: 5 }], [kill], { clients });
    expect(result.requests.status[0]).toBe(completed);
    expect(result.requests.firstTokenMs[0]).toBe(25 + 100 + 10);
    expect(result.faults).toMatchObject([{ failed: 1, retried: 0 }]);
  });
});
