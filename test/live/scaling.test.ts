import { expect, it } from "vitest";
import { plannerConfigSchema } from "#planner/core";
import { readScenario } from "#scenarios";
import { type LiveRun, runLive } from "#src/live";
import { judge, prepareRehearsal } from "#src/rehearsal";

/** Where requests left later than this, real ms, the machine had no time for the run, and it is run again. */
const TOO_LATE_MS = 100;
const ATTEMPTS = 3;

/**
 * Model time over the wall's, as far as sockets on two cores keep up. Their planners go by arrivals and the profile alone: a machine on which
 * much else goes on must not look like engines that are slow.
 */
it.each([
  ["scale-1p1d-2p1d", 4],
  ["sin-small-i3000-o300", 6],
])(
  "%s, live at %d times the speed: replicas over time are what it expects, and its planner scales as in virtual time",
  async (name, timeScale) => {
    const scenario = readScenario(`scenarios/library/${name}.yaml`, { plannerSchema: plannerConfigSchema });
    const rehearsal = prepareRehearsal(scenario);
    const outcome = ({ record }: Pick<LiveRun, "record">) => ({
      failed: judge(scenario, record).record.expectations!.filter(({ passed }) => !passed),
      steps: record.scalingEvents.map(({ atMs, role, from, to }) => ({ atMs, role, from, to })),
    });
    const expected = outcome({ record: rehearsal.run() });
    expect(scenario.expect.filter(({ kind }) => kind === "replicas").length).toBeGreaterThan(3);
    expect(expected.failed).toEqual([]);
    expect(expected.steps.length).toBeGreaterThan(1);
    let run = await runLive(rehearsal, { timeScale });
    for (let attempt = 1; attempt < ATTEMPTS && run.lag.generator.maxMs > TOO_LATE_MS; attempt++) {
      if (JSON.stringify(outcome(run)) === JSON.stringify(expected)) break;
      run = await runLive(rehearsal, { timeScale });
    }
    expect(outcome(run)).toEqual(expected);
  },
  600_000,
);
