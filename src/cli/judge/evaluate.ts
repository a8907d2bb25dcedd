import { tmpdir } from "node:os";
import { formatUserError, UserError } from "#common";
import { type Planner, type PlannerConfig, plannerConfigSchema } from "#planner/core";
import { readScenario } from "#scenarios";
import type { BestStatic, StaticDeployment } from "#src/record";
import {
  bestStaticOf,
  cacheBestStatic,
  cachedBestStatic,
  prepareRehearsal,
  type Rehearsal,
  type RunOptions,
  staticCacheKey,
} from "#src/rehearsal";
import {
  BASELINES,
  type HindsightPlan,
  hindsightPlanner,
  hindsightPlans,
  judgedMeasures,
  type RunOutcome,
  workerCapacity,
} from "#src/study";
import { predictorOf, predictorTools } from "../predictors.ts";
import { RowsOnDisk } from "../rows-on-disk.ts";
import { externalPlanner } from "./external.ts";
import type { JudgeCommon, JudgeTask, PlannerChoice } from "./tasks.ts";

type Measures = Record<string, number>;
type Measured = Pick<Extract<RunOutcome, { measures: Measures }>, "measures" | "failure">;

/**
 * Plays or searches what a task says. A planner that can't play a scenario (its mode, its budget) is an outcome like any other.
 * @throws UserError of exit code 1: a planner outside that fails
 */
export async function evaluate(task: JudgeTask, { rowsInMemory }: JudgeCommon): Promise<RunOutcome> {
  const rows = new RowsOnDisk(rowsInMemory, tmpdir());
  try {
    const read = readScenario(task.file, { plannerSchema: plannerConfigSchema, set: task.set });
    const seeded = task.seed === null ? read : { ...read, seed: task.seed };
    // What depends on who plans (the budget of searches) is the same for all.
    const budget = plannerConfigSchema.parse({ strategy: "default", maxGpus: task.maxGpus });
    const isOwn = task.what.kind === "planner" && task.what.planner.kind === "own";
    // Predictors that need a library are those of a scenario's own planner alone.
    const config = isOwn ? read.planner : null;
    const planner = isOwn ? read.planner : budget;
    const rehearsal = prepareRehearsal({ ...seeded, planner }, await predictorTools([predictorOf(config)]));
    return { seed: seeded.seed, passed: true, ...measured(task, rehearsal, config, rows) };
  } catch (error) {
    if (!(error instanceof UserError) || error.exitCode === 1) throw error;
    return { refused: formatUserError(error), code: error.code };
  } finally {
    rows.close();
  }
}

function measured(
  { what, maxGpus, check }: JudgeTask,
  rehearsal: Rehearsal,
  own: PlannerConfig | null,
  rows: RowsOnDisk,
): Measured {
  switch (what.kind) {
    case "planner":
      return played(what.planner, rehearsal, own, maxGpus, (planner, options) =>
        judgedMeasures(rows.play(rehearsal, planner, { ...options, ...(check ? { check } : {}) })),
      );
    case "static": {
      const found = staticOf(rehearsal, what.floor, rows);
      const of = (name: string, workers: StaticDeployment | null) =>
        workers === null ? {} : ofStatic(name, workers, judgedMeasures(rows.runStatic(rehearsal, workers)));
      return { measures: { ...of("s99", found.atFloor), ...of("any", found.any) } };
    }
    case "hindsight": {
      const fixed = staticOf(rehearsal, what.floor, rows);
      const { clair, oracle, bound, floor } = hindsightPlans({
        spec: rehearsal.simulation,
        maxGpus,
        floor: what.floor,
        runs: what.runs,
        constants: what.runs.oracle > 0 ? [fixed.atFloor, fixed.any].filter((workers) => workers !== null) : [],
        simulate: (spec) => rows.simulate(spec),
      });
      const of = (name: "clair" | "oracle", plan: HindsightPlan) => {
        const spec = { ...rehearsal.simulation, planner: hindsightPlanner(name, plan), capture: false };
        return named(name, judgedMeasures(rows.simulate(spec)));
      };
      return { measures: { ...of("clair", clair), ...(oracle === null ? {} : of("oracle", oracle)), bound, floor } };
    }
  }
}

function played(
  planner: PlannerChoice,
  rehearsal: Rehearsal,
  own: PlannerConfig | null,
  maxGpus: number,
  measuresOf: (planner: Planner | null, options?: RunOptions) => Measures,
): Measured {
  const { simulation, scenario } = rehearsal;
  const mode = simulation.prefill === null ? "agg" : "disagg";
  // A planner that the scenario restarts comes back in its first state.
  const play = (config: PlannerConfig) => {
    const newPlanner = () => rehearsal.newPlanner(config)!;
    return { measures: measuresOf(newPlanner(), { newPlanner }) };
  };
  if (planner.kind === "own") return own === null ? { measures: measuresOf(null) } : play(own);
  if (planner.kind === "baseline") {
    const setting = BASELINES.find(({ name }) => name === planner.name)!.settings[planner.setting]!;
    const config = setting.config({ mode, maxGpus, capacity: workerCapacity(simulation) });
    return play(plannerConfigSchema.parse(config));
  }
  const external = externalPlanner(planner, {
    mode,
    sla: scenario.sla,
    gpusPerWorker: { prefill: simulation.prefill?.gpusPerWorker ?? 0, decode: simulation.decode.gpusPerWorker },
    maxGpus,
    minWorkers: { prefill: mode === "agg" ? 0 : 1, decode: 1 },
  });
  try {
    const measures = { ...measuresOf(external), failedTicks: external.failedTicks() };
    const failure = external.firstFailure();
    return failure === null ? { measures } : { measures, failure };
  } finally {
    external.close();
  }
}

function staticOf(rehearsal: Rehearsal, floor: number, rows: RowsOnDisk): BestStatic {
  // Where workers are lost their start-up counts, which the cache of searches leaves aside.
  const key = rehearsal.scenario.faults.length > 0 ? null : staticCacheKey(rehearsal);
  const known = key === null ? null : cachedBestStatic(key);
  if (known?.floor === floor) return known;
  const found = bestStaticOf(rehearsal, undefined, floor, (workers) => rows.runStatic(rehearsal, workers));
  if (key !== null) cacheBestStatic(key, found);
  return found;
}

function ofStatic(name: string, { prefill, decode }: StaticDeployment, measures: Measures): Measures {
  return { [`${name}.prefill`]: prefill, [`${name}.decode`]: decode, ...named(name, measures) };
}

function named(name: string, measures: Measures): Measures {
  return Object.fromEntries(Object.entries(measures).map(([measure, value]) => [`${name}.${measure}`, value]));
}
