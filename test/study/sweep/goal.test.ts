import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Condition, parseCondition, parseGoal, ranked, scoreOf } from "../../../src/study/sweep/goal.ts";

const KNOWN = ["goodput", "requests", "ttft.p99"];
const GOAL = parseGoal("--goal", "goodput", KNOWN);
const condition = (text: string) => parseCondition("--where", text, KNOWN);
const score = (measures: Record<string, number>, ...conditions: Condition[]) =>
  scoreOf({ candidate: { values: [] }, runs: [{ seed: 1, passed: true, measures }] }, GOAL, conditions);

describe("conditions", () => {
  it("take shares as such: more than all can't be", () => {
    const known = ["slaAttainment"];
    expect(() => parseCondition("--where", "slaAttainment>=98", known)).toThrow(/expected a share of 0 to 1/);
    expect(() => parseCondition("--where", "slaAttainment>-0.1", known)).toThrow(/expected a share of 0 to 1/);
    expect(parseCondition("--where", "slaAttainment>=1", known).value).toBe(1);
  });

  it("are kept or missed as their signs say, at their bounds as well", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(">=", "<=", ">", "<"),
        fc.constantFrom(0, 1e-12, 0.99, 1, 3, 1e6),
        fc.constantFrom(-1, 0, 1),
        (sign, bound, side) => {
          const found = bound + side * Math.max(bound * 1e-3, 1e-15);
          const kept = { ">=": found >= bound, "<=": found <= bound, ">": found > bound, "<": found < bound }[sign];
          const { violation } = score({ goodput: 1, requests: found }, condition(`requests${sign}${bound}`));
          expect(violation === 0).toBe(kept);
          expect(Number.isFinite(violation)).toBe(true);
        },
      ),
      { seed: 1 },
    );
  });

  it("are missed by how far they are, relative to the bound; altogether without a sample", () => {
    const bound = condition("ttft.p99<=200ms");
    expect(score({ goodput: 1, "ttft.p99": 250 }, bound).violation).toBeCloseTo(0.25);
    expect(score({ goodput: 1, "ttft.p99": 250, requests: 5 }, bound, condition("requests>=10")).violation).toBe(0.75);
    expect(score({ goodput: 1 }, bound).violation).toBe(Number.POSITIVE_INFINITY);
    expect(scoreOf({ candidate: { values: [] }, runs: [{ gaveUp: "why" }] }, GOAL, []).violation).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  it("put those that keep them first, whatever the goal is", () => {
    const bound = condition("requests>3");
    const [few, kept] = [score({ goodput: 9, requests: 3 }, bound), score({ goodput: 1, requests: 4 }, bound)];
    expect(ranked([few, kept])).toEqual([kept, few]);
  });
});
