import { describe, expect, it } from "vitest";
import { plannerConfigSchema } from "#planner/core";
import { readScenario } from "#scenarios";
import { judge, prepareRehearsal, type RunnableScenario } from "#src/rehearsal";

/** The same traffic twice: with the default strategy, and with an older planner. */
interface Pair {
  ours: string;
  older: string;
  /** Titles, with the rows of docs/planner-weaknesses.md. */
  held: string;
  shown: string;
  /** Expectations of ours that the older planner misses; it keeps the others. */
  missed: readonly string[];
}

const PAIRS: readonly Pair[] = [
  {
    ours: "traffic-ends",
    older: "traffic-ends-sla-compat",
    held: "[D13 held] goes down to one worker a role when traffic ends",
    shown: "[D13 shown] keeps its workers, paid for and idle, when traffic ends",
    missed: ["slaAttainment", "gpuHours", "replicas.prefill at 24 min", "replicas.decode at 24 min"],
  },
  {
    ours: "overload-step",
    older: "overload-step-sla-compat",
    held: "[W2 held] [D15a held] sizes for what arrives, and stays within its budget while workers drain",
    shown: "[W2 shown] [D15a shown] sizes for what ends, lets prompts wait, and exceeds its budget while workers drain",
    missed: ["slaAttainment", "peakGpus", "ttft.p90"],
  },
  {
    ours: "steady-23",
    older: "steady-23-sla-compat",
    held: "[W3 held] settles under constant load",
    shown: "[W3 shown] goes up and down under constant load, as each correction undoes the last",
    missed: ["scaleEvents", "slaAttainment"],
  },
  {
    ours: "two-lengths",
    older: "two-lengths-sla-compat",
    held: "[W10 held] plans for the spread of prompt lengths",
    shown: "[W10 shown] plans for the mean length, which no prompt has",
    missed: ["slaAttainment"],
  },
  {
    ours: "cold-start-4m",
    older: "cold-start-4m-sla-compat",
    held: "[D18 held] [W19 held] has workers ready that took four minutes to start",
    shown: "[D18 shown] [W19 shown] is late where starting takes longer than its interval",
    missed: ["slaAttainment"],
  },
  {
    ours: "steady-28",
    older: "steady-28-load-compat",
    held: "[D14a held] leaves constant load alone",
    shown: "[D14a shown] takes a worker away that is then missed, again and again",
    missed: ["scaleEvents", "slaAttainment"],
  },
  {
    ours: "itl-out-of-reach",
    older: "itl-out-of-reach-load-compat",
    held: "[D14b held] adds no workers for a target that no number of them can keep",
    shown: "[D14b shown] adds workers up to its budget for a target that none can keep, and gives none back",
    missed: ["gpuHours", "replicas.decode at 15 min"],
  },
  {
    ours: "bursts-of-five",
    older: "bursts-of-five-load-compat",
    held: "[W14 held] asks at once for all the workers that a burst needs",
    shown: "[W14 shown] takes one step at a time, and none while a worker starts",
    missed: ["slaAttainment", "ttft.p75"],
  },
  {
    ours: "sized-before-launch",
    older: "sized-before-launch-load-compat",
    held: "[W16c held] keeps the workers that were there before it knew anything",
    shown: "[W16c shown] takes workers away until its first forecast, as its floor begins at one",
    missed: ["scaleEvents", "slaAttainment", "ttft.p90"],
  },
  {
    ours: "spike-in-steps",
    older: "spike-in-steps-sla-compat",
    held: "[D14c held] adds no more workers at once than it is allowed",
    shown: "[D14c shown] adds thirty workers at once, and takes them away at once",
    missed: [
      "peakGpus",
      "replicas.prefill at 4.6 min",
      "replicas.decode at 4.6 min",
      "replicas.decode from the start until the end",
    ],
  },
  {
    ours: "budget-left-over",
    older: "budget-left-over-load-compat",
    held: "[D15c held] leaves GPUs unused that nobody asked for",
    shown: "[D15c shown] gives decode what prefill can't have",
    missed: ["peakGpus", "replicas.decode from the start until the end"],
  },
  {
    ours: "starts-that-never-end",
    older: "starts-that-never-end-load-compat",
    held: "[D15d held] goes on scaling while workers of a role never start",
    shown: "[D15d shown] waits for ever for a worker that never starts",
    missed: ["slaAttainment", "replicas.prefill at 7 min"],
  },
];

function read(name: string): RunnableScenario {
  return readScenario(`scenarios/library/${name}.yaml`, { plannerSchema: plannerConfigSchema });
}

/** Names of the expectations that a run of the scenario misses. */
function missedBy(scenario: RunnableScenario): string[] {
  const { record } = judge(scenario, prepareRehearsal(scenario).run());
  return record.expectations!.filter(({ passed }) => !passed).map(({ name }) => name);
}

describe.each(PAIRS)("$ours and $older", ({ ours, older, held, shown, missed }) => {
  const mine = read(ours);
  const theirs = read(older);

  it("differ in nothing but the planner and what is expected of it", () => {
    const situation = ({ deployment, sla, traffic, faults, seed, endMs }: RunnableScenario) => [
      JSON.stringify({ deployment, sla, traffic, faults, seed, endMs }),
    ];
    expect(situation(theirs)).toEqual(situation(mine));
    expect(mine.planner!.strategy).toBe("default");
    expect(theirs.planner!.strategy).not.toBe("default");
  });

  it(held, () => {
    expect(missedBy(mine)).toEqual([]);
  });

  it(shown, () => {
    expect(missedBy({ ...mine, planner: theirs.planner })).toEqual(missed);
  });
});
