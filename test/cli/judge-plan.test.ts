import { describe, expect, it } from "vitest";
import type { RunOutcome } from "#src/study";
import { casesOf, type JudgeGroup, type JudgePlan, tasksOf, tuned, tuningTasks } from "../../src/cli/judge/plan.ts";
import type { JudgeTask } from "../../src/cli/judge/tasks.ts";

const group: JudgeGroup = {
  file: "a.yaml",
  scenario: "a",
  mode: "disagg",
  startupS: 30,
  maxGpus: 8,
  hasFaults: false,
};
const plan: JudgePlan = {
  groups: [group, { ...group, startupS: 60 }],
  choices: [
    { name: "default", choice: { kind: "baseline", name: "default", setting: 0 } },
    { name: "hpa", choice: { kind: "baseline", name: "hpa", setting: 0 } },
  ],
  seeds: [1, 2],
  floor: 0.99,
  runs: { clair: 3, oracle: 0 },
};
const startups = (task: JudgeTask) => task.set.map(({ path, value }) => `${path.join(".")}=${value}`);
const of = (kind: JudgeTask["what"]["kind"], tasks: readonly JudgeTask[]) =>
  tasks.filter(({ what }) => what.kind === kind);

describe("tasks of a judgement", () => {
  it("are each planner, the static search and hindsight, for each case and seed", () => {
    const tasks = tasksOf(plan);
    expect(of("planner", tasks)).toHaveLength(8);
    expect(of("hindsight", tasks)).toHaveLength(4);
    expect(startups(of("hindsight", tasks)[0]!)).toEqual([
      "deployment.prefill.startup=30s",
      "deployment.decode.startup=30s",
    ]);
    expect(of("hindsight", tasksOf({ ...plan, runs: { clair: 0, oracle: 0 } }))).toEqual([]);
  });

  it("search static deployments without start-up, but with it where workers are lost", () => {
    expect(of("static", tasksOf(plan)).flatMap(startups)).toEqual([]);
    const faulty = plan.groups.map((each) => ({ ...each, mode: "agg" as const, hasFaults: true }));
    expect(new Set(of("static", tasksOf({ ...plan, groups: faulty })).flatMap(startups))).toEqual(
      new Set(["deployment.agg.startup=30s", "deployment.agg.startup=60s"]),
    );
  });

  it("of tuning are all settings of those who have several", () => {
    const tasks = of("planner", tuningTasks(plan));
    expect(tasks).toHaveLength(2 * 2 * 10);
    expect(new Set(tasks.map(({ what }) => JSON.stringify(what))).size).toBe(10);
  });
});

const measures = (goodputPerGpu: number, slaAttainment: number): RunOutcome => ({
  seed: 1,
  passed: true,
  measures: {
    goodputPerGpu,
    slaAttainment,
    gpuHours: 1,
    averageGpus: 1,
    peakGpus: 1,
    scaleEvents: 0,
    secondsAboveSla: 0,
  },
});
const fixed: RunOutcome = {
  seed: 1,
  passed: true,
  measures: {
    "s99.prefill": 2,
    "s99.decode": 1,
    "s99.goodputPerGpu": 4,
    "s99.slaAttainment": 0.995,
    "s99.gpuHours": 1,
    "s99.scaleEvents": 0,
    "s99.secondsAboveSla": 40,
  },
};

describe("what came of them", () => {
  it("leaves out seeds that are not whole, and says so", () => {
    const own = { ...plan, runs: { clair: 0, oracle: 0 } };
    const outcomeOf = ({ what, seed }: JudgeTask) =>
      what.kind === "static" ? fixed : seed === 2 ? undefined : measures(3, 1);
    const { cases, isWhole } = casesOf(own, outcomeOf);
    expect(isWhole).toBe(false);
    expect(cases.map(({ seeds }) => seeds)).toEqual([1, 1]);
    expect(cases[0]!.references.s99).toMatchObject({ text: "2P1D", goodputPerGpu: { mean: 4 } });
    expect(cases[0]!.references.s99).toMatchObject({ scaleEvents: { mean: 0 }, secondsAboveSla: { mean: 40 } });
    expect(cases[0]!.references.clair).toBeNull();
    expect(cases[0]!.planners[0]!.regret.s99!.mean).toBeCloseTo(0.25, 12);
  });

  it("takes the settings that are best over all cases together", () => {
    // Setting 3 is the best where start-up takes 30 s, and bad where it takes 60 s; setting 7 is good in both.
    const outcomeOf = ({ what, set }: JudgeTask): RunOutcome => {
      if (what.kind !== "planner" || what.planner.kind !== "baseline") return fixed;
      const { setting } = what.planner;
      const isLong = set[0]?.value === "60s";
      return setting === 3 ? measures(6, isLong ? 0.8 : 1) : measures(setting === 7 ? 5 : 3, 0.99);
    };
    const { choices, tuning } = tuned(plan, outcomeOf)!;
    expect(choices.map(({ choice }) => (choice.kind === "baseline" ? choice.setting : null))).toEqual([0, 7]);
    expect(tuning.planners[0]!.tried[7]!.score).toBeCloseTo(1.25, 12);
    expect(tuning.planners[0]!.tried[3]!.score).toBeCloseTo(1.5 - 1.9 / 2, 12);
    expect(tuned(plan, () => undefined)).toBeNull();
  });

  it("tunes by the cases that a planner can play, and not at all one that can play none", () => {
    const refused: RunOutcome = { refused: "expected a disaggregated deployment", code: "PLANNER_MODE" };
    const outcomeOf = (canPlay: boolean) => (task: JudgeTask) => {
      if (task.what.kind !== "planner" || task.what.planner.kind !== "baseline") return fixed;
      const { setting } = task.what.planner;
      return canPlay && setting === 2 ? measures(3, 1) : refused;
    };
    const nobody = tuned(plan, outcomeOf(false))!;
    expect(nobody.tuning.planners).toEqual([]);
    expect(nobody.choices).toEqual(plan.choices);
    const some = tuned(plan, outcomeOf(true))!;
    expect(some.tuning.planners).toMatchObject([{ name: "hpa", tried: [{ score: 0.75 }] }]);
    expect(some.choices[1]!.choice).toMatchObject({ name: "hpa", setting: 2 });
  });
});
