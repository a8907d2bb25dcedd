import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Clock, TimerQueue, type Waker } from "#common";
import type { Fault } from "#scenarios";
import type { FaultRecord } from "#src/record";
import { simulate } from "#src/simulator";
import type { LiveDeployment } from "../../src/live/deployment.ts";
import { LiveFaults } from "../../src/live/faults/live-faults.ts";
import { LivePool, type LiveWorker } from "../../src/live/pool.ts";
import { loadColumns } from "../../src/loadgen/columns.ts";
import { madePool, madeSpec, scriptedPlanner } from "../simulator/hand-made.ts";

/** Faults on a clock that is set by hand, over books without processes behind them. */
function byHand(faults: Fault[], { startupMs = 1000, workers = 1 } = {}) {
  let nowMs = 0;
  let wake = () => {};
  const clock: Clock = {
    timeScale: 1,
    nowMs: () => nowMs,
    waitMs: (atMs) => Math.max(0, atMs - nowMs),
    toUnixMs: (atMs) => atMs,
    fromUnixMs: (unixMs) => unixMs,
  };
  const waker: Waker = { arm: () => {}, disarm: () => {}, close: () => {} };
  const timers = new TimerQueue(clock, (given) => {
    wake = given;
    return waker;
  });
  const decode = new LivePool("decode", madePool("aggregated", { workers, startupMs }));
  for (let i = 0; i < workers; i++) decode.markReady(decode.add(0, 0));
  /** What processes were asked for. */
  const asked: string[] = [];
  const deployment = {
    pools: { prefill: null, decode },
    delayNetwork: async () => {},
    setPace: async () => ({ withToken: 0, withoutToken: 0 }),
    kill: async ({ name }: LiveWorker) => {
      asked.push(`kill ${name}`);
      return { withToken: 1, withoutToken: 2 };
    },
    create: async ({ name }: LiveWorker, readyUnixMs: number) => void asked.push(`create ${name} ${readyUnixMs}`),
  };
  const played = new LiveFaults({
    faults,
    deployment: deployment as unknown as LiveDeployment,
    timers,
    newPlanner: () => scriptedPlanner(100),
  });
  played.begin((error) => {
    throw error;
  });
  /** Goes on to a time; what is due comes late. */
  const goTo = (atMs: number) => {
    nowMs = atMs;
    wake();
  };
  return { played, decode, asked, goTo };
}

const agg = (max: number) => fc.record({ pool: fc.constant("agg" as const), index: fc.integer({ min: 0, max }) });
const struck = ({ text, workers }: FaultRecord) => ({ text, workers });

describe("a node that is lost", () => {
  it("takes a worker once, however often it is named", async () => {
    const worker = { pool: "agg", index: 0 } as const;
    const { played, decode, asked, goTo } = byHand([{ kind: "loseNode", atMs: 50, workers: [worker, worker] }]);
    goTo(50);
    await played.settled({ ...loadColumns(0, false), blocks: () => [] });
    expect(asked).toEqual(["kill decode/0", "create decode/1 1050"]);
    expect(decode.workers.map(({ state }) => state)).toEqual(["removed", "starting"]);
    expect(played.records).toMatchObject([{ workers: 1, requests: 3, failed: 1, retried: 2 }]);
  });
});

describe("deaths", () => {
  const times = fc.integer({ min: 1, max: 20 }).map((tick) => tick * 50);
  const fault: fc.Arbitrary<Fault> = fc.oneof(
    fc.record({ kind: fc.constant("kill" as const), atMs: times, worker: agg(5) }),
    fc.record({ kind: fc.constant("loseNode" as const), atMs: times, workers: fc.array(agg(5), { maxLength: 3 }) }),
    fc.record({
      kind: fc.constant("loseNode" as const),
      atMs: times,
      workers: fc.constant(null),
      gpusPerNode: fc.constantFrom(2, 4),
      node: fc.integer({ min: 0, max: 2 }),
    }),
    fc.record({ kind: fc.constant("loseApiServer" as const), atMs: times, forMs: times }),
    fc.record({
      kind: fc.constant("delayStartup" as const),
      atMs: times,
      pool: fc.constant("agg" as const),
      byMs: times,
      forMs: fc.option(times),
    }),
    fc.record({
      kind: fc.constant("slow" as const),
      atMs: times,
      worker: agg(5),
      factor: fc.constant(2),
      forMs: times,
    }),
  );

  it("come to the same workers on the virtual clock and on the wall clock", () => {
    fc.assert(
      fc.property(fc.array(fault, { maxLength: 6 }), (faults) => {
        const workers = 4;
        const decode = madePool("aggregated", { workers, startupMs: 100 });
        const simulated = simulate(madeSpec({ requests: [] }, { decode, faults, minEndMs: 3000 }));
        const live = byHand(faults, { workers, startupMs: 100 });
        for (let atMs = 50; atMs <= 3000; atMs += 50) live.goTo(atMs);
        expect(live.decode.workers.map(({ life }) => life)).toEqual(simulated.workers);
        expect(live.played.records.map(struck)).toEqual((simulated.faults ?? []).map(struck));
      }),
      { numRuns: 100 },
    );
  });
});

describe("the end of the run", () => {
  it("waits for the faults that come before it, and is not disturbed by later ones", async () => {
    const agg = (index: number) => ({ pool: "agg", index }) as const;
    const { played, decode, asked, goTo } = byHand(
      [
        { kind: "failStartup", atMs: 0, pool: "agg", starts: 1 },
        { kind: "kill", atMs: 2000, worker: agg(0) },
        { kind: "kill", atMs: 2900, worker: agg(1) },
        { kind: "kill", atMs: 3100, worker: agg(2) },
      ],
      { workers: 3 },
    );
    goTo(1500);
    const ended = played.end(3000);
    goTo(2950);
    expect(asked).toEqual(["kill decode/0", "kill decode/1", "create decode/4 3900"]);
    goTo(9000);
    await ended;
    // The start that fails at its end, just before that of the run, has begun once more.
    expect(asked.slice(3)).toEqual(["create decode/3 4000"]);
    expect(decode.workers.map(({ state }) => state)).toEqual(["removed", "removed", "active", "starting", "starting"]);
    expect(played.records.map(({ workers }) => workers)).toEqual([1, 1, 1, 0]);
  });
});

describe("a slow network", () => {
  it("touches the requests that are under way while it is slow, each once, by pool", async () => {
    const { requests, details } = loadColumns(5, false);
    // One is over before 100 ms, two have their tokens at 90 and 190 ms, one is cut off with the run, and one was never sent.
    requests.arrivalMs.set([0, 50, 150, 300]);
    requests.firstTokenMs.set([20, 90, 190]);
    details.endedMs.set([40, 120, 400]);
    const slow = { kind: "delayNetwork", byMs: 5, jitterMs: 0 } as const;
    const { played, goTo } = byHand([
      { ...slow, atMs: 0, pool: "all", forMs: null },
      { ...slow, atMs: 100, pool: "all", forMs: 100 },
      { ...slow, atMs: 100, pool: "decode", forMs: 201 },
      { ...slow, atMs: 100, pool: "prefill", forMs: 100 },
    ]);
    goTo(500);
    await played.settled({ requests, details, blocks: () => [{ requests }] });
    expect(played.records.map(({ requests: touched }) => touched)).toEqual([4, 2, 3, 1]);
  });
});

describe("starts that fail", () => {
  it("are those that begin next, whichever workers begin them, as in virtual time", () => {
    const fails: Fault = { kind: "failStartup", atMs: 0, pool: "agg", starts: 3 };
    const { played, decode, asked, goTo } = byHand([fails]);
    goTo(100);
    for (let i = 0; i < 2; i++) played.create(played.start(decode, 100));
    // Each has one of the three failures, and who begins anew first has the third, too, and 10 s of back-off after it.
    goTo(60_000);
    expect(asked).toEqual(["create decode/2 2100", "create decode/1 13100"]);

    const twin = simulate(
      madeSpec(
        { requests: [] },
        {
          decode: madePool("aggregated", { startupMs: 1000 }),
          faults: [fails],
          planner: scriptedPlanner(100, [{ prefill: 0, decode: 3 }]),
          minEndMs: 60_000,
        },
      ),
    );
    expect(decode.workers.map(({ life }) => life.readyMs)).toEqual(twin.workers.map(({ readyMs }) => readyMs));
    expect(played.records).toEqual(twin.faults);
  });
});
