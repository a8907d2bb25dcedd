import {
  JUDGE_REFERENCES,
  type JudgedCase,
  type JudgedPlanner,
  type JudgedReference,
  type JudgedValue,
  type ReferenceName,
  type Regrets,
} from "#src/report";
import { overSeeds } from "../over-seeds.ts";
import type { JudgedMeasures } from "./measures.ts";

/** Numbers of a reference on the traffic of one seed. */
export interface ReferenceRun {
  goodputPerGpu: number;
  slaAttainment: number;
  gpuHours: number;
  scaleEvents: number;
  secondsAboveSla: number;
  text: string;
}

/** A planner's run; `failure`: why the first tick without an answer had none. */
export type PlannerRun = JudgedMeasures & { failure?: string };

/** All that was run of one case and one seed. */
export interface SeedRuns {
  references: Partial<Record<ReferenceName, ReferenceRun | null>>;
  bound: number | null;
  /** By name; a text where the planner can't play this. */
  planners: ReadonlyMap<string, PlannerRun | string>;
}

const NOTHING: JudgedValue = { mean: Number.NaN, ci95: Number.NaN };

/** One case over its seeds: means with intervals; regrets are of each seed's own references. */
export function judgedCase(
  head: Pick<JudgedCase, "scenario" | "startupS" | "hasFaults" | "maxGpus">,
  names: readonly string[],
  runs: readonly SeedRuns[],
): JudgedCase {
  const references = Object.fromEntries(
    JUDGE_REFERENCES.map((name) => [name, referenceOver(name, runs)]),
  ) as JudgedCase["references"];
  const bounds = runs.flatMap(({ bound }) => bound ?? []);
  return {
    ...head,
    seeds: runs.length,
    references,
    bound: bounds.length === 0 ? null : valueOver(bounds),
    planners: names.map((name) => plannerOver(name, runs)),
  };
}

function plannerOver(name: string, runs: readonly SeedRuns[]): JudgedPlanner {
  const refused = runs.map(({ planners }) => planners.get(name)).find((found) => typeof found === "string");
  const played = runs.flatMap((run) => {
    const measures = run.planners.get(name);
    return measures === undefined || typeof measures === "string" ? [] : [{ run, measures }];
  });
  const over = (measure: keyof JudgedMeasures) => valueOver(played.map(({ measures }) => measures[measure] ?? 0));
  const regret = regretsOver(played.map(({ run, measures }) => ({ run, reached: measures.goodputPerGpu })));
  return {
    name,
    goodputPerGpu: over("goodputPerGpu"),
    slaAttainment: over("slaAttainment"),
    gpuHours: over("gpuHours"),
    averageGpus: over("averageGpus"),
    peakGpus: over("peakGpus"),
    scaleEvents: over("scaleEvents"),
    secondsAboveSla: over("secondsAboveSla"),
    failedTicks: over("failedTicks"),
    failure: played.find(({ measures }) => measures.failure !== undefined)?.measures.failure ?? null,
    regret,
    refused: refused ?? null,
  };
}

/** 1 − reached ÷ best: the share of what could have been had that was not. */
export function regretOf(reached: number, best: number): number {
  return best > 0 ? 1 - reached / best : 0;
}

/** Of each seed's own references. */
function regretsOver(reached: readonly { run: SeedRuns; reached: number }[]): Regrets {
  return Object.fromEntries(
    JUDGE_REFERENCES.map((name) => {
      const regrets = reached.flatMap(({ run, reached: own }) => {
        const best = run.references[name];
        return best === null || best === undefined ? [] : [regretOf(own, best.goodputPerGpu)];
      });
      return [name, regrets.length === 0 ? null : valueOver(regrets)];
    }),
  ) as unknown as Regrets;
}

/** null where it is not known of every seed: means over some seeds alone could not be compared. */
function referenceOver(name: ReferenceName, runs: readonly SeedRuns[]): JudgedReference | null {
  const found = runs.flatMap((run) => {
    const reference = run.references[name];
    return reference === null || reference === undefined ? [] : [{ run, reference }];
  });
  if (found.length === 0 || found.length < runs.length) return null;
  const over = (measure: Exclude<keyof ReferenceRun, "text">) =>
    valueOver(found.map(({ reference }) => reference[measure]));
  const texts = new Set(found.map(({ reference }) => reference.text));
  const regret = regretsOver(found.map(({ run, reference }) => ({ run, reached: reference.goodputPerGpu })));
  return {
    goodputPerGpu: over("goodputPerGpu"),
    slaAttainment: over("slaAttainment"),
    gpuHours: over("gpuHours"),
    scaleEvents: over("scaleEvents"),
    secondsAboveSla: over("secondsAboveSla"),
    regret: { ...regret, [name]: null },
    text: texts.size === 1 ? [...texts][0]! : "",
  };
}

function valueOver(values: readonly number[]): JudgedValue {
  if (values.length === 0) return NOTHING;
  const { mean, ci95 } = overSeeds(values);
  return { mean, ci95 };
}
