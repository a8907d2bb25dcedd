import { describe, expect, it } from "vitest";
import { type Clock, TimerQueue, wallClock } from "#common";
import type { KvEvent } from "#mocker/engine";
import { engineConfig, fixedTiming } from "#mocker/engine";
import type { ForwardPassRecord } from "#mocker/protocol";
import { builtinTokenizer } from "#mocker/text";
import { createWorker } from "../../../../mocker/worker/core/worker.ts";
import { last, makeWorker, NO_PEERS, send, when } from "./live-worker.ts";
import { ManualTime, settle } from "./manual-time.ts";

const NOTHING_SCHEDULED = {
  prefillRequests: 0,
  prefillTokens: 0,
  prefillLengthVariance: 0,
  prefillKvTokens: 0,
  decodeRequests: 0,
  decodeKvTokens: 0,
  decodeKvVariance: 0,
};
const { prefillKvTokens: _, ...NOTHING_QUEUED } = NOTHING_SCHEDULED;

describe("a worker's schedule", () => {
  it("is the engine's: each pass begins at the exact end of the one before", () => {
    const time = new ManualTime();
    const sent = send(makeWorker(time), 5, 4);
    time.runOut();
    expect(sent.events).toEqual([
      ["admitted 0", 0],
      ["token 0", 5],
      ["token 1", 15],
      ["token 2", 25],
      ["token 3", 35],
      ["finished", 35],
    ]);
  });

  it("does not drift, whenever the process wakes up, nor lose what it slept through", () => {
    const punctual = new ManualTime();
    const expected = send(makeWorker(punctual), 5, 60);
    punctual.runOut();
    const late = new ManualTime();
    const worker = makeWorker(late);
    const sent = send(worker, 5, 60);
    late.advanceTo(100, 3.7);
    late.sleepUntil(433);
    expect(when(sent, "token 42")).toBe(425);
    late.advanceTo(10_000, 9.9);
    expect(sent.events).toEqual(expected.events);
    expect(worker.lag().count).toBe(60);
    expect(worker.lag().maxMs).toBeGreaterThan(300);
  });

  it("lets a request count as of when it arrived, also where passes have ended since", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    send(worker, 5, 9);
    time.advanceTo(22);
    const backdated = send(worker, 2, 1, { arrivalMs: 14 });
    time.sleepUntil(24);
    // Its pass began at 15; it is taken into the one at 25.
    time.runOut();
    expect(when(backdated, "admitted 0")).toBe(25);
    const idle = makeWorker(time);
    const nowMs = time.nowMs;
    const alone = send(idle, 2, 1, { arrivalMs: nowMs - 3 });
    time.runOut();
    expect(when(alone, "token 0")).toBe(nowMs - 1);
  });

  it("completes what has ended before an input, however late the process is", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const first = send(worker, 5, 9);
    time.advanceTo(1);
    time.nowMs = 47;
    const second = send(worker, 2, 1);
    expect(last(first)).toBe("token 4");
    time.runOut();
    expect(when(second, "admitted 0")).toBe(55);
  });

  it("takes requests of one instant into one pass", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const sent = [send(worker, 5, 2), send(worker, 3, 2)];
    time.runOut();
    expect(sent.map((one) => when(one, "token 0"))).toEqual([8, 8]);
  });
});

describe("what a worker tells of a pass", () => {
  it("has first tokens before others, whatever the order of the batch", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const order: string[] = [];
    const log = (name: string) => ({ onEvent: (event: string) => order.push(`${name} ${event}`) });
    send(worker, 5, 9, log("old"));
    time.advanceTo(6);
    send(worker, 5, 9, log("new"));
    time.advanceTo(15);
    order.length = 0;
    time.advanceTo(30);
    expect(order).toEqual(["new token 0", "old token 2"]);
  });

  it("has a record for its observers, after its tokens and before the next pass begins", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const order: string[] = [];
    const records: ForwardPassRecord[] = [];
    worker.observe({
      passEnded: (record, load) => {
        order.push("pass");
        records.push(record);
        expect(load.lastDecodeBatch).toBe(record.scheduled.decodeRequests);
      },
    });
    send(worker, 6, 2, { onEvent: (event) => order.push(event) });
    time.runOut();
    expect(order).toEqual(["admitted 0", "token 0", "pass", "token 1", "finished", "pass"]);
    expect(records).toEqual([
      {
        dpRank: 0,
        at: 0.006,
        durationMs: 6,
        prefillMs: 6,
        usedBlocks: 2,
        scheduled: { ...NOTHING_SCHEDULED, prefillRequests: 1, prefillTokens: 6 },
        queued: NOTHING_QUEUED,
      },
      {
        dpRank: 0,
        at: 0.016,
        durationMs: 10,
        prefillMs: 0,
        usedBlocks: 0,
        scheduled: { ...NOTHING_SCHEDULED, decodeRequests: 1, decodeKvTokens: 7 },
        queued: NOTHING_QUEUED,
      },
    ]);
    expect(worker.counters()).toMatchObject({ passes: 2, prefillMs: 6, scheduledPrefillTokens: 6 });
  });

  it("lets a listener cancel anybody, itself included, in the middle of it", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const victim = send(worker, 5, 9);
    let itself: ReturnType<typeof send> | null = null;
    itself = send(worker, 5, 9, {
      onEvent: (event) => {
        if (event !== "token 1") return;
        itself!.handle.cancel();
        victim.handle.cancel();
      },
    });
    const bystander = send(worker, 5, 9);
    time.advanceTo(25);
    time.runOut();
    expect(last(itself)).toBe("token 1");
    expect(last(bystander)).toBe("finished");
    expect(when(bystander, "finished")).toBe(15 + 8 * 10);
    expect(victim.events.map(([event]) => event)).toEqual(["admitted 0", "token 0", "token 1"]);
    expect(worker.load()[0]).toMatchObject({ running: 0, usedBlocks: 0 });
  });
});

describe("cancelling a generation", () => {
  it("frees seat and blocks by the end of the pass, and nothing is told any more", () => {
    const time = new ManualTime();
    const worker = makeWorker(time, { maxNumSeqs: 1 });
    const sent = send(worker, 9, 50);
    const next = send(worker, 4, 1);
    time.advanceTo(32);
    sent.handle.cancel();
    sent.handle.cancel();
    const told = sent.events.length;
    expect(worker.load()[0]).toMatchObject({ running: 1, usedBlocks: 3 });
    time.advanceTo(39);
    expect(worker.load()[0]).toMatchObject({ running: 1, waiting: 0, usedBlocks: 1 });
    time.runOut();
    expect(sent.events).toHaveLength(told);
    expect(when(next, "token 0")).toBe(43);
  });

  it("of one that waits lets those behind it move up", () => {
    const time = new ManualTime();
    const worker = makeWorker(time, { maxNumSeqs: 1 });
    send(worker, 4, 2);
    const waiting = send(worker, 4, 50);
    const behind = send(worker, 4, 1);
    time.advanceTo(2);
    waiting.handle.cancel();
    time.runOut();
    expect(waiting.events).toEqual([]);
    expect(when(behind, "token 0")).toBe(14 + 4);
  });

  it("leaves its content in the cache and its number to others", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const prompt = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const sent = send(worker, prompt, 50);
    time.advanceTo(12);
    sent.handle.cancel();
    time.runOut();
    const again = send(worker, prompt, 1);
    time.runOut();
    expect(again.events[0]![0]).toBe("admitted 8");
  });

  it("from its first event on leaves the worker empty", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const sent: ReturnType<typeof send> = send(worker, 5, 9, { onEvent: () => sent.handle.cancel() });
    time.runOut();
    expect(sent.events.map(([event]) => event)).toEqual(["admitted 0"]);
    expect(worker.load()[0]).toMatchObject({ running: 0, waiting: 0, usedBlocks: 0 });
  });
});

describe("what is refused", () => {
  it("is known beforehand, and told to who submits it nevertheless", async () => {
    const time = new ManualTime();
    const worker = makeWorker(time, { numGpuBlocks: 2 });
    expect(worker.neverFits(4, 5)).toBeNull();
    expect(worker.neverFits(9, 1)).toMatch(/exceeds the KV cache of 8 tokens/);
    const sent = send(worker, 9, 1);
    expect(sent.events).toEqual([]);
    await settle();
    time.runOut();
    expect(last(sent)).toMatch(/^rejected: .*exceeds the KV cache of 8 tokens/);
    await worker.drain();
  });

  it("is everything until the start-up time is over", async () => {
    const time = new ManualTime();
    const worker = makeWorker(time, {}, { startupMs: 500 });
    let ready = false;
    void worker.ready.then(() => {
      ready = true;
    });
    expect(worker.state).toBe("starting");
    const early = send(worker, 4, 1);
    await settle();
    expect(last(early)).toMatch(/^stopped: /);
    time.advanceTo(499);
    await settle();
    expect(ready).toBe(false);
    time.advanceTo(500);
    await settle();
    expect([ready, worker.state]).toEqual([true, "ready"]);
    const sent = send(worker, 4, 1);
    time.runOut();
    expect(last(sent)).toBe("finished");
  });
});

describe("the end of a worker", () => {
  it("comes after its last generation where it drains", async () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const sent = send(worker, 4, 3);
    let drained = false;
    void worker.drain().then(() => {
      drained = true;
    });
    expect(worker.state).toBe("draining");
    const refused = send(worker, 4, 1);
    time.advanceTo(20);
    await settle();
    expect(drained).toBe(false);
    expect(last(refused)).toMatch(/^stopped/);
    time.runOut();
    await settle();
    expect(drained).toBe(true);
    expect(last(sent)).toBe("finished");
    await worker.drain();
  });

  it("tells everybody where it stops", async () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const sent = send(worker, 4, 9);
    time.advanceTo(20);
    const drained = worker.drain();
    worker.stop();
    await drained;
    time.runOut();
    expect(last(sent)).toBe("stopped: the worker was stopped");
    expect(when(sent, "token 2")).toBeNaN();
  });
});

describe("a listener", () => {
  it("may stop the worker in the middle of a pass", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const sent = [1, 2, 3].map(() => send(worker, 4, 9, { onEvent: (event) => event === "token 2" && worker.stop() }));
    time.runOut();
    expect(sent.map((one) => one.events.filter(([event]) => event === "token 2").length)).toEqual([1, 0, 0]);
    expect(sent.map(last)).toEqual(new Array(3).fill("stopped: the worker was stopped"));
  });

  it("may submit more in the middle of a pass, also into a place that has just become free", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const more: ReturnType<typeof send>[] = [];
    for (let i = 0; i < 3; i++) {
      send(worker, 4, 2, { onEvent: (event) => event === "finished" && more.push(send(worker, 4, 2)) });
    }
    time.runOut();
    expect(more.map(last)).toEqual(["finished", "finished", "finished"]);
    expect(more.map((one) => when(one, "token 0"))).toEqual([34, 34, 34]);
  });
});

describe("data-parallel ranks", () => {
  it("take turns, or what they are given, and share what they know of contents", () => {
    const time = new ManualTime();
    const worker = makeWorker(time, { maxNumSeqs: 1 }, { dpSize: 2 });
    const records: number[] = [];
    worker.observe({ passEnded: ({ dpRank }) => records.push(dpRank) });
    const sent = [send(worker, 4, 2), send(worker, 4, 2), send(worker, 4, 2, { dpRank: 1 }), send(worker, 4, 2)];
    expect(worker.load()).toHaveLength(2);
    time.runOut();
    expect(sent.map((one) => when(one, "finished"))).toEqual([14, 14, 28, 28]);
    expect(records).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
    expect(worker.counters().passes).toBe(8);
  });

  it("go in lock step: a step lasts as long as its slowest rank, and an idle rank waits for the next", () => {
    const time = new ManualTime();
    const worker = makeWorker(time, {}, { dpSize: 2 });
    const durations: [number, number][] = [];
    worker.observe({ passEnded: ({ dpRank, durationMs }) => durations.push([dpRank, durationMs]) });
    const sent = [send(worker, 30, 3), send(worker, 50, 3), send(worker, 5, 1)];
    time.runOut();
    // Rank 0 computes 35 tokens and waits for the 50 of rank 1.
    expect(sent.map((one) => when(one, "token 0"))).toEqual([50, 50, 50]);
    expect(sent.map((one) => when(one, "finished"))).toEqual([70, 70, 50]);
    expect(durations.slice(0, 2)).toEqual([
      [0, 50],
      [1, 50],
    ]);
    const long = send(worker, 10, 4, { dpRank: 0 });
    time.advanceTo(75);
    const late = send(worker, 1, 1, { dpRank: 1 });
    time.runOut();
    expect(when(long, "token 0")).toBe(80);
    expect(when(late, "admitted 0")).toBe(80);
    // Its own pass would take a ms; the other rank decodes.
    expect(when(late, "token 0")).toBe(90);
  });
});

describe("a worker's KV blocks", () => {
  const events = (kvEvents: boolean) => {
    const time = new ManualTime();
    const worker = makeWorker(time, { kvEvents, numGpuBlocks: 4 });
    const told: { kind: string; tokens: number[] | null }[] = [];
    worker.observe({
      kvEvent: (_rank: number, { kind, blockId }: KvEvent) =>
        told.push({ kind, tokens: [...(worker.blockIdentity(blockId)?.tokenIds ?? [])] }),
      kvCleared: () => told.push({ kind: "cleared", tokens: null }),
    });
    return { time, worker, told };
  };

  it("are told to observers with their tokens, those of the output included, until they are evicted", () => {
    const { time, worker, told } = events(true);
    send(worker, [1, 2, 3, 4, 5, 6], 4, { outputTokenId: (index) => 20 + index });
    time.runOut();
    expect(told).toEqual([
      { kind: "stored", tokens: [1, 2, 3, 4] },
      { kind: "stored", tokens: [5, 6, 20, 21] },
    ]);
    told.length = 0;
    send(worker, [9, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7, 7, 6], 1);
    time.runOut();
    expect(told.filter(({ kind }) => kind === "removed")).toEqual([
      { kind: "removed", tokens: [5, 6, 20, 21] },
      { kind: "removed", tokens: [1, 2, 3, 4] },
    ]);
  });

  it("of prompt and output are found by the next turn of a conversation", () => {
    const { time, worker } = events(false);
    send(worker, [1, 2, 3, 4, 5, 6], 4, { outputTokenId: (index) => 20 + index });
    time.runOut();
    const next = send(worker, [1, 2, 3, 4, 5, 6, 20, 21, 22, 23], 1);
    time.runOut();
    expect(next.events[0]![0]).toBe("admitted 8");
  });

  it("are cleared where nobody uses them", () => {
    const { time, worker, told } = events(true);
    send(worker, [1, 2, 3, 4, 5, 6, 7, 8, 9], 1);
    time.runOut();
    const running = send(worker, [1, 2, 3, 4, 50], 5);
    time.advanceTo(time.nowMs + 2);
    told.length = 0;
    worker.clearKvBlocks();
    expect(told).toEqual([{ kind: "removed", tokens: [5, 6, 7, 8] }]);
    time.runOut();
    expect(last(running)).toBe("finished");
    told.length = 0;
    worker.clearKvBlocks();
    expect(told).toEqual([{ kind: "cleared", tokens: null }]);
    const again = send(worker, [1, 2, 3, 4, 5], 1);
    time.runOut();
    expect(again.events[0]![0]).toBe("admitted 0");
  });

  it("are nobody's business where events are off", () => {
    const { time, worker, told } = events(false);
    send(worker, [1, 2, 3, 4, 5, 6, 7, 8, 9], 1);
    time.runOut();
    worker.clearKvBlocks();
    expect(told).toEqual([]);
  });

  it("are preempted where they run out, which observers are told", () => {
    const { time, worker } = events(false);
    let preempted = 0;
    worker.observe({ preempted: () => preempted++ });
    const sent = [send(worker, 7, 6), send(worker, 7, 6)];
    time.runOut();
    expect(preempted).toBeGreaterThan(0);
    expect(worker.counters().preemptions).toBe(preempted);
    for (const one of sent) expect(one.events.filter(([event]) => event.startsWith("token"))).toHaveLength(6);
  });
});

describe("with a speed-up of 0", () => {
  it("everything comes at once, and the event loop has its turns meanwhile", async () => {
    const clock: Clock = wallClock();
    const timers = new TimerQueue(clock);
    const worker = createWorker(
      {
        id: "w",
        model: "mock",
        engine: engineConfig({
          timing: fixedTiming({ prefillMs: 1000, decodeMs: 1000, perPass: false }),
          speedupRatio: 0,
        }),
        dpSize: 1,
        transfer: null,
        startupMs: 0,
        tokenizer: builtinTokenizer(),
        handoffTimeoutMs: 1000,
        trustRequestStart: false,
      },
      clock,
      timers,
      NO_PEERS,
    );
    let turns = 0;
    let done = false;
    const turn = () => {
      turns++;
      if (!done) setImmediate(turn);
    };
    turn();
    const long = send(worker, 100, 1000);
    let other: ReturnType<typeof send> | null = null;
    await new Promise<void>((resolve) => {
      const look = () => {
        // In the middle of the first one, another comes and is taken in.
        if (other === null && long.events.length > 1) other = send(worker, 10, 5);
        if (last(long) === "finished") resolve();
        else setImmediate(look);
      };
      look();
    });
    done = true;
    timers.close();
    expect(long.events).toHaveLength(1002);
    expect(turns).toBeGreaterThan(1000 / 64);
    expect(last(other!)).toBe("finished");
    expect(worker.load()[0]).toMatchObject({ running: 0, usedBlocks: 0 });
  });
});
