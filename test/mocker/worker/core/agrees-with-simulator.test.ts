import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestStatus } from "#src/record";
import { simulate } from "#src/simulator";
import { randomCase, specOf } from "../../../simulator/random-spec.ts";
import { LiveRun } from "./live-run.ts";
import { settle } from "./manual-time.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 300);

/** Open traffic whose passes take time; what the worker leaves to others (sessions, scaling) is left out. */
const liveCase = randomCase
  .filter(({ speedupRatio }) => speedupRatio > 0)
  .map((random) => ({
    ...random,
    sessions: 0,
    concurrency: 0,
    endMs: null,
    scaling: [],
    quirks: random.quirks.filter((quirk) => quirk !== "passesBeforeArrivals" && quirk !== "abortOnStuck"),
  }));

describe("live workers on a manual clock", () => {
  it("admit, emit and hit the cache exactly as the simulator's", async () => {
    let finished = 0;
    let disaggregated = 0;
    let hits = 0;
    let preemptions = 0;
    await fc.assert(
      fc.asyncProperty(liveCase, fc.constantFrom(0, 0.4, 25), async (random, lateMs) => {
        const spec = { ...specOf(random), engine: "stepping" as const };
        const { requests: table, transfers } = simulate(spec);
        const live = new LiveRun(spec);
        live.time.advanceTo(spec.endMs!, lateMs);
        await settle();
        for (let i = 0; i < table.count; i++) {
          const row = live.rows[i]!;
          const done = table.status[i] === RequestStatus.completed;
          expect({
            rejected: row.rejected,
            admitMs: row.admitMs,
            firstTokenMs: row.firstTokenMs,
            secondTokenMs: row.secondTokenMs,
            lastTokenMs: done ? row.lastTokenMs : Number.NaN,
            outputTokens: done ? row.outputTokens : 0,
            cachedTokens: row.cachedTokens,
            heldMs: row.heldMs,
            decodeAdmitMs: row.decodeAdmitMs,
          }).toEqual({
            rejected: table.status[i] === RequestStatus.rejected,
            admitMs: table.admitMs[i],
            firstTokenMs: table.firstTokenMs[i],
            secondTokenMs: table.secondTokenMs[i],
            lastTokenMs: table.lastTokenMs[i],
            outputTokens: done ? table.outputTokens[i] : 0,
            cachedTokens: table.cachedTokens[i],
            heldMs: transfers === null ? Number.NaN : transfers.sourceHeldMs[i],
            decodeAdmitMs: transfers === null ? Number.NaN : transfers.decodeAdmitMs[i],
          });
          if (done) finished++;
          if (done && transfers !== null) disaggregated++;
          if (table.cachedTokens[i]! > 0) hits++;
          preemptions += table.preemptions[i]!;
        }
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
    // The cases are worth something only as far as they get there.
    expect(Math.min(finished, disaggregated, hits, preemptions)).toBeGreaterThan(RUNS / 20);
  });
});
