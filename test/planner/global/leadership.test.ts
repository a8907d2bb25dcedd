import { describe, expect, it, onTestFinished, vi } from "vitest";
import { temporaryFolder } from "../connectors/stores.ts";
import { MadeLeadership, settle } from "../service/made-service.ts";
import { MadeDeployment, madeGlobalPlanner } from "./made-platform.ts";

const three = () => new MadeDeployment({ prefill: 3, decode: 3 });

describe("several global planners", () => {
  it("one alone acts; the next goes on with the wishes of the one before, from what stands on the platform", async () => {
    const folder = temporaryFolder();
    onTestFinished(() => folder.remove());
    const deployments = { a: three(), b: three() };
    const make = async () => {
      const leadership = new MadeLeadership();
      const all = madeGlobalPlanner(deployments, { band: [null, 12], stateFolder: folder.path, leadership });
      await all.planner.start();
      return { ...all, leadership };
    };
    const first = await make();
    const second = await make();
    first.leadership.lead(true);
    expect(await first.ask("a", { decode: 4 })).toMatchObject({ status: "rejected" });
    await expect(second.ask("b", { decode: 2 })).rejects.toMatchObject({
      status: 503,
      message: "another global planner leads (another)",
    });
    expect(second.platform.log).toEqual([]);
    await first.planner.stop();
    expect(first.leadership.released).toBe(1);

    // Somebody has changed this meanwhile: what the second saw at its start no longer counts.
    deployments.a.desired = { prefill: 2, decode: 3 };
    second.leadership.lead(true);
    expect(second.said).toContain("this global planner leads now");
    expect(await second.ask("b", { decode: 2 })).toMatchObject({ status: "success" });
    expect(second.platform.log).toEqual(['b {"decode":2}', 'a {"decode":4}']);
    await second.planner.stop();
  });

  it("who stands by writes no state when it ends", async () => {
    const folder = temporaryFolder();
    onTestFinished(() => folder.remove());
    const leadership = new MadeLeadership();
    const { planner } = madeGlobalPlanner({ a: three() }, { stateFolder: folder.path, leadership });
    await planner.start();
    await planner.stop();
    expect(await import("node:fs").then(({ readdirSync }) => readdirSync(folder.path))).toEqual([]);
  });

  it("who loses the lead in the midst begins no further step", async () => {
    const leadership = new MadeLeadership();
    const { ask, planner, platform } = madeGlobalPlanner({ a: three(), b: three() }, { band: [12, 12], leadership });
    await planner.start();
    leadership.lead(true);
    await ask("a", { decode: 4 });
    let goOn = () => {};
    platform.deployments.b!.gate = new Promise((resolve) => {
      goOn = resolve;
    });
    const asked = ask("b", { prefill: 2 });
    await settle();
    leadership.lead(false);
    goOn();
    expect(await asked).toMatchObject({
      status: "success",
      message: expect.stringContaining("a is aborted (decode to 4): not begun: another global planner has taken over"),
    });
    expect(platform.log).toEqual(['b {"prefill":2}']);
  });
});

describe("a platform that falls silent", () => {
  it("holds up nobody for longer than a read may take", async () => {
    const { ask, planner, platform, clock } = madeGlobalPlanner({ a: three(), b: three() }, { band: [null, 13] });
    await planner.start();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    platform.deployments.b!.reading = "hangs";
    const hangs = ask("b", { decode: 4 });
    const waits = ask("a", { decode: 4 });
    clock.ms += 11_000;
    for (let i = 0; i < 3; i++) {
      await settle();
      await vi.advanceTimersByTimeAsync(15_000);
    }
    expect(await hangs).toMatchObject({ status: "error", message: "b can't be seen: no answer within 15 s" });
    // b counts as it was last seen.
    expect(await waits).toMatchObject({ status: "success" });
  });

  it("a change without an answer is not waited for without end", async () => {
    const { ask, planner, platform } = madeGlobalPlanner({ a: three() });
    await planner.start();
    platform.deployments.a!.gate = new Promise(() => {});
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const asked = ask("a", { decode: 4 });
    await settle();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await asked).toMatchObject({ status: "error", outcome: "failed", message: "no answer within 60 s" });
  });
});
