import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestStatus } from "#src/record";
import { simulate } from "#src/simulator";
import { randomCase, specOf } from "../../../simulator/random-spec.ts";
import { LiveRun } from "./live-run.ts";
import { settle } from "./manual-time.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 300);

/** Open traffic whose passes take time; what the worker leaves to others (sessions, scaling, the KV router) is left out. */
const liveCase = randomCase
  .filter(({ speedupRatio, decodeEngine }) => speedupRatio > 0 && decodeEngine?.speedupRatio !== 0)
  .map((random) => ({
    ...random,
    // Tight enough for preemptions, and alike enough for hits, among ranks that share the requests.
    numGpuBlocks: Math.min(random.numGpuBlocks, 30),
    maxNumSeqs: Math.max(random.maxNumSeqs, 5),
    prefixCaching: true,
    requests: random.requests.map((request) => ({ ...request, gapMs: request.gapMs / 8 })),
    family: random.chunkedPrefill ? ("vllm" as const) : random.family,
    sessions: 0,
    concurrency: 0,
    endMs: null,
    scaling: [],
    kvRouter: null,
    quirks: random.quirks.filter((quirk) => quirk !== "passesBeforeArrivals" && quirk !== "abortOnStuck"),
  }));

type Simulated = ReturnType<typeof simulate>;

function expectSame({ requests: table, transfers }: Simulated, live: LiveRun): void {
  for (let i = 0; i < table.count; i++) {
    const row = live.rows[i]!;
    const done = table.status[i] === RequestStatus.completed;
    const counts = [row.rejected, done ? row.outputTokens : 0, row.cachedTokens];
    const { firstTokenMs, secondTokenMs, firstOutputTokenMs } = row;
    const times = [row.admitMs, firstTokenMs, secondTokenMs, firstOutputTokenMs, row.heldMs, row.decodeAdmitMs];
    if (done) times.push(row.lastTokenMs);
    expect(counts).toEqual([
      table.status[i] === RequestStatus.rejected,
      done ? table.outputTokens[i] : 0,
      table.cachedTokens[i],
    ]);
    const expected = [
      table.admitMs[i]!,
      table.firstTokenMs[i]!,
      table.secondTokenMs[i]!,
      table.firstOutputTokenMs?.[i] ?? Number.NaN,
      transfers?.sourceHeldMs[i] ?? Number.NaN,
      transfers?.decodeAdmitMs[i] ?? Number.NaN,
    ];
    if (done) expected.push(table.lastTokenMs[i]!);
    expect(times, `times of request ${i}`).toEqual(expected);
  }
}

describe("live workers on a manual clock", () => {
  it("admit, emit and hit the cache exactly as the simulator's, however late the process wakes up", async () => {
    let finished = 0;
    let disaggregated = 0;
    let hits = 0;
    let preemptions = 0;
    let hostHits = 0;
    await fc.assert(
      fc.asyncProperty(liveCase, fc.constantFrom(0, 0.4, 25), async (random, lateMs) => {
        const spec = { ...specOf(random), engine: "stepping" as const };
        const simulated = simulate(spec);
        const live = new LiveRun(spec);
        live.time.advanceTo(spec.endMs!, lateMs);
        await settle();
        expectSame(simulated, live);
        const { requests: table, transfers, engine } = simulated;
        if (engine.hostHitTokens > 0) hostHits++;
        for (let i = 0; i < table.count; i++) {
          if (table.status[i] !== RequestStatus.completed) continue;
          finished++;
          if (transfers !== null) disaggregated++;
          if (table.cachedTokens[i]! > 0) hits++;
          preemptions += table.preemptions[i]!;
        }
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
    // The cases are worth something only as far as they get there.
    expect(Math.min(finished, disaggregated, hits, preemptions)).toBeGreaterThan(RUNS / 20);
    expect(hostHits).toBeGreaterThan(RUNS / 50);
  });

  it("do so, too, where requests are on their way for some time and count as of when they were sent", async () => {
    await fc.assert(
      fc.asyncProperty(liveCase, fc.constantFrom(0.1, 0.5), async (random, onItsWayMs) => {
        // A balancer would see the load of a later moment, and a hand-off is on its way several times.
        const plain = { ...random, leastLoaded: false, kvRouter: null, disaggregated: false };
        const spec = { ...specOf(plain), engine: "stepping" as const };
        const live = new LiveRun(spec, onItsWayMs);
        live.time.advanceTo(spec.endMs! + 10);
        await settle();
        expectSame(simulate(spec), live);
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
  });
});
