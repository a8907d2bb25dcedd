import { tmpdir } from "node:os";
import { formatUserError, UserError } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { firstPart, type Override, readScenario, scenarioWorkload, type Workload } from "#scenarios";
import { judge, prepareRehearsal, type RunnableScenario, type RunOptions } from "#src/rehearsal";
import { studyMeasures } from "#src/report";
import type { GiveUp, RunOutcome } from "#src/study";
import { emptyPart } from "../errors.ts";
import { predictorOf, predictorTools } from "../predictors.ts";
import { RowsOnDisk } from "../rows-on-disk.ts";
import { playUntil } from "./give-up.ts";

/** A run of a sweep, as threads and pods are told of it: JSON. */
export interface SweepRun {
  file: string;
  /** Takes the place of what the scenario says. */
  set: Override[];
  /** null: the scenario's own. */
  seed: number | null;
  /** Share of the traffic that is played, from its beginning on; absent: all of it. */
  part?: number;
  giveUp?: GiveUp;
}

/** What all runs of a sweep have in common. */
export interface SweepCommon extends Pick<RunOptions, "engine" | "check"> {
  rowsInMemory: number;
}

/**
 * Plays a scenario with values set. Settings that are no deployment, or that can't be played, are an outcome like any other.
 * @throws UserError of exit code 1: runs that failed
 */
export async function evaluate(
  { file, set, seed, part, giveUp }: SweepRun,
  { rowsInMemory, ...common }: SweepCommon,
): Promise<RunOutcome> {
  const rows = new RowsOnDisk(rowsInMemory, tmpdir());
  try {
    const read = readScenario(file, { plannerSchema: plannerConfigSchema, set });
    const seeded = seed === null ? read : { ...read, seed };
    // What is expected is expected of the whole.
    const scenario = part === undefined ? seeded : { ...seeded, expect: [] };
    const tools = await predictorTools([predictorOf(scenario.planner)]);
    const rehearsal = prepareRehearsal(
      scenario,
      tools,
      part === undefined ? {} : { workload: beginning(scenario, part) },
    );
    const played =
      giveUp === undefined
        ? { record: rows.run(rehearsal, common) }
        : playUntil(rehearsal, rows.start(rehearsal, common), giveUp);
    if ("gaveUp" in played) return played;
    const { record, summary } = judge(scenario, played.record);
    return {
      seed: scenario.seed,
      passed: record.expectations?.every((expectation) => expectation.passed) ?? true,
      measures: studyMeasures(record, summary),
    };
  } catch (error) {
    if (!(error instanceof UserError) || error.exitCode === 1) throw error;
    return { refused: formatUserError(error), code: error.code };
  } finally {
    rows.close();
  }
}

/** @throws UserError CLI_EMPTY_PART */
function beginning(scenario: RunnableScenario, part: number): Workload {
  const workload = firstPart(scenarioWorkload(scenario), part, scenario.endMs ?? Number.POSITIVE_INFINITY);
  if (workload.openHeads.length === 0 && workload.closedLoops.every(({ heads }) => heads.length === 0))
    throw emptyPart(part);
  return workload;
}
