import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Child } from "../../src/live/child-process.ts";
import type { FixtureCalls } from "./fixture-child.ts";

const entry = fileURLToPath(new URL("fixture-child.ts", import.meta.url));

const children: Child<FixtureCalls, string>[] = [];
const deaths: Error[] = [];
const events: string[] = [];

async function start(kind: string) {
  const child = await Child.start<FixtureCalls, string>({
    name: "the child",
    kind,
    entry,
    onEvent: (event) => events.push(event),
    onDeath: (error) => deaths.push(error),
  });
  children.push(child);
  return child;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop()));
  deaths.length = 0;
  events.length = 0;
});

describe("a process of a live run", () => {
  it("answers calls, whatever numbers and arrays they carry", async () => {
    const child = await start("child");
    expect(await Promise.all([child.call("double", 4), child.call("double", 5)])).toEqual([8, 10]);
    const value = { missing: Number.NaN, column: new Float64Array([1, 2]), nothing: null };
    expect(await child.call("echo", value)).toEqual(value);
  });

  it("hands on errors that users can mend as they are, and others as they were thrown", async () => {
    const child = await start("child");
    await expect(child.call("refuse", "otherwise")).rejects.toMatchObject({
      code: "FIXTURE_REFUSED",
      where: "here",
      message: "not like this",
      hint: "otherwise",
      exitCode: 1,
    });
    await expect(child.call("fail", null)).rejects.toThrow(/a bug/);
    await expect(child.call("unheard" as "fail", null)).rejects.toThrow(/nobody answers unheard/);
    expect(await child.call("double", 1)).toBe(2);
  });

  it("says things without being asked", async () => {
    const child = await start("child");
    await child.call("announce", "ready");
    expect(events).toEqual(["ready"]);
  });

  it("that dies is told of once, with what it said last, and everyone who waits is answered", async () => {
    const child = await start("child");
    const calls = await Promise.allSettled([child.call("exit", 3), child.call("double", 1)]);
    const expected = { code: "LIVE_PROCESS_DIED", where: "the child", exitCode: 1 };
    expect(calls.map((call) => (call as PromiseRejectedResult).reason)).toMatchObject([expected, expected]);
    expect(deaths).toHaveLength(1);
    expect(deaths[0]!.message).toMatch(/exit code 3[\s\S]*the last words/);
    await expect(child.call("double", 1)).rejects.toMatchObject(expected);
  });

  it("that can't begin is an error with its reason", async () => {
    await expect(start("broken")).rejects.toMatchObject({ code: "LIVE_PROCESS_DIED" });
    await expect(start("broken")).rejects.toThrow(/can not even begin/);
  });

  it("ends when it is stopped, and that is no death", async () => {
    const child = await start("child");
    await child.stop();
    expect(isRunning(child.pid!)).toBe(false);
    expect(deaths).toEqual([]);
    await child.stop();
  });

  it("that does not listen is killed", { timeout: 30_000 }, async () => {
    const child = await start("deaf");
    await child.stop();
    expect(isRunning(child.pid!)).toBe(false);
  });

  it("ends when its parent was killed", async () => {
    const parent = spawn(process.execPath, [entry, "parent"], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(parent.stdout.setEncoding("utf8"), "data")) as [string];
    const pid = Number(line);
    expect(isRunning(pid)).toBe(true);
    parent.kill("SIGKILL");
    await vi.waitUntil(() => !isRunning(pid), { timeout: 60_000 });
  });
});
