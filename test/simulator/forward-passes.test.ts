import { describe, expect, it } from "vitest";
import { simulate } from "#src/simulator";
import { madeSpec, scriptedPlanner } from "./hand-made.ts";

describe("what a planner hears of forward passes", () => {
  it.each(["stepping", "skipping"] as const)(
    "is the last one that is over, and a heartbeat once none has ended for a second, idle or not (%s)",
    (engine) => {
      const planner = { ...scriptedPlanner(500), needsForwardPasses: true };
      // A pass from 0 to 1,200 ms, one of 10 ms behind it, and from 1,700 one that lasts 2,500 ms.
      const requests = [
        { atMs: 0, isl: 1200, osl: 2 },
        { atMs: 1700, isl: 2500, osl: 1 },
      ];
      simulate(madeSpec({ requests }, { planner, engine, minEndMs: 5500 }));
      const heard = planner.seen.map(({ nowMs, forwardPasses }) => {
        const last = forwardPasses!.decode![0];
        return [nowMs, last === undefined ? "nothing" : last.wallTimeS];
      });
      expect(heard).toEqual([
        [500, "nothing"],
        [1000, 0],
        [1500, 0.01],
        [2000, 0.01],
        [2500, 0],
        [3000, 0],
        [3500, 0],
        [4000, 0],
        [4500, 2.5],
        [5000, 2.5],
        [5500, 0],
      ]);
    },
  );
});
