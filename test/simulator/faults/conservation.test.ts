import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestStatus, type RunRecord } from "#src/record";
import { cost } from "#src/report";
import type { SimulationResult } from "#src/simulator";
import { outcomeOf } from "../outcome.ts";
import { type FaultyCase, faultyCase, faultySpecOf } from "./random-faults.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 300);

function holds(check: (result: SimulationResult, faulty: FaultyCase) => void): void {
  fc.assert(
    fc.property(faultyCase, (faulty) => {
      const outcome = outcomeOf(faultySpecOf(faulty));
      if ("result" in outcome) check(outcome.result, faulty);
    }),
    { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
  );
}

describe("whatever goes wrong", () => {
  it("every request that was sent ends once: completed with all its tokens, rejected, failed or unfinished", () => {
    holds((result, { random, clients }) => {
      const { requests: table } = result;
      expect(table.count).toBeLessThanOrEqual(random.requests.length);
      for (let i = 0; i < table.count; i++) {
        const { completed, rejected, failed, unfinished } = RequestStatus;
        expect([completed, rejected, failed, unfinished]).toContain(table.status[i]);
        const isCompleted = table.status[i] === completed;
        expect(table.outputTokens[i]).toBe(isCompleted ? table.requestedOsl[i] : 0);
        expect(Number.isNaN(table.lastTokenMs[i]!)).toBe(!isCompleted);
        if (isCompleted) {
          expect(table.firstTokenMs[i]).toBeGreaterThanOrEqual(table.arrivalMs[i]!);
          expect(table.lastTokenMs[i]).toBeGreaterThanOrEqual(table.firstTokenMs[i]!);
          if (table.outputTokens[i]! > 1) expect(table.lastTokenMs[i]).toBeGreaterThanOrEqual(table.secondTokenMs[i]!);
        }
        expect(table.attempts[i]).toBeGreaterThanOrEqual(1);
        // The frontend gives an attempt of the client to four workers at most.
        expect(table.attempts[i]).toBeLessThanOrEqual(4 * (1 + (clients?.retries ?? 0)));
      }
      // Who has more attempts than clients make was retried by the frontend, and nobody was retried who has only one.
      const above = (most: number) => table.attempts.filter((attempts) => attempts > most).length;
      const retried = (result.faults ?? []).reduce((sum, fault) => sum + fault.retried, 0);
      expect(above(1 + (clients?.retries ?? 0))).toBeLessThanOrEqual(retried);
      for (const fault of result.faults ?? []) {
        expect(fault.retried).toBeLessThanOrEqual(Math.min(fault.requests, above(1)));
        expect(fault.failed).toBeLessThanOrEqual(fault.requests);
        expect(fault.requests).toBeLessThanOrEqual(table.count);
      }
      // Nobody fails without a reason.
      const broken = (result.faults ?? []).reduce((sum, fault) => sum + fault.failed, 0);
      const patient = clients === null || (clients.timeoutMs === null && clients.firstTokenTimeoutMs === null);
      const failed = table.status.filter((status) => status === RequestStatus.failed).length;
      if (patient) expect(failed).toBeLessThanOrEqual(broken);
    });
  });

  it("nothing happens on a worker that is dead, or not ready", () => {
    holds((result, { faults }) => {
      const { requests: table, workers } = result;
      const isDelayed = faults.some(({ kind }) => kind === "delayNetwork");
      const lives = (role: "prefill" | "decode") => workers.filter((worker) => worker.role === role);
      for (const [column, role] of [
        [table.prefillWorker, "prefill"],
        [table.decodeWorker, "decode"],
      ] as const) {
        const ofRole = lives(role);
        for (let i = 0; i < table.count; i++) {
          if (column[i]! < 0) continue;
          const life = ofRole[column[i]!]!;
          // What never comes is NaN, and neither before nor after anything.
          expect(table.firstTokenMs[i]! < life.readyMs).toBe(false);
          // Delayed answers arrive when their worker may be gone.
          if (role === "prefill" || isDelayed) continue;
          const goneMs = life.removedMs ?? result.endMs;
          for (const tokenMs of [table.firstTokenMs[i]!, table.secondTokenMs[i]!, table.lastTokenMs[i]!]) {
            expect(tokenMs > goneMs).toBe(false);
          }
        }
      }
      for (const worker of workers) {
        expect(worker.removedMs ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(worker.createdMs);
        if (worker.drainingMs !== null) expect(worker.drainingMs).toBeGreaterThanOrEqual(worker.readyMs);
      }
    });
  });

  it("GPU-seconds are the lives of the workers, dead ones up to their death", () => {
    holds((result) => {
      let ms = 0;
      for (const { createdMs, removedMs } of result.workers) ms += (removedMs ?? result.endMs) - createdMs;
      expect(cost(result).gpuSeconds).toBeCloseTo(ms / 1000, 6);
    });
  });

  it("the same seed gives the same run", () => {
    const all = ({ requests, workers, faults, timeline, scalingEvents, endMs }: RunRecord) =>
      JSON.stringify([requests, workers, faults, timeline, scalingEvents, endMs]);
    fc.assert(
      fc.property(faultyCase, (faulty) => {
        const [first, second] = [outcomeOf(faultySpecOf(faulty)), outcomeOf(faultySpecOf(faulty))];
        if ("stuck" in first || "stuck" in second) expect(first).toEqual(second);
        else expect(all(first.result)).toBe(all(second.result));
      }),
      { numRuns: Math.ceil(RUNS / 3), seed: 2 },
    );
  });
});
