import { describe, expect, it } from "vitest";
import { type KeyValueStore, MemoryStore, type Pace, VirtualConnector } from "#planner/connectors";
import type { PlannerServiceOptions } from "#planner/service";
import { MadeSource, ManualClock, madeService } from "../service/made-service.ts";
import { seenFailing } from "./seen-failing.ts";

describe("a planner's clock", () => {
  const INTERVAL_MS = 5000;
  const WORK_MS = 300;

  /** The loop of 2025: a start delay, then polls a tenth of the interval apart, which the work comes on top of. */
  async function olderLoop(clock: ManualClock, tick: () => Promise<void>, signal: AbortSignal): Promise<void> {
    await clock.sleep(30_000, signal);
    let lastMs = clock.nowMs();
    while (!signal.aborted) {
      if (clock.nowMs() - lastMs >= INTERVAL_MS) {
        lastMs = clock.nowMs();
        await tick();
      }
      await clock.sleep(INTERVAL_MS / 10, signal);
    }
  }

  const claim = async (run: () => Promise<number[]>) => {
    const startsMs = await run();
    expect(startsMs[0], "first tick").toBe(INTERVAL_MS);
    expect(startsMs.length, "ticks").toBe(100);
    startsMs.forEach((atMs, i) => {
      expect(atMs, `tick ${i + 1}`).toBe((i + 1) * INTERVAL_MS);
    });
  };

  const ours = async () => {
    const clock = new ManualClock();
    const startsMs: number[] = [];
    const source = new MadeSource();
    const slow: PlannerServiceOptions["source"] = {
      problems: [],
      async observe(nowMs) {
        startsMs.push(nowMs!);
        await clock.sleep(WORK_MS, new AbortController().signal);
        return source.observe(nowMs);
      },
      close: async () => {},
    };
    const { service } = madeService([null], { clock, sleep: clock.sleep, source: slow });
    await service.start();
    await clock.advance(100 * INTERVAL_MS + INTERVAL_MS / 2);
    await service.stop();
    return startsMs;
  };

  const older = (startMs: number) => async () => {
    const clock = new ManualClock();
    const startsMs: number[] = [];
    const end = new AbortController();
    const loop = olderLoop(
      clock,
      async () => {
        startsMs.push(clock.nowMs() - startMs);
        await clock.sleep(WORK_MS, end.signal);
      },
      end.signal,
    );
    await clock.advance(startMs + 100 * INTERVAL_MS + INTERVAL_MS / 2);
    end.abort();
    await loop;
    return startsMs;
  };

  it("[W8 held] ticks from the first interval on, at the interval's multiples whatever a tick takes", () =>
    claim(ours));

  it("[W8 shown] begins half a minute late where it sleeps first", () =>
    seenFailing(() => claim(older(0)), /first tick/));

  it("[W8 shown] falls behind where it polls between ticks: fewer ticks than the windows they ask for", () =>
    seenFailing(() => claim(older(30_000)), /ticks: expected 9\d to be 100/));
});

describe("waiting for an environment that does not answer", () => {
  /** Reads of the store in a wait of half an hour. */
  async function reads(wait: (connector: VirtualConnector, store: KeyValueStore, pace: Pace) => Promise<unknown>) {
    let nowMs = 0;
    let count = 0;
    const memory = new MemoryStore();
    const pace: Pace = {
      nowMs: () => nowMs,
      async sleep(ms) {
        nowMs += ms;
      },
    };
    const store: KeyValueStore = {
      kind: "counted",
      place: "memory",
      read: (prefix) => {
        count++;
        return memory.read(prefix);
      },
      commit: (transaction) => memory.commit(transaction),
      async changed(_prefix, _revision, timeoutMs) {
        nowMs += timeoutMs;
        return false;
      },
      close: async () => {},
    };
    const connector = new VirtualConnector({
      namespace: "llama",
      store,
      roles: ["prefill", "decode"],
      initial: { prefill: 1, decode: 1 },
      pace,
    });
    await connector.open();
    await connector.scale({ targets: { prefill: 2 }, reason: "more load", decision: 1 });
    count = 0;
    await wait(connector, store, pace);
    return { count, tookMs: nowMs };
  }

  const claim = async (wait: Parameters<typeof reads>[0]) => {
    const { count, tookMs } = await reads(wait);
    expect(tookMs, "waited").toBe(1_800_000);
    expect(count, "reads").toBeLessThanOrEqual(200);
  };

  it("[W8 held] looks again when something has changed, or now and then", () =>
    claim(async (connector) => {
      expect(await connector.settled(1_800_000)).toBe(false);
    }));

  it("[W8 shown] asks 180 times at once where the key is there, and gives up", () =>
    seenFailing(
      () =>
        claim(async (_connector, store, pace) => {
          for (let attempt = 0; attempt < 180; attempt++) {
            const { values } = await store.read("v1/llama/planner/");
            // It sleeps only where the key is absent.
            if (values.get("v1/llama/planner/decision_id") === undefined) await pace.sleep(10_000);
            else if (values.has("v1/llama/planner/scaled_decision_id")) return;
          }
        }),
      /waited: expected \+0/,
    ));
});

describe("GPU-hours of workers whose GPUs nobody states", () => {
  const claim = (hours: number) => expect(hours, "GPU-hours").toBeCloseTo(3, 9);

  it("[W16a held] are counted by what the planner is configured with", async () => {
    const { service, clock } = madeService([null]);
    await service.start();
    await clock.advance(5000 + 3_600_000);
    claim(service.gpuHours);
    await service.stop();
  });

  it("[W16a shown] are none where an unset count is zero", async () => {
    const { service, clock, connector } = madeService([null]);
    await service.start();
    let hours = 0;
    for (let tick = 0; tick < 720; tick++) {
      await clock.advance(5000);
      const { roles } = (await connector.state())!;
      for (const { ready, gpusPerReplica } of Object.values(roles)) hours += (ready * (gpusPerReplica ?? 0) * 5) / 3600;
    }
    await service.stop();
    await seenFailing(() => claim(hours), /GPU-hours: expected \+?0/);
  });
});
