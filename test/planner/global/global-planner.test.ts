import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "../connectors/stores.ts";
import { settle } from "../service/made-service.ts";
import { MadeDeployment, madeGlobalPlanner, wish } from "./made-platform.ts";

const three = () => new MadeDeployment({ prefill: 3, decode: 3 });

function folderForTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder.remove());
  return folder.path;
}

describe("what is granted", () => {
  it("without a budget: all, and nobody else is looked at", async () => {
    const { ask, platform, planner } = madeGlobalPlanner({ a: three(), b: three() });
    await planner.start();
    expect(await ask("a", { prefill: 30 })).toMatchObject({
      status: "success",
      outcome: "applied",
      message: "Scaled a successfully: prefill 3 → 30",
      currentReplicas: { prefill: 30, decode: 3 },
    });
    expect(platform.deployments.b).toMatchObject({ reads: 0, opened: 0 });
  });

  it("within the budget: what fits; a denial is said in Dynamo's words and changes nothing", async () => {
    const { ask, platform, planner } = madeGlobalPlanner({ a: three(), b: three() }, { band: [null, 13] });
    await planner.start();
    expect(await ask("a", { decode: 4 })).toMatchObject({ status: "success" });
    expect(await ask("b", { decode: 4 })).toEqual({
      status: "rejected",
      outcome: "refused",
      message: "GPU budget breach: total 14 exceeds ceiling (13); no feasible pair packing",
      currentReplicas: { prefill: 3, decode: 3 },
    });
    expect(platform.log).toEqual(['a {"decode":4}']);
  });

  it("later, what was denied: as soon as another gives GPUs back, and in the same stroke", async () => {
    const { ask, platform, planner } = madeGlobalPlanner({ a: three(), b: three() }, { band: [12, 12] });
    await planner.start();
    expect(await ask("a", { decode: 4 })).toMatchObject({ status: "rejected" });
    expect(await ask("b", { prefill: 2 })).toMatchObject({
      status: "success",
      message: "Scaled b successfully: prefill 3 → 2; along with a: decode to 4; 12 GPUs asked for, budget 12 to 12",
    });
    // What frees GPUs comes first.
    expect(platform.log).toEqual(['b {"prefill":2}', 'a {"decode":4}']);
    expect(platform.totalGpus).toBe(12);
    expect(await ask("a", { decode: 4 })).toMatchObject({ status: "success", outcome: "unchanged" });
  });

  it("never again, what its planner has taken back or said too long ago", async () => {
    const { ask, clock, platform, planner } = madeGlobalPlanner({ a: three(), b: three() }, { band: [11, 12] });
    await planner.start();
    await ask("a", { decode: 4 });
    await ask("a", { decode: 3 });
    await ask("b", { prefill: 2 });
    expect(platform.log).toEqual(['b {"prefill":2}']);
    await ask("a", { decode: 5 });
    clock.ms += 360_001;
    await ask("b", { prefill: 3 });
    expect(platform.deployments.a!.desired).toEqual({ prefill: 3, decode: 3 });
  });

  it("GPUs count that are asked for, whether workers are there or not, and those of what nobody scales", async () => {
    const a = new MadeDeployment({ prefill: 0, decode: 1 }, { prefill: 4, decode: 2 });
    a.otherGpus = 3;
    const { ask, planner, platform } = madeGlobalPlanner({ a }, { band: [null, 10] });
    await planner.start();
    expect(await ask("a", { decode: 3 })).toMatchObject({ status: "success" });
    expect(await ask("a", { prefill: 1 })).toMatchObject({
      status: "rejected",
      message: expect.stringMatching(/total 13 exceeds ceiling \(10\)/),
    });
    expect(platform.totalGpus).toBe(9);
  });

  it("only whom it manages, and only their GPUs count", async () => {
    const { ask, planner } = madeGlobalPlanner(
      { a: three(), b: three() },
      { band: [null, 7], settings: { managedNamespaces: ["ns-a"] } },
    );
    await planner.start();
    expect(await ask("a", { decode: 4 })).toMatchObject({ status: "success" });
    await expect(ask("b", { decode: 1 })).rejects.toMatchObject({
      status: 403,
      message: "Namespace ns-b not authorized: this global planner manages ns-a",
    });
    await expect(planner.look(wish("b", {}).address, ["decode"])).rejects.toMatchObject({ status: 403 });
  });

  it("nothing, with no-operation: what would be is said", async () => {
    const { ask, planner, platform } = madeGlobalPlanner(
      { a: three() },
      { band: [null, 7], settings: { noOperation: true } },
    );
    await planner.start();
    expect(await ask("a", { decode: 4 })).toMatchObject({
      status: "success",
      message: "[no-operation] Scale request received and logged (not executed); it would be granted",
    });
    expect((await ask("a", { decode: 9 })).message).toContain("it would be rejected: GPU budget breach");
    expect(platform.log).toEqual([]);
  });
});

describe("what is not known", () => {
  it("a deployment that nobody can see counts as it was last seen, and is no partner", async () => {
    const { ask, planner, platform, clock } = madeGlobalPlanner({ a: three(), b: three() }, { band: [null, 12] });
    await planner.start();
    await ask("b", { decode: 9 });
    platform.deployments.b!.reading = "unknown";
    clock.ms += 20_000;
    expect(await ask("a", { decode: 4 })).toMatchObject({ status: "rejected" });
    expect(await ask("a", { decode: 2 })).toMatchObject({ status: "success" });
    expect(platform.log).toEqual(['a {"decode":2}']);
    clock.ms += 360_001;
    expect(await ask("a", { decode: 3 })).toEqual({
      status: "error",
      outcome: "failed",
      message: "the state of b is not known now: under a budget nothing can be granted",
      currentReplicas: { prefill: 3, decode: 2 },
    });
    platform.deployments.b!.reading = "answers";
    expect(await ask("a", { decode: 3 })).toMatchObject({ status: "success" });
  });

  it("a deployment of which only the replicas are known counts with them, and is no partner", async () => {
    const { ask, planner, platform, clock } = madeGlobalPlanner({ a: three(), b: three() }, { band: [null, 13] });
    platform.deployments.b!.reading = "half";
    await planner.start();
    await ask("b", { decode: 2 });
    platform.deployments.b!.desired = { prefill: 3, decode: 4 };
    clock.ms += 400_000;
    expect(await ask("a", { decode: 4 })).toMatchObject({
      status: "rejected",
      message: expect.stringMatching(/total 14 exceeds ceiling \(13\)/),
    });
    expect(await ask("a", { decode: 3 })).toMatchObject({ status: "success" });
  });

  it("a deployment whose planner asks and that nobody can see gets nothing", async () => {
    const { ask, planner, platform } = madeGlobalPlanner({ a: three() }, { band: [null, 12] });
    await planner.start();
    platform.deployments.a!.reading = "unknown";
    expect(await ask("a", { decode: 4 })).toMatchObject({ status: "error", outcome: "failed" });
    platform.deployments.a!.reading = "throws";
    expect(await ask("a", { decode: 4 })).toMatchObject({
      status: "error",
      message: "a can't be seen: connection refused",
    });
    expect(platform.log).toEqual([]);
  });

  it("the size of a worker: by the platform, else its planner, else the flags, else nothing is granted", async () => {
    const a = new MadeDeployment({ decode: 1 }, {});
    const { ask, planner } = madeGlobalPlanner({ a }, { band: [null, 8] });
    await planner.start();
    expect(await ask("a", { decode: 2 })).toMatchObject({
      status: "error",
      message: "nobody says how many GPUs a decode worker of a has: set its resources, or --decode-engine-num-gpu",
    });
    expect(await ask("a", { decode: 3 }, { gpusPerReplica: { decode: 4 } })).toMatchObject({
      message: expect.stringMatching(/total 12 exceeds ceiling/),
    });
    const other = madeGlobalPlanner(
      { a: new MadeDeployment({ decode: 1 }, {}) },
      {
        band: [null, 8],
        settings: { defaultGpus: { decode: 8 } },
      },
    );
    await other.planner.start();
    expect(await other.ask("a", { decode: 2 })).toMatchObject({
      message: expect.stringMatching(/total 16 exceeds ceiling/),
    });
  });

  it("a deployment that is gone no longer counts", async () => {
    const { ask, planner, platform, clock } = madeGlobalPlanner({ a: three(), b: three() }, { band: [null, 12] });
    await planner.start();
    platform.deployments.b!.reading = "gone";
    clock.ms += 20_000;
    expect(await ask("a", { decode: 9 })).toMatchObject({ status: "success" });
    expect(planner.deployments.all).toHaveLength(1);
  });

  it("deployments that there are can't be found at the start: a budget would be none", async () => {
    const { planner, platform } = madeGlobalPlanner({ a: three() }, { band: [null, 12] });
    platform.canDiscover = false;
    await expect(planner.start()).rejects.toMatchObject({ code: "GLOBAL_PLANNER_NO_DEPLOYMENTS", exitCode: 1 });
  });

  it("a deployment that comes later counts before its planner asks", async () => {
    const { ask, planner, platform, clock } = madeGlobalPlanner({ a: three() }, { band: [null, 12] });
    await planner.start();
    platform.deployments.b = three();
    clock.ms += 60_001;
    expect(await ask("a", { decode: 4 })).toMatchObject({ status: "rejected" });
    platform.canDiscover = false;
    clock.ms += 60_001;
    expect(await ask("a", { decode: 2 })).toMatchObject({ status: "success" });
  });

  it("a deployment that there is not", async () => {
    const { ask, planner } = madeGlobalPlanner({ a: three() });
    await planner.start();
    await expect(ask("z", { decode: 1 })).rejects.toMatchObject({ status: 404, message: "found no z" });
    await expect(
      madeGlobalPlanner({ a: new MadeDeployment({ decode: 1 }) }).ask("a", { prefill: 1 }),
    ).rejects.toMatchObject({ status: 404, message: "a has no prefill workers" });
  });
});

describe("how it is carried out", () => {
  it("the first step fails: none after it is begun", async () => {
    const { ask, planner, platform } = madeGlobalPlanner({ a: three(), b: three() }, { band: [12, 12] });
    await planner.start();
    await ask("a", { decode: 2 });
    platform.deployments.a!.outcome = new Error("409 conflict");
    const answer = await ask("b", { decode: 4 });
    expect(answer).toMatchObject({
      status: "error",
      outcome: "failed",
      message: "not begun, as a can't free its GPUs: 409 conflict",
      currentReplicas: { prefill: 3, decode: 3 },
    });
    expect(platform.log).toEqual(['a {"decode":2}']);
    // It is tried again at the next request.
    platform.deployments.a!.outcome = null;
    expect(await ask("b", { decode: 4 })).toMatchObject({ status: "success" });
    expect(platform.totalGpus).toBe(12);
  });

  it("a later step fails: what was done stays, it is told, and is tried again", async () => {
    const { ask, planner, platform, said } = madeGlobalPlanner({ a: three(), b: three() }, { band: [12, 12] });
    await planner.start();
    await ask("b", { decode: 4 });
    platform.deployments.b!.outcome = new Error("500 internal error");
    const answer = await ask("a", { prefill: 2 });
    expect(answer.status).toBe("success");
    expect(answer.message).toContain("b is failed (decode to 4): 500 internal error");
    expect(said).toContain("warning: b: failed: 500 internal error");
    expect(platform.totalGpus).toBe(11);
    platform.deployments.b!.outcome = null;
    expect(await ask("b", { decode: 4 })).toMatchObject({ status: "success" });
    expect(platform.totalGpus).toBe(12);
  });

  it("what was to free GPUs fails in the midst: who was to get them is held back, the ceiling stands", async () => {
    const { ask, planner, platform } = madeGlobalPlanner({ a: three(), b: three(), c: three() }, { band: [null, 18] });
    await planner.start();
    // Wishes to shrink that wait: their deployments took no changes when they came.
    for (const [name, decode] of [
      ["a", 1],
      ["b", 2],
    ] as const) {
      platform.deployments[name]!.isReady = false;
      expect(await ask(name, { decode })).toMatchObject({ status: "rejected", outcome: "not-ready" });
      platform.deployments[name]!.isReady = true;
    }
    platform.deployments.b!.outcome = { status: "pending", message: "an earlier decision is under way" };
    expect(await ask("c", { decode: 6 })).toEqual({
      status: "rejected",
      outcome: "pending",
      message: "held back: 16 GPUs are taken after the steps before it, 3 more exceed the ceiling (18)",
      currentReplicas: { prefill: 3, decode: 3 },
    });
    expect(platform.log).toEqual(['a {"decode":1}', 'b {"decode":2}']);
    expect(platform.totalGpus).toBe(16);
    platform.deployments.b!.outcome = null;
    expect(await ask("c", { decode: 6 })).toMatchObject({ status: "success" });
    expect(platform.totalGpus).toBe(18);
  });

  it("a change without an answer counts as the larger until the platform is seen again", async () => {
    const { ask, planner, platform } = madeGlobalPlanner({ a: three(), b: three() }, { band: [null, 13] });
    await planner.start();
    platform.deployments.a!.outcome = { status: "failed", message: "no answer in time" };
    expect(await ask("a", { decode: 4 })).toMatchObject({ status: "error", outcome: "failed" });
    // It came through after all, and nobody can see that.
    platform.deployments.a!.desired = { prefill: 3, decode: 4 };
    platform.deployments.a!.reading = "unknown";
    expect(await ask("b", { decode: 4 })).toMatchObject({ status: "rejected" });
    platform.deployments.a!.reading = "answers";
    expect(await ask("b", { decode: 4 })).toMatchObject({ status: "rejected" });
    // It did not.
    platform.deployments.a!.desired = { prefill: 3, decode: 3 };
    platform.deployments.a!.outcome = null;
    expect(await ask("a", { decode: 3 })).toMatchObject({ status: "success" });
    expect(await ask("b", { decode: 4 })).toMatchObject({ status: "success" });
  });

  it.each([
    ["not-ready", "rejected", "not-ready"],
    ["pending", "rejected", "pending"],
    ["refused", "error", "refused"],
    ["failed", "error", "failed"],
  ] as const)("a platform that says %s", async (status, answered, outcome) => {
    const { ask, planner, platform } = madeGlobalPlanner({ a: three() });
    await planner.start();
    platform.deployments.a!.outcome = { status, message: "so it is" };
    expect(await ask("a", { decode: 4 })).toMatchObject({ status: answered, outcome, message: "so it is" });
  });

  it("a deployment that takes no changes loses no partner's GPUs for it", async () => {
    const { ask, planner, platform } = madeGlobalPlanner({ a: three(), b: three() }, { band: [null, 12] });
    await planner.start();
    await ask("a", { decode: 4 });
    platform.deployments.a!.isReady = false;
    expect(await ask("b", { decode: 2 })).toMatchObject({ status: "success" });
    expect(await ask("a", { decode: 4 })).toMatchObject({
      status: "rejected",
      message: "a takes no changes now: it is being rolled out",
    });
    expect(platform.log).toEqual(['b {"decode":2}']);
  });
});

describe("one after the other", () => {
  it("requests at the same time are judged by what those before them left", async () => {
    const { ask, planner, platform } = madeGlobalPlanner({ a: three(), b: three(), c: three() }, { band: [null, 20] });
    await planner.start();
    const answers = await Promise.all(["a", "b", "c"].map((name) => ask(name, { decode: 4 })));
    expect(answers.map(({ status }) => status)).toEqual(["success", "success", "rejected"]);
    expect(platform.totalGpus).toBe(20);
  });

  it("reads the one that asks and who may be its partner, others now and then", async () => {
    const all = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`d${i}`, three()]));
    const { ask, planner, records, clock } = madeGlobalPlanner(all, { band: [null, 180] });
    await planner.start();
    await ask("d1", { decode: 4 });
    await ask("d0", { decode: 3 });
    expect(records.map(({ reads }) => reads)).toEqual([1, 2]);
    clock.ms += 10_001;
    await ask("d0", { decode: 3 });
    await ask("d0", { decode: 3 });
    expect(records.slice(2).map(({ reads }) => reads)).toEqual([30, 2]);
  });

  it("a state that was being read while replicas changed is not taken for the newest", async () => {
    const { ask, planner, platform } = madeGlobalPlanner({ a: three(), b: three() }, { band: [null, 13] });
    await planner.start();
    const a = platform.deployments.a!;
    let goOn = () => {};
    a.gate = new Promise((resolve) => {
      goOn = resolve;
    });
    const asked = ask("a", { decode: 4 });
    const looked = planner.look(wish("a", {}).address, ["decode"]);
    await looked;
    goOn();
    await asked;
    expect(await ask("b", { decode: 4 })).toMatchObject({ status: "rejected" });
  });

  it("drops who has gone, refuses too many, and whoever comes at the end", async () => {
    const { ask, planner, platform } = madeGlobalPlanner({ a: three() });
    await planner.start();
    let goOn = () => {};
    platform.deployments.a!.gate = new Promise((resolve) => {
      goOn = resolve;
    });
    const first = ask("a", { decode: 4 });
    await settle();
    const gone = planner.scale(wish("a", { decode: 9 }), AbortSignal.abort());
    const waiting = Promise.allSettled(Array.from({ length: 255 }, () => ask("a", { decode: 4 })));
    const tooMany = Array.from({ length: 3 }, () => ask("a", { decode: 8 }));
    const results = Promise.allSettled([gone, ...tooMany]);
    const stopped = planner.stop();
    goOn();
    expect(await first).toMatchObject({ status: "success" });
    expect((await results).map((result) => (result.status === "rejected" ? result.reason.status : 200))).toEqual([
      503, 429, 429, 429,
    ]);
    for (const each of await waiting) expect(each.status).toBe("rejected");
    await stopped;
    expect(platform.log).toEqual(['a {"decode":4}']);
    await expect(ask("a", { decode: 5 })).rejects.toMatchObject({ status: 503 });
  });

  it("remembers a hundred decisions, no more, each with all that it came from", async () => {
    const { ask, planner, records } = madeGlobalPlanner({ a: three(), b: three() }, { band: [null, 12] });
    await planner.start();
    for (let i = 0; i < 120; i++) await ask("a", { decode: 4 });
    expect(planner.decisions).toHaveLength(100);
    expect(planner.decisions.at(-1)!.number).toBe(120);
    await ask("b", { decode: 2 }, { reason: "less load", predictedLoad: { num_requests: 3 } });
    expect(records.at(-1)).toMatchObject({
      deployment: "b",
      request: { reason: "less load", predictedLoad: { num_requests: 3 } },
      decision: { verdict: "paired", totals: { now: 12, standalone: 11, after: 12 }, packing: [{ deployment: "a" }] },
      pools: { "a/prefill": 3, "a/decode": 3, "b/prefill": 3, "b/decode": 3 },
      legs: [
        { deployment: "b", status: "applied" },
        { deployment: "a", status: "applied" },
      ],
      answer: { status: "success" },
    });
  });
});

describe("after a restart", () => {
  it("knows the wishes that waited, and who has asked", async () => {
    const stateFolder = folderForTest();
    const deployments = { a: three(), b: three() };
    const first = madeGlobalPlanner(deployments, { band: [null, 12], stateFolder });
    await first.planner.start();
    await first.ask("a", { decode: 4 }, { predictedLoad: { num_requests: 7 } });
    await first.planner.stop();

    const second = madeGlobalPlanner(deployments, { band: [null, 12], stateFolder });
    await second.planner.start();
    expect(second.said[0]).toBe("taken up: 2 deployments, 1 wishes");
    expect(second.planner.freshIntents).toMatchObject([{ deployment: "a", predictedLoad: { num_requests: 7 } }]);
    expect(await second.ask("b", { decode: 2 })).toMatchObject({ status: "success" });
    expect(second.platform.deployments.a!.desired.decode).toBe(4);
    await second.planner.stop();

    const late = madeGlobalPlanner(deployments, { band: [null, 20], stateFolder });
    late.clock.ms += 400_000;
    await late.planner.start();
    expect(late.said[0]).toBe("taken up: 2 deployments, 0 wishes");
    await late.planner.stop();
  });

  it("knows deployments that the platform does not show", async () => {
    const stateFolder = folderForTest();
    const deployments = { a: three(), b: three() };
    const first = madeGlobalPlanner(deployments, { stateFolder });
    await first.planner.start();
    await first.ask("b", { decode: 4 }, { gpusPerReplica: { decode: 1 } });
    await first.planner.stop();
    const second = madeGlobalPlanner(deployments, { band: [null, 13], stateFolder });
    second.platform.discover = async () => [];
    await second.planner.start();
    expect(await second.ask("a", { decode: 4 })).toMatchObject({
      status: "rejected",
      message: expect.stringMatching(/total 14/),
    });
  });

  it("refuses a state that is none, and leaves the file as it is", async () => {
    const stateFolder = folderForTest();
    const path = join(stateFolder, "global-planner.json");
    for (const [text, why] of [
      ["{", "it is not JSON"],
      ['{"version": 2}', "version"],
      [
        '{"version": 1, "intents": [{"deployment": "a", "role": "decode", "replicas": -1, "atMs": 0}], "deployments": []}',
        "intents.0.replicas",
      ],
    ]) {
      writeFileSync(path, text!);
      const { planner } = madeGlobalPlanner({ a: three() }, { stateFolder });
      await expect(planner.start()).rejects.toMatchObject({ code: "GLOBAL_PLANNER_BAD_STATE", where: path });
      await expect(planner.start()).rejects.toThrow(why);
      expect(readFileSync(path, "utf8")).toBe(text);
    }
  });
});

describe("the start", () => {
  it("refuses a floor above the ceiling", () => {
    expect(() => madeGlobalPlanner({}, { band: [9, 8] })).toThrow(
      expect.objectContaining({
        code: "GLOBAL_PLANNER_BAD_BUDGET",
        message: expect.stringMatching(/a floor of 9 GPUs above the ceiling of 8/),
      }),
    );
    expect(() => madeGlobalPlanner({}, { band: [8, 8] })).not.toThrow();
  });

  it("tells where the total lies outside of the budget, and adds and takes nothing by itself", async () => {
    const low = madeGlobalPlanner({ a: three() }, { band: [8, 8] });
    await low.planner.start();
    expect(low.said.join()).toContain("6 GPUs are asked for, fewer than the floor of 8");
    expect(low.platform.log).toEqual([]);
    expect(await low.ask("a", { decode: 4 })).toMatchObject({ status: "success" });
    const high = madeGlobalPlanner({ a: three() }, { band: [null, 4] });
    await high.planner.start();
    expect(high.said.join()).toContain("6 GPUs are asked for, more than the ceiling of 4");
    expect(await high.ask("a", { decode: 2 })).toMatchObject({ status: "success" });
    expect(await high.ask("a", { decode: 3 })).toMatchObject({ status: "rejected" });
  });

  it("strict, as Dynamo: whoever lies outside stays there", async () => {
    const { ask, planner } = madeGlobalPlanner({ a: three() }, { band: [8, 8], settings: { isStrict: true } });
    await planner.start();
    expect(await ask("a", { decode: 4 })).toMatchObject({ status: "rejected" });
  });
});
