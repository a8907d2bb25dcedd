import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { EventLog } from "../../../src/deployment/runner/events.ts";
import { holderOf, lockState } from "../../../src/deployment/runner/lock.ts";
import { readLog } from "../../../src/deployment/runner/logs.ts";
import { defaultStateFolder, StateFolder } from "../../../src/deployment/runner/state-folder.ts";
import { disaggregated } from "../../integration/runner/plans.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-state-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

describe("the state folder", () => {
  it("is where the user or the XDG specification says", () => {
    expect(defaultStateFolder({ UNDERSTUDY_STATE: "/a/b", XDG_STATE_HOME: "/c" })).toBe("/a/b");
    expect(defaultStateFolder({ XDG_STATE_HOME: "/c" })).toBe("/c/understudy");
    expect(defaultStateFolder({})).toMatch(/\/\.local\/state\/understudy$/);
  });

  it("keeps plans with the bytes of their files, for the user alone", () => {
    const state = new StateFolder(join(folder, "state"));
    const plan = disaggregated();
    const file = { mountPath: "/data/a.npz", content: Buffer.from([0, 1, 255]) };
    const [first, ...others] = plan.components;
    const whole = { ...plan, components: [{ ...first!, template: { ...first!.template, files: [file] } }, ...others] };
    state.make();
    const kept = state.deployment(plan);
    kept.make();
    kept.writePlan(whole);
    const read = state.deployments()[0]!.readPlan()!;
    expect([...read.components[0]!.template.files[0]!.content]).toEqual([0, 1, 255]);
    expect(read.components.slice(1)).toEqual(others);
    for (const path of [state.path, kept.path, kept.logs]) expect(statSync(path).mode & 0o077).toBe(0);
  });

  it("refuses what is no state, with the file's name", () => {
    const kept = new StateFolder(folder).deployment({ namespace: "a", name: "b" });
    kept.make();
    writeFileSync(join(kept.path, "desired.json"), "[]");
    expect(() => kept.readDesired()).toThrow(/no state that a runner wrote/);
  });

  it("no name leads out of it", () => {
    const state = new StateFolder(folder);
    for (const name of ["..", ".", "../../etc", "a/b"]) {
      expect(state.deployment({ namespace: name, name }).path.startsWith(`${join(folder, "deployments")}/`)).toBe(true);
      expect(state.deployment({ namespace: "x", name }).path.split("/")).not.toContain("..");
    }
  });

  it("has one holder, and is taken from a dead one", () => {
    const state = new StateFolder(folder);
    const unlock = lockState(state);
    expect(holderOf(state)?.pid).toBe(process.pid);
    expect(() => lockState(state)).toThrow(expect.objectContaining({ code: "RUNNER_STATE_IN_USE" }));
    unlock();
    expect(holderOf(state)).toBe(null);
    writeFileSync(state.lockFile, JSON.stringify({ pid: process.pid, startTime: "long ago" }));
    expect(holderOf(state)).toBe(null);
    lockState(state)();
  });
});

describe("events", () => {
  it("count up where the same happens again, and outlive the runner", () => {
    const path = join(folder, "events.jsonl");
    let now = 0;
    const log = new EventLog(path, () => now);
    log.record("Normal", "Started", "decode-0", "Started process 1");
    log.record("Warning", "BackOff", "decode-0", "exit code 1");
    now = 60_000;
    log.record("Warning", "BackOff", "decode-0", "exit code 1");
    expect(log.since(0).map(({ seq, count, reason }) => [seq, reason, count])).toEqual([
      [1, "Started", 1],
      [3, "BackOff", 2],
    ]);
    expect(log.since(2).map(({ time }) => time)).toEqual(["1970-01-01T00:01:00.000Z"]);
    appendFileSync(path, '{"seq":4,"ty');
    const next = new EventLog(path, () => now);
    expect(next.since(0)).toEqual(log.since(0));
    expect(next.record("Normal", "Adopted", "decode-0", "process 1").seq).toBe(4);
  });
});

describe("logs", () => {
  const text = async (path: string, tail?: number) => {
    let whole = "";
    for await (const chunk of readLog(path, { tail })) whole += chunk;
    return whole;
  };

  it("have no more than the last lines of when they were asked for", async () => {
    const path = join(folder, "late.log");
    const log = readLog(path, { tail: 1 });
    const first = log.next();
    writeFileSync(path, "one\ntwo\n");
    expect(await first).toMatchObject({ done: true });
    expect(await text(path, 1)).toBe("two\n");
  });

  it("have the last lines, whether the last one has ended or not", async () => {
    const path = join(folder, "a.log");
    expect(await text(path)).toBe("");
    writeFileSync(path, "one\ntwo\nthree\n");
    expect(await text(path, 2)).toBe("two\nthree\n");
    expect(await text(path, 0)).toBe("");
    expect(await text(path, 9)).toBe("one\ntwo\nthree\n");
    appendFileSync(path, "four");
    expect(await text(path, 2)).toBe("three\nfour");
    writeFileSync(path, `${"x".repeat(70_000)}\n${"y".repeat(70_000)}\nlast\n`);
    expect((await text(path, 2)).length).toBe(70_001 + 5);
  });

  it("are followed while they grow and when they begin anew", async () => {
    const path = join(folder, "a.log");
    writeFileSync(path, "a long first line\n");
    const end = new AbortController();
    let whole = "";
    for await (const chunk of readLog(path, { follow: end.signal })) {
      whole += chunk;
      if (whole === "a long first line\n") appendFileSync(path, "second\n");
      if (whole.endsWith("second\n")) writeFileSync(path, "new\n");
      if (whole.endsWith("new\n")) end.abort();
    }
    expect(whole).toBe("a long first line\nsecond\nnew\n");
    expect(readFileSync(path, "utf8")).toBe("new\n");
  });
});
