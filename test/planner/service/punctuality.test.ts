import { describe, expect, it } from "vitest";
import { createPlanner, type Decision, type Observation, type Planner, plannerConfigSchema } from "#planner/core";
import { PluggedPlanner, type TickingPlanner } from "#planner/service";
import { disagg, observation, testProfile, testSurface } from "../observations.ts";
import { plugin, set } from "../plugins/scripted.ts";
import { ManualClock, madeService, wishing } from "./made-service.ts";

/** What timers of a real machine are off by, ms: now a little late, now less so, now even early. */
const OFF_MS = [1.3, 0.2, 0.9, -0.4, 1.1, -1, 0.1, 0.7, -0.3, 2.1, 0];

/** A service on a clock that begins in the midst of a millisecond, and whose timers are off as `off` says, ring by ring. */
async function running(planner: TickingPlanner, off: readonly number[] = OFF_MS) {
  const clock = new ManualClock();
  clock.now = 1234.567;
  let rings = 0;
  clock.lateMs = () => off[rings++ % off.length]!;
  let lastMs = clock.now;
  const source = {
    problems: [],
    observe: async (nowMs = 0): Promise<Observation> => {
      const windowMs = nowMs - lastMs;
      lastMs = nowMs;
      return observation(nowMs, 5, { windowMs, forwardPasses: { prefill: [], decode: [] } });
    },
    close: async () => {},
  };
  const made = madeService([null], { planner, source }, clock);
  await made.service.start();
  return made;
}

function loadCompat(settings: Record<string, unknown>): Planner {
  const config = plannerConfigSchema.parse({ strategy: "load-compat", predictor: "constant", maxGpus: 8, ...settings });
  return createPlanner(config, { ...disagg, profile: testProfile }, testSurface());
}

/** Whole seconds from the start at which something was so. */
const secondsOf = (decisions: readonly Decision[], isSo: (decision: Decision) => boolean) =>
  decisions.filter(isSo).map(({ atMs }) => (atMs - Math.ceil(1234.567)) / 1000);

const every = (intervalS: number, untilS: number) =>
  Array.from({ length: Math.floor(untilS / intervalS) }, (_, i) => (i + 1) * intervalS);

/** The loops put a reason of their own beside those of roles. */
const ofLoop =
  (codes: readonly string[]) =>
  ({ reasons }: Decision) =>
    reasons.some(({ code, role }) => role === null && codes.includes(code));

describe("ticks that come a millisecond late or early", () => {
  it.each([
    [5, 30],
    [3, 15],
    [5, 7],
  ])("load-compat's loops run at every interval: load %i s, throughput %i s", async (loadS, throughputS) => {
    const planner = loadCompat({
      target: "sla",
      interval: `${loadS}s`,
      throughputInterval: `${throughputS}s`,
      scaling: { load: true, throughput: true },
    });
    const { service, clock, snapshots } = await running(planner);
    await clock.advance(121_000);
    await service.stop();
    const decisions = snapshots.map(({ decision }) => decision!);
    expect(secondsOf(decisions, ofLoop(["no-fpm-data"]))).toEqual(every(loadS, 120));
    expect(secondsOf(decisions, ({ values }) => values.trafficWindowS !== undefined)).toEqual(every(throughputS, 120));
    // Rates come from what the clock says of the windows.
    for (const { values } of decisions) {
      if (values.trafficWindowS !== undefined)
        expect(Math.abs(values.trafficWindowS - throughputS)).toBeLessThan(0.005);
    }
  });

  it("plugins are asked at every interval of theirs", async () => {
    const often = plugin("often", "constrain", 1, () => set("decode", 4, "AT_MOST"), { intervalMs: 2000 });
    const seldom = plugin("seldom", "constrain", 2, () => set("decode", 4, "AT_MOST"), { intervalMs: 6000 });
    const planner = new PluggedPlanner(wishing([{ prefill: 1, decode: 1 }], 2000), [often, seldom], {
      deployment: { ...disagg, maxGpus: 16, minWorkers: { prefill: 1, decode: 1 } },
      registeredMs: 1234,
      requestTimeoutMs: 60_000,
      tickMaxDurationMs: 60_000,
    });
    const { service, clock } = await running(planner);
    await clock.advance(43_000);
    await service.stop();
    const seconds = ({ asked }: typeof often) => asked.map(({ nowMs }) => (nowMs - 1235) / 1000);
    expect(seconds(often)).toEqual(every(2, 42));
    expect(seconds(seldom)).toEqual(every(6, 42));
  });

  it("the default strategy scales down after its delay, not a tick later", async () => {
    const planner = createPlanner(
      plannerConfigSchema.parse({ strategy: "default", interval: "5s", scaleDownDelay: "5s", maxGpus: 16 }),
      disagg,
      testSurface(),
    );
    const waits = async (off: readonly number[]) => {
      const { service, clock, connector, snapshots } = await running(planner, off);
      connector.desired = { prefill: 4, decode: 4 };
      await clock.advance(30_000);
      await service.stop();
      const decisions = snapshots.map(({ decision }) => decision!);
      const first = (code: string) =>
        secondsOf(decisions, ({ reasons }) =>
          reasons.some((reason) => reason.code === code && reason.role === "decode"),
        )[0]!;
      return first("scale-down") - first("scale-down-waits");
    };
    // Late, then on time: the two are less than the delay apart by the clock.
    expect(await waits([2, 0])).toBe(5);
  });

  it("never begin before their time, and say how late they are", async () => {
    const { service, clock, snapshots } = await running(wishing([null], 2000));
    await clock.advance(60_000);
    await service.stop();
    expect(snapshots.length).toBe(29);
    for (const { lagMs, atMs, atUnixMs } of snapshots) {
      expect(lagMs).toBeGreaterThanOrEqual(0);
      expect(atUnixMs - 1_700_000_000_000 - atMs).toBeCloseTo(lagMs, 3);
    }
    expect(Math.max(...snapshots.map(({ lagMs }) => lagMs))).toBeCloseTo(2.1, 3);
  });
});

describe("a tick that comes very late", () => {
  it.each([
    // Late by less than half an interval it is that tick, by more it stands for the next one.
    [2000, [5, 10, 15, 20, 25, 30], 0],
    [3000, [5, 10, 20, 25, 30], 1],
    [12_000, [5, 10, 25, 30], 2],
    [13_000, [5, 10, 30], 3],
  ])("by %i ms keeps its distance from the next, and the grid", async (lateMs, ticks, skipped) => {
    const { service, clock, snapshots } = await running(wishing([null], 5000), [0]);
    // The timer that is set after the tick at 10 s; those that limit what a tick may take are shorter.
    clock.lateMs = (ms) => (ms > 4000 && clock.now > 11_000 && clock.now < 12_000 ? lateMs : 0);
    await clock.advance(33_000);
    await service.stop();
    expect([snapshots.map(({ atMs }) => (atMs - 1235) / 1000), service.counters.skipped]).toEqual([ticks, skipped]);
  });
});
