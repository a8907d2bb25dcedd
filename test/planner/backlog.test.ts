import { describe, expect, it } from "vitest";
import { createPlanner, type Observation, plannerConfigSchema } from "#planner/core";
import { BacklogWatch, isQueueLong } from "../../planner/core/backlog.ts";
import { active, disagg, observation, testSurface } from "./observations.ts";

const queues = (...tokens: number[]) =>
  tokens.map((queuedTokens, workerId) => ({ workerId, queuedTokens, queuedRequests: queuedTokens / 3000 }));

describe("prompts that had to wait for workers", () => {
  /** What it says of each tick of 5 s. */
  const said = (ticks: [isShort: boolean, lateShare: number | null, isLong: boolean][]) => {
    const watch = new BacklogWatch();
    return ticks.map(([isShort, late, isLong], i) => watch.update(5 * i, isShort, late, isLong));
  };

  it("are late while queues go down, and in the tick after", () => {
    const short: [boolean, number, boolean] = [true, 1, true];
    const drains: [boolean, number, boolean] = [false, 0.8, true];
    expect(said([short, drains, drains, [false, 0.3, false], [false, 0.3, false]])).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    // Once hardly any is late they are over, whatever comes then.
    expect(said([short, drains, [false, 0.04, true], drains])).toEqual([true, true, false, false]);
    // Where none was judged nothing is known of their end.
    expect(said([short, [false, null, true], drains])).toEqual([true, true, true]);
  });

  it("are none where workers were not short, few were late, or nobody knows of queues", () => {
    expect(
      said([
        [false, 1, true],
        [false, 1, true],
      ]),
    ).toEqual([false, false]);
    expect(
      said([
        [true, 0.4, true],
        [false, 0.4, true],
      ]),
    ).toEqual([false, false]);
    expect(
      said([
        [true, 1, false],
        [false, 1, false],
      ]),
    ).toEqual([false, false]);
  });

  it("are how things are after five minutes", () => {
    const watch = new BacklogWatch();
    watch.update(0, true, 1, true);
    expect(watch.update(300, false, 1, true)).toBe(true);
    expect(watch.update(305, false, 1, true)).toBe(false);
  });

  it("are answered for a minute after the last of them", () => {
    const watch = new BacklogWatch();
    expect(watch.isDecoded(0)).toBe(false);
    watch.update(0, true, 1, true);
    watch.update(10, false, 0.01, false);
    expect(watch.isDecoded(60)).toBe(true);
    expect(watch.isDecoded(61)).toBe(false);
  });

  it("are those behind a queue that takes longer than the SLA, on whichever worker", () => {
    const shapes = { meanIsl: () => 3000 };
    const needs = { prompts: { batchedMeanS: 0.07 } as never };
    const isLong = (prefillLoad: Observation["prefillLoad"], ranks = 1) =>
      isQueueLong({ prefillLoad }, needs, shapes, { ...disagg, ranksPerWorker: { prefill: ranks, decode: 1 } });
    // 200 ms are 2.9 prompts.
    expect(isLong(queues(0, 8000))).toBe(false);
    expect(isLong(queues(0, 9000))).toBe(true);
    expect(isLong(queues(0, 9000), 2)).toBe(false);
    expect(isLong(null)).toBe(false);
    expect(isLong([])).toBe(false);
  });
});

describe("default strategy with a backlog", () => {
  /** A minute with one worker of each role, and two with enough of them, of which one still has the prompts of before. */
  function played(areQueuesKnown: boolean) {
    const planner = createPlanner(plannerConfigSchema.parse({ strategy: "default" }), disagg, testSurface());
    const values: Record<string, number>[] = [];
    for (let s = 5; s <= 180; s += 5) {
      const isShort = s <= 60;
      const workers = isShort ? 1 : 12;
      const seen = observation(s * 1000, 20, {
        workers: { prefill: active(workers), decode: active(workers) },
        ttftMet: isShort ? 0 : 70,
        itlMet: isShort ? 0 : 60,
        prefillLoad: areQueuesKnown ? queues(900_000, ...new Array<number>(workers - 1).fill(0)) : null,
        // Overfull: a third more tokens than 20 requests a second make, and slow.
        decodeLoad: [{ workerId: 0, batch: 240, kvTokens: 240 * 3150, itlMs: 30 }],
      });
      values.push(planner.tick(seen).values);
    }
    return values;
  }

  it("does not take what is late of it for too narrow margins, nor its tokens for longer answers", () => {
    const known = played(true);
    const last = known.at(-1)!;
    expect(last.queuePressure).toBeLessThan(0.65);
    expect(last.batchPressure).toBeLessThan(0.55);
    expect(last.effectiveOslTokens).toBe(300);
    const unknown = played(false).at(-1)!;
    expect(unknown.queuePressure).toBeGreaterThan(1);
    expect(unknown.batchPressure).toBeGreaterThan(1);
    expect(unknown.effectiveOslTokens).toBeGreaterThan(350);
    // Overfull decode workers leave a first token less time than any number of prefill workers could make up for.
    expect(last.prefillPatienceMs).toBeGreaterThan(unknown.prefillPatienceMs! + 20);
  });
});
