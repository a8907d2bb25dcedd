import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LiveEngine, PassBatch } from "#mocker/engine";
import { passBatch } from "../../../mocker/engine/pass-batch.ts";
import { newSequence } from "../../../mocker/engine/sequence.ts";
import { ENGINES, EngineDriver, type MadeRequest } from "./engine-driver.ts";

const [stepping] = ENGINES;

function drive(config: ConstructorParameters<typeof EngineDriver>[1], requests: MadeRequest[]) {
  const driver = new EngineDriver(stepping, config, requests);
  return { driver, engine: driver.engine as LiveEngine };
}

describe("what a pass is made of", () => {
  it("tells prompts, the cached part of them, and who must wait", () => {
    const blocks = [1, 2];
    const { driver, engine } = drive({ blockSize: 4, maxNumBatchedTokens: 20, maxNumSeqs: 3 }, [
      { isl: 8, osl: 1, blocks },
      { isl: 12, osl: 2, blocks },
      { isl: 30, osl: 2 },
      { isl: 16, osl: 2 },
      { isl: 24, osl: 2 },
    ]);
    driver.submit(0);
    driver.finish();
    for (const request of [1, 2, 3, 4]) driver.submit(request);
    driver.runUntil(driver.nowMs + 1);
    const batch = engine.batchNow();
    expect(batch).toEqual({
      // 12 − 8 cached tokens of the one, and what the budget leaves of the other.
      scheduled: {
        prefillRequests: 2,
        prefillTokens: 4 + 16,
        prefillLengthVariance: ((12 - 21) ** 2 + (30 - 21) ** 2) / 2,
        prefillKvTokens: 8,
        decodeRequests: 0,
        decodeKvTokens: 0,
        decodeKvVariance: 0,
      },
      queued: {
        prefillRequests: 2,
        prefillTokens: 16 + 24,
        prefillLengthVariance: 16,
        decodeRequests: 0,
        decodeKvTokens: 0,
        decodeKvVariance: 0,
      },
    });
    expect(engine.lastBatch()).toEqual(batch);
  });

  it("counts a preempted request of a decode worker with its prompt alone, as DynoSim does", () => {
    const preempted = { ...newSequence(0, 1000, 100), generated: 14 };
    const queued = (role: "aggregated" | "decode") => passBatch([], [preempted], [newSequence(1, 500, 9)], role).queued;
    expect(queued("decode")).toMatchObject({ decodeRequests: 2, decodeKvTokens: 1000 + 500 });
    expect(queued("aggregated")).toMatchObject({ decodeRequests: 2, decodeKvTokens: 1014 + 500 });
  });

  it("counts a preempted request as one that waits to decode, with all the context it will hold", () => {
    const { driver, engine } = drive({ blockSize: 1, numGpuBlocks: 12, prefixCaching: false }, [
      { isl: 4, osl: 6 },
      { isl: 4, osl: 6 },
    ]);
    driver.submit(0, 1);
    driver.runUntil(30);
    expect(engine.batchNow()).toMatchObject({
      scheduled: { decodeRequests: 1, decodeKvTokens: 7, decodeKvVariance: 0 },
      queued: { prefillRequests: 0, decodeRequests: 1, decodeKvTokens: 7 },
    });
  });

  it("counts what a decode worker waits for as decoding", () => {
    const { driver, engine } = drive({ role: "decode", blockSize: 4, numGpuBlocks: 5 }, [
      { isl: 9, osl: 3 },
      { isl: 11, osl: 3 },
    ]);
    driver.command("reserve", 0);
    driver.command("reserve", 1);
    expect(engine.batchNow().queued).toMatchObject({ prefillRequests: 0, decodeRequests: 2, decodeKvTokens: 20 });
    expect(engine.batchNow().queued.decodeKvVariance).toBe(1);
  });

  it("adds up to what the engine counts", () => {
    const request = fc.record({ isl: fc.integer({ min: 1, max: 40 }), osl: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 2, max: 50 }),
        fc.integer({ min: 1, max: 6 }),
        (requests, maxNumBatchedTokens, maxNumSeqs) => {
          const { driver, engine } = drive(
            { blockSize: 4, numGpuBlocks: 500, maxNumBatchedTokens, maxNumSeqs },
            requests,
          );
          driver.submit(...(requests.map((_, i) => i) as [number]));
          const seen: PassBatch[] = [];
          let passes = 0;
          for (let atMs = 0; engine.hasWork() || engine.busy; atMs++) {
            driver.runUntil(atMs);
            if (engine.counters.passes === passes) continue;
            passes = engine.counters.passes;
            if (engine.busy) seen.push(engine.lastBatch());
            expect(engine.load().waiting).toBe(
              engine.batchNow().queued.prefillRequests + engine.batchNow().queued.decodeRequests,
            );
          }
          for (const { scheduled } of seen) {
            expect(scheduled.prefillTokens + scheduled.decodeRequests).toBeLessThanOrEqual(maxNumBatchedTokens);
            expect(scheduled.prefillRequests + scheduled.decodeRequests).toBeLessThanOrEqual(maxNumSeqs);
          }
          expect(engine.batchNow().queued.prefillTokens).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });
});
