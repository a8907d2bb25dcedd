import { describe, expect, it } from "vitest";
import { LockStep } from "#mocker/engine";
import { ENGINES, EngineDriver } from "./engine-driver.ts";

describe.each(ENGINES)("$name: ranks in lock step", (kind) => {
  it("give an idle one its commands at the end of the others' step, or when the run is over", () => {
    const [computing, idle] = [0, 1].map(() => new EngineDriver(kind, {}, [{ isl: 5, osl: 3 }]).engine) as [
      EngineDriver["engine"],
      EngineDriver["engine"],
    ];
    const ranks = new LockStep([computing, idle]);
    const given: number[] = [];
    const give = (atMs: number) => given.push(atMs);
    expect(ranks.defers(idle, give)).toBe(false);
    computing.submit(0, 0);
    const endMs = ranks.start(0);
    expect(ranks.defers(computing, give)).toBe(false);
    expect(ranks.defers(idle, give)).toBe(true);
    expect(given).toEqual([]);
    ranks.complete();
    expect(given).toEqual([endMs]);
    ranks.start(endMs);
    expect(ranks.defers(idle, give)).toBe(true);
    ranks.settle(endMs + 1);
    ranks.complete();
    expect(given).toEqual([endMs, endMs + 1]);
  });
});
