import { describe, expect, it } from "vitest";
import { MadeLeadership, madeService, settle } from "./made-service.ts";

describe("a planner among several", () => {
  function led(isLeader: boolean) {
    const leadership = new MadeLeadership();
    const made = madeService([{ prefill: 2, decode: 1 }], { leadership });
    const start = async () => {
      await made.service.start();
      if (isLeader) leadership.lead(true);
    };
    return { leadership, start, ...made };
  }

  it("may write no longer as soon as it loses the lead in the midst of a change", async () => {
    const { leadership, start, service, clock, connector, snapshots } = led(true);
    await start();
    connector.outcome = "hangs";
    await clock.advance(5000);
    const [request] = connector.requests;
    expect(request!.signal!.aborted).toBe(false);
    leadership.lead(false);
    expect(request!.signal!.aborted).toBe(true);
    await settle();
    expect(snapshots[0]!.action).toMatchObject({ status: "failed", message: "this planner may act no longer" });
    connector.outcome = {};
    await clock.advance(5000);
    expect(connector.requests).toHaveLength(1);
    leadership.lead(true);
    await clock.advance(5000);
    expect(connector.requests).toHaveLength(2);
    expect(connector.requests[1]!.signal!.aborted).toBe(false);
    await service.stop();
  });

  it("looks anew before it acts where it comes to lead in the midst of a tick", async () => {
    const { leadership, start, service, clock, connector, source, snapshots } = led(false);
    const observe = source.observe.bind(source);
    source.observe = async (nowMs) => {
      leadership.lead(true);
      return observe(nowMs);
    };
    await start();
    await clock.advance(5000);
    expect(snapshots[0]!.action.status).toBe("standby");
    source.observe = observe;
    await clock.advance(5000);
    expect(connector.requests).toHaveLength(1);
    await service.stop();
  });

  it("does not act where its lead has run out though nobody has told it yet", async () => {
    const { leadership, start, service, clock, connector } = led(true);
    await start();
    leadership.isLeader = false;
    await clock.advance(5000);
    expect(connector.requests).toEqual([]);
    await service.stop();
  });

  it("says who leads, and why nobody can where nobody can", async () => {
    const { leadership, start, service, clock, snapshots } = led(false);
    await start();
    await clock.advance(5000);
    leadership.holder = null;
    await clock.advance(5000);
    leadership.problem = "leases is forbidden";
    await clock.advance(5000);
    expect(snapshots.map(({ action }) => action.message)).toEqual([
      "prefill 1 → 2: another planner leads (another)",
      "prefill 1 → 2: nobody leads now",
      "prefill 1 → 2: the lead can't be had: leases is forbidden",
    ]);
    await service.stop();
  });

  it("cuts a change short that takes long when it is told to end, then gives the lead away", async () => {
    const { leadership, start, service, clock, connector } = led(true);
    await start();
    connector.outcome = "hangs";
    await clock.advance(5000);
    const stopped = service.stop();
    await clock.advance(1999);
    expect([leadership.released, connector.closed]).toEqual([0, 0]);
    await clock.advance(1);
    await stopped;
    expect([leadership.released, connector.closed]).toEqual([1, 1]);
  });

  it("neither decides nor waits for an observation when it is told to end", async () => {
    const { start, service, clock, source, connector, snapshots } = led(true);
    await start();
    source.hangs = true;
    await clock.advance(5000);
    await service.stop();
    expect([connector.requests, snapshots]).toEqual([[], []]);
  });
});

describe("a change that was taken over", () => {
  it("is told of when it has come about", async () => {
    const { service, clock, connector, said } = madeService([{ prefill: 2, decode: 1 }]);
    await service.start();
    await clock.advance(5000);
    expect(said).toEqual(["scaled: done"]);
    await clock.advance(42_000);
    connector.settle(true);
    await settle();
    expect(said.at(-1)).toBe("came about after 42.0 s: done");
    await service.stop();
  });

  it("is warned of when it has not for long, and no longer where a later one took its place", async () => {
    const { service, clock, connector, said } = madeService([
      { prefill: 2, decode: 1 },
      { prefill: 3, decode: 1 },
    ]);
    await service.start();
    await clock.advance(5000);
    const first = connector.settle;
    await clock.advance(5000);
    first(false);
    await settle();
    expect(said).toEqual(["scaled: done", "scaled: done"]);
    connector.settle(false);
    await settle();
    expect(said.at(-1)).toBe("warning: has not come about for 0.0 s: done");
    await service.stop();
  });
});
