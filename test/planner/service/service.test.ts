import { describe, expect, it } from "vitest";
import { MadeLeadership, madeService, settle } from "./made-service.ts";

describe("a planner that runs", () => {
  it("ticks at its interval, and asks for what its strategy decided", async () => {
    const { service, clock, connector, planner, snapshots } = madeService([{ prefill: 2, decode: 1 }]);
    await service.start();
    await clock.advance(4999);
    expect(snapshots).toEqual([]);
    await clock.advance(1);
    expect(connector.requests).toMatchObject([{ targets: { prefill: 2 }, reason: "it was wished", decision: 0 }]);
    expect(connector.requests[0]).toMatchObject({ forecast: { requestRate: 6, isl: 3000, osl: 300 } });
    expect(connector.requests[0]!.targets).toEqual({ prefill: 2 });
    expect(snapshots[0]).toMatchObject({
      tick: 1,
      atMs: 5000,
      atUnixMs: 1_700_000_005_000,
      action: { status: "applied", wanted: { prefill: 2 }, inForce: { prefill: 2 } },
      lagMs: 0,
    });
    await clock.advance(10_000);
    // What is in force already is not asked for again.
    expect(connector.requests).toHaveLength(1);
    expect(snapshots.map(({ action }) => action.status)).toEqual(["applied", "no-decision", "no-decision"]);
    expect(planner.seen[2]!.workers.prefill).toEqual({ active: 2, starting: 0, draining: 0 });
    await service.stop();
  });

  it("takes workers from the platform: what is asked for and not ready is starting", async () => {
    const { service, clock, connector, planner } = madeService([null]);
    const known = await connector.state();
    known!.roles.prefill = { ...known!.roles.prefill!, desired: 4, ready: 1 };
    known!.roles.decode = { ...known!.roles.decode!, desired: 1, ready: 3 };
    connector.state = async () => known;
    await service.start();
    await clock.advance(5000);
    expect(planner.seen[0]!.workers).toEqual({
      prefill: { active: 1, starting: 3, draining: 0 },
      decode: { active: 1, starting: 0, draining: 2 },
    });
    await service.stop();
  });

  it.each([
    ["is not known", "unknown"],
    ["can't be asked for", "throws"],
  ] as const)("decides nothing while the deployment's state %s", async (_, state) => {
    const { service, clock, connector, planner, snapshots } = madeService([{ prefill: 9, decode: 9 }]);
    connector.state_ = state;
    await service.start();
    await clock.advance(10_000);
    expect(planner.seen).toEqual([]);
    expect(connector.requests).toEqual([]);
    expect(snapshots.map(({ action, decision }) => [action.status, decision])).toEqual([
      ["state-unknown", null],
      ["state-unknown", null],
    ]);
    connector.state_ = "known";
    await clock.advance(5000);
    expect(connector.requests).toHaveLength(1);
    await service.stop();
  });

  it("gives up an observation that takes too long, says so once, and goes on", async () => {
    const { service, clock, source, connector, snapshots, said } = madeService([{ prefill: 2, decode: 2 }]);
    source.hangs = true;
    await service.start();
    await clock.advance(8000);
    expect(snapshots[0]!.action.status).toBe("timeout");
    expect(service.counters).toMatchObject({ ticks: 1, timeouts: 1 });
    source.hangs = false;
    await clock.advance(2000);
    expect(connector.requests).toHaveLength(1);
    expect(said.filter((text) => text.includes("took longer than 3 s"))).toHaveLength(1);
    await service.stop();
  });

  it("says once why the state can't be had, and again where it is so again", async () => {
    const { service, clock, connector, said } = madeService([null]);
    connector.state_ = "throws";
    await service.start();
    await clock.advance(15_000);
    const told = () => said.filter((text) => text.includes("state can't be had: connection refused"));
    expect(told()).toHaveLength(1);
    connector.state_ = "known";
    await clock.advance(5000);
    connector.state_ = "throws";
    await clock.advance(5000);
    expect(told()).toHaveLength(2);
    await service.stop();
  });

  it("leaves out ticks that a slow one has overrun, and counts them", async () => {
    const { service, clock, connector, snapshots } = madeService([null], { tickMaxDurationMs: 12_000 });
    connector.state_ = "hangs";
    await service.start();
    await clock.advance(5000);
    connector.state_ = "known";
    await clock.advance(20_000);
    expect(service.counters.skipped).toBe(2);
    expect(snapshots.map(({ atMs }) => atMs)).toEqual([5000, 20_000, 25_000]);
    await service.stop();
  });

  it("only advises where it is told to", async () => {
    const { service, clock, connector, snapshots } = madeService([{ prefill: 3, decode: 1 }], { advisory: true });
    await service.start();
    await clock.advance(5000);
    expect(connector.requests).toEqual([]);
    expect(snapshots[0]!.action).toMatchObject({ status: "advisory", wanted: { prefill: 3 }, inForce: { prefill: 1 } });
    await service.stop();
  });

  it("waits for a deployment that takes no changes, and asks again", async () => {
    const { service, clock, connector, said } = madeService([{ prefill: 2, decode: 1 }]);
    connector.isReady = false;
    await service.start();
    await clock.advance(10_000);
    expect(connector.requests).toEqual([]);
    // A state that lasts is told once.
    expect(said.filter((text) => text.includes("it is being rolled out"))).toHaveLength(1);
    connector.isReady = true;
    await clock.advance(5000);
    expect(connector.desired.prefill).toBe(2);
    await service.stop();
  });

  it("tells what the platform made of its wish, whatever that is", async () => {
    const { service, clock, connector, snapshots } = madeService([{ prefill: 2, decode: 1 }]);
    await service.start();
    connector.outcome = { status: "pending", message: "decision 3 is not carried out yet" };
    await clock.advance(5000);
    connector.outcome = new Error("socket hang up");
    await clock.advance(5000);
    expect(snapshots.map(({ action }) => [action.status, action.message])).toEqual([
      ["pending", "decision 3 is not carried out yet"],
      ["failed", "prefill 1 → 2: socket hang up"],
    ]);
    await service.stop();
  });

  it("tells once what stands in the way of a wish that comes and goes, until it was away for a minute or something was done", async () => {
    // As `default` has it where a step down is not carried out: every other tick waits again.
    const down = { prefill: 1, decode: 1 };
    const { service, clock, connector, said } = madeService(
      Array.from({ length: 60 }, (_, i) => (i % 2 === 0 || (i > 9 && i < 25) ? down : null)),
    );
    connector.desired = { prefill: 2, decode: 1 };
    connector.outcome = { status: "pending", message: "decision 3 is not carried out yet" };
    const told = () => said.filter((text) => text.includes("pending: decision 3")).length;
    await service.start();
    await clock.advance(50_000);
    expect(told()).toBe(1);
    connector.desired = down;
    await clock.advance(75_000);
    connector.desired = { prefill: 2, decode: 1 };
    await clock.advance(20_000);
    expect(told()).toBe(2);
    connector.outcome = {};
    await clock.advance(10_000);
    connector.desired = { prefill: 2, decode: 1 };
    connector.outcome = { status: "pending", message: "decision 3 is not carried out yet" };
    await clock.advance(20_000);
    expect(told()).toBe(3);
    await service.stop();
  });

  it("watches while another leads, and acts from the moment it leads", async () => {
    const leadership = new MadeLeadership();
    const { service, clock, connector, planner, snapshots, said } = madeService([{ prefill: 2, decode: 1 }], {
      leadership,
    });
    await service.start();
    await clock.advance(5000);
    expect(said).toEqual(["another planner leads (another): this one watches"]);
    expect(connector.requests).toEqual([]);
    expect(snapshots[0]).toMatchObject({ isLeader: false, action: { status: "standby" } });
    expect(planner.seen).toHaveLength(1);
    leadership.lead(true);
    await clock.advance(5000);
    expect(connector.desired.prefill).toBe(2);
    await service.stop();
    expect(leadership.released).toBe(1);
  });

  it("ends after the tick under way, and closes what it was given, once", async () => {
    const { service, clock, connector, source, snapshots } = madeService([{ prefill: 2, decode: 1 }]);
    await service.start();
    await clock.advance(5000);
    const ends = Promise.all([service.stop(), service.stop()]);
    await settle();
    await ends;
    await clock.advance(60_000);
    expect(snapshots).toHaveLength(1);
    expect([connector.closed, source.closed]).toEqual([1, 1]);
  });

  it("goes on after a strategy that failed, and after a record that could not be made", async () => {
    const { service, clock, planner, connector, snapshots, said } = madeService([{ prefill: 2, decode: 1 }], {
      onSnapshot: (snapshot) => {
        snapshots.push(snapshot);
        if (snapshot.tick === 2) throw new Error("no space left on device");
      },
    });
    const { tick } = planner;
    planner.tick = () => {
      throw new Error("a singular matrix");
    };
    await service.start();
    await clock.advance(5000);
    expect(snapshots[0]).toMatchObject({ decision: null, action: { status: "failed", wanted: null } });
    planner.tick = tick;
    await clock.advance(10_000);
    expect(connector.desired.prefill).toBe(2);
    expect(snapshots).toHaveLength(3);
    expect(service.counters).toMatchObject({ ticks: 3, failed: 2 });
    expect(said.join()).toContain("the decision failed: a singular matrix");
    expect(said.join()).toContain("recording the tick failed: no space left on device");
    await service.stop();
  });

  it("gives up a change that is not answered, tells its connector so, and looks anew", async () => {
    const { service, clock, connector, snapshots } = madeService([{ prefill: 2, decode: 1 }]);
    const { scale } = connector;
    let signal: AbortSignal | undefined;
    connector.scale = (request) => {
      signal = request.signal;
      return new Promise(() => {});
    };
    await service.start();
    await clock.advance(5000 + 3000 + 1000);
    expect(signal!.aborted).toBe(true);
    expect(snapshots[0]!.action).toEqual({
      status: "failed",
      message: "no answer within 3 s: what is in force is looked at anew",
      wanted: { prefill: 2 },
      inForce: {},
    });
    connector.scale = scale;
    await clock.advance(5000);
    expect(snapshots[1]!.action).toMatchObject({ status: "applied" });
    await service.stop();
  });

  it("takes a late answer of a change that was told to end", async () => {
    const { service, clock, connector, snapshots } = madeService([{ prefill: 2, decode: 2 }]);
    connector.scale = ({ signal }) =>
      new Promise((resolve) => {
        const half = { status: "failed", inForce: { prefill: 2, decode: 1 }, message: "prefill is changed" } as const;
        signal!.addEventListener("abort", () => resolve(half));
      });
    await service.start();
    await clock.advance(9000);
    expect(snapshots[0]!.action).toMatchObject({ status: "failed", inForce: { prefill: 2, decode: 1 } });
    await service.stop();
  });

  it("ends within seconds though a change is not answered, and though others fail to close", async () => {
    const { service, clock, connector, source, said } = madeService([{ prefill: 2, decode: 1 }], {
      tickMaxDurationMs: 30_000,
    });
    connector.scale = () => new Promise(() => {});
    source.close = async () => {
      throw new Error("it hangs on");
    };
    await service.start();
    await clock.advance(5000);
    let isOver = false;
    const ends = service.stop().then(() => {
      isOver = true;
    });
    await clock.advance(2000);
    expect(isOver).toBe(false);
    await clock.advance(1000);
    expect(isOver).toBe(true);
    await ends;
    expect(connector.closed).toBe(1);
    expect(said).toContain("warning: at the end: it hangs on");
  });

  it("counts the GPU-hours of workers that are ready", async () => {
    const { service, clock } = madeService([null]);
    await service.start();
    await clock.advance(5000 + 3_600_000);
    // One prefill worker of one GPU and one decode worker of two, for an hour.
    expect(service.gpuHours).toBeCloseTo(3, 9);
    await service.stop();
  });

  it("remembers as many ticks as it is told to", async () => {
    const { service, clock } = madeService([null], { keep: 50 });
    await service.start();
    await clock.advance(5000 * 200);
    expect(service.snapshots.all()).toHaveLength(50);
    expect(service.snapshots.all().at(-1)!.tick).toBe(200);
    expect(service.snapshots.since(195, 3).map(({ tick }) => tick)).toEqual([198, 199, 200]);
    expect(service.snapshots.dropped).toBeGreaterThan(100);
    await service.stop();
  });
});
