import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "#common";
import {
  aggregatedCapacity,
  decodeCapacity,
  decodeRate,
  decodeWorkers,
  lateShare,
  prefillWorkers,
  promptClasses,
} from "../../planner/core/capacity.ts";

/** Share of prompts that wait longer than `patienceS` in a simulated M/D/c queue, first come first served. */
function simulatedLateShare(servers: number, ratePerS: number, serviceS: number, patienceS: number): number {
  const random = randomStream(7, `queue ${servers} ${ratePerS}`);
  const freeAt = new Array<number>(servers).fill(0);
  let now = 0;
  let late = 0;
  const count = 200_000;
  for (let i = 0; i < count; i++) {
    now += random.exponential(1 / ratePerS);
    let next = 0;
    for (let s = 1; s < servers; s++) if (freeAt[s]! < freeAt[next]!) next = s;
    const start = Math.max(now, freeAt[next]!);
    if (start - now > patienceS) late++;
    freeAt[next] = start + serviceS;
  }
  return late / count;
}

/**
 * The same with passes of up to 8192 tokens, prompts of 3000 cut where they end, each pass costing `passS` and `workS` per prompt. Each prompt goes
 * to the worker with the fewest that are not out, as routers count them: how far a pass has come they don't know.
 */
function simulatedBatchLateShare(servers: number, ratePerS: number, passS: number, workS: number, slackS: number) {
  const random = randomStream(8, `batches ${servers} ${ratePerS}`);
  const idle = () => ({ endS: Number.POSITIVE_INFINITY, waiting: [] as number[], leftOfFirst: 1, computed: 0 });
  const queues = Array.from({ length: servers }, idle);
  let now = 0;
  let late = 0;
  const count = 100_000;
  const start = (queue: (typeof queues)[number], atS: number) => {
    const all = queue.waiting.length === 0 ? 0 : queue.waiting.length - 1 + queue.leftOfFirst;
    const taken = Math.min(all, 8192 / 3000);
    queue.computed = Math.floor(1 - queue.leftOfFirst + taken + 1e-9);
    queue.leftOfFirst = 1 - (1 - queue.leftOfFirst + taken - queue.computed);
    queue.endS = taken > 0 ? atS + passS + workS * taken : Number.POSITIVE_INFINITY;
  };
  const passUntil = (queue: (typeof queues)[number], untilS: number) => {
    while (queue.endS <= untilS) {
      late += queue.waiting.splice(0, queue.computed).filter((arrived) => queue.endS - arrived > slackS).length;
      start(queue, queue.endS);
    }
  };
  for (let i = 0; i < count; i++) {
    now += random.exponential(1 / ratePerS);
    for (const queue of queues) passUntil(queue, now);
    const best = queues.reduce((least, queue) => (queue.waiting.length < least.waiting.length ? queue : least));
    best.waiting.push(now);
    if (best.endS === Number.POSITIVE_INFINITY) start(best, now);
  }
  return late / count;
}

/** Prompts of one length each, served one at a time. */
function oneAtATime(aloneS: number[], slackS: number[]) {
  return promptClasses({ aloneS, slackS, passS: 0, isl: aloneS.map(() => 1000), maxBatchedTokens: 1 });
}

const rates = fc.double({ min: 0.01, max: 500, noNaN: true });
const services = fc.array(fc.double({ min: 0.005, max: 0.6, noNaN: true }), { minLength: 1, maxLength: 32 });

describe("prefill capacity", () => {
  it("predicts the share of late prompts of a simulated queue within a factor of 2", () => {
    for (const [servers, load] of [
      [1, 0.3],
      [2, 0.5],
      [3, 0.7],
      [4, 0.8],
    ] as const) {
      const serviceS = 0.06;
      const rate = (servers * load) / serviceS;
      const predicted = lateShare(servers, rate, oneAtATime([serviceS], [0.2]));
      const seen = simulatedLateShare(servers, rate, serviceS, 0.2 - serviceS);
      expect(predicted / seen, `${servers} servers`).toBeGreaterThan(0.5);
      expect(predicted / seen, `${servers} servers`).toBeLessThan(2);
    }
  });

  it("asks for one worker for next to nothing, however little that is", () => {
    const prompts = oneAtATime([0.06, 0.15], [0.2, 0.2]);
    for (let digits = 2; digits <= 320; digits++) {
      const rate = 10 ** -digits;
      expect(prefillWorkers(rate, prompts, 0.01), `${rate}`).toBe(1);
      expect(lateShare(1, rate, prompts)).toBeLessThan(0.01);
    }
  });

  it("predicts at which rate few and many workers that batch what waits let a prompt in a hundred be late, within a tenth", () => {
    for (const [servers, load] of [
      [1, 0.4],
      [2, 0.6],
      [4, 0.8],
      [6, 0.86],
      [9, 0.91],
      [13, 0.97],
      [20, 1],
      [32, 1.03],
    ] as const) {
      const prompt = { passS: 0.015, aloneS: [0.06], isl: [3000], slackS: [0.2], maxBatchedTokens: 8192 };
      const prompts = promptClasses(prompt);
      const rate = (servers * load) / prompts.meanS;
      const seen = simulatedBatchLateShare(servers, rate, 0.015, 0.045, 0.2);
      expect(seen, `${servers} servers`).toBeGreaterThan(0.003);
      expect(seen, `${servers} servers`).toBeLessThan(0.03);
      expect(lateShare(servers, 1.1 * rate, prompts), `${servers} servers`).toBeGreaterThan(seen);
      expect(lateShare(servers, rate / 1.1, prompts), `${servers} servers`).toBeLessThan(seen);
    }
  });

  it("reckons with prompts that come clumped, within a factor of 3 of a simulated queue", () => {
    // Gamma-distributed gaps with a squared coefficient of variation of 4: counts have the same index of dispersion in the long run.
    const late = (servers: number) => {
      const random = randomStream(9, "clumps");
      const freeAt = new Array<number>(servers).fill(0);
      let now = 0;
      let count = 0;
      for (let i = 0; i < 100_000; i++) {
        now += random.gamma(0.25, 1 / 20);
        let next = 0;
        for (let s = 1; s < servers; s++) if (freeAt[s]! < freeAt[next]!) next = s;
        const start = Math.max(now, freeAt[next]!);
        if (start - now > 0.12) count++;
        freeAt[next] = start + 0.06;
      }
      return count / 100_000;
    };
    const prompts = { ...oneAtATime([0.06], [0.18]), dispersion: 4 };
    for (const servers of [2, 3, 4]) {
      const predicted = lateShare(servers, 20, prompts);
      expect(predicted / late(servers), `${servers} servers`).toBeGreaterThan(1 / 3);
      expect(predicted / late(servers), `${servers} servers`).toBeLessThan(3);
    }
    expect(lateShare(4, 20, prompts)).toBeGreaterThan(20 * lateShare(4, 20, { ...prompts, dispersion: 1 }));
    expect(prefillWorkers(20, prompts, 0.01)).toBeGreaterThan(prefillWorkers(20, { ...prompts, dispersion: 1 }, 0.01));
  });

  it("never needs fewer workers for more load or less tolerance", () => {
    fc.assert(
      fc.property(services, rates, fc.double({ min: 1, max: 1.5, noNaN: true }), (serviceS, rate, factor) => {
        const prompts = promptClasses({
          aloneS: serviceS,
          slackS: serviceS.map(() => 0.2),
          passS: 0.004,
          isl: serviceS.map((s) => 50_000 * s),
          maxBatchedTokens: 8192,
        });
        const workers = prefillWorkers(rate, prompts, 0.01);
        expect(Number.isInteger(workers)).toBe(true);
        expect(workers).toBeGreaterThan(rate * prompts.batchedMeanS * 0.999);
        expect(prefillWorkers(rate * factor, prompts, 0.01)).toBeGreaterThanOrEqual(workers);
        expect(prefillWorkers(rate, prompts, 0.001)).toBeGreaterThanOrEqual(workers);
      }),
    );
  });

  it("needs nobody without load, and plans by utilisation where every prompt is late by itself", () => {
    expect(prefillWorkers(0, oneAtATime([0.06], [0.2]), 0.01)).toBe(0);
    expect(prefillWorkers(10, oneAtATime([0.33], [0.2]), 0.01)).toBe(4);
  });

  it("asks for no absurd number of workers where prompts behind in a pass take longer than there is time", () => {
    const prompts = promptClasses({ aloneS: [0.06], passS: 0.057, slackS: [0.1], isl: [206], maxBatchedTokens: 8192 });
    expect(prompts.followersS[0]).toBeGreaterThan(prompts.patienceS[0]!);
    for (const rate of [1, 10, 70, 500]) {
      expect(prefillWorkers(rate, prompts, 0.02)).toBeLessThan(10 + 2 * rate * 0.06);
    }
  });

  it("loads the queue with infeasible prompts without counting them as late", () => {
    const mixed = oneAtATime([0.05, 0.5], [0.2, 0.2]);
    expect(lateShare(10, 1, mixed)).toBeLessThan(0.001);
    expect(lateShare(10, 30, mixed)).toBeGreaterThan(lateShare(10, 30, oneAtATime([0.05, 0.05], [0.2, 0.2])));
  });
});

describe("decode capacity", () => {
  const itlMs = (batch: number) => 4 + 0.12 * batch;

  it("is the largest batch that keeps the ITL", () => {
    const capacity = decodeCapacity({ itlMs, slaItlMs: 10, mostSequences: 500, osl: 300 });
    expect(capacity).toEqual({ batch: 50, requestsPerS: 50 / 3, feasible: true });
  });

  it("is bounded by the cache, and by it alone where the ITL cannot be kept", () => {
    expect(decodeCapacity({ itlMs, slaItlMs: 10, mostSequences: 20.7, osl: 300 }).batch).toBe(20);
    const hopeless = decodeCapacity({ itlMs, slaItlMs: 3, mostSequences: 100, osl: 100 });
    expect(hopeless).toEqual({ batch: 100, requestsPerS: 100_000 / (100 * itlMs(100)), feasible: false });
  });

  it("moves with the engine's speed without jumps, where few sequences fit, too", () => {
    const capacityAt = (speed: number) =>
      decodeCapacity({ itlMs: (batch) => (3 + 0.8 * batch) / speed, slaItlMs: 5, mostSequences: 100, osl: 100 })
        .requestsPerS;
    for (let speed = 0.8; speed < 2; speed += 0.001) {
      expect(capacityAt(speed + 0.001) / capacityAt(speed)).toBeGreaterThan(1);
      expect(capacityAt(speed + 0.001) / capacityAt(speed)).toBeLessThan(1.01);
    }
  });

  it("never needs fewer workers for more load, more deviations or more scattered prompts", () => {
    fc.assert(
      fc.property(
        rates,
        fc.double({ min: 1, max: 1.5, noNaN: true }),
        fc.integer({ min: 1, max: 300 }),
        fc.double({ min: 0, max: 4, noNaN: true }),
        (rate, factor, batch, scv) => {
          const capacity = { batch, requestsPerS: batch / 3, feasible: true };
          const workers = decodeWorkers(rate, capacity, scv, 1);
          expect(decodeRate(workers, capacity, scv, 1)).toBeGreaterThanOrEqual(rate);
          if (workers > 1) expect(decodeRate(workers - 1, capacity, scv, 1)).toBeLessThan(rate);
          expect(decodeWorkers(rate * factor, capacity, scv, 1)).toBeGreaterThanOrEqual(workers);
          expect(decodeWorkers(rate, capacity, scv, 1.6)).toBeGreaterThanOrEqual(workers);
          expect(decodeWorkers(rate, capacity, scv + 1, 1)).toBeGreaterThanOrEqual(workers);
        },
      ),
    );
  });

  it("shares an aggregated worker's time between both phases", () => {
    const question = { itlMs, slaItlMs: 10, mostSequences: 500, osl: 300 };
    const alone = decodeCapacity(question);
    const shared = aggregatedCapacity(question, 0.02);
    expect(shared.feasible).toBe(true);
    expect(shared.requestsPerS).toBeLessThan(alone.requestsPerS);
    expect(aggregatedCapacity(question, 0.04).requestsPerS).toBeLessThan(shared.requestsPerS);
    // At that rate decoding, stretched by the time that prompts take, just keeps the SLA.
    const stretched = itlMs(shared.requestsPerS * 3) / (1 - shared.requestsPerS * 0.02);
    expect(stretched).toBeLessThan(10.05);
    expect(stretched).toBeGreaterThan(9.5);
  });
});
