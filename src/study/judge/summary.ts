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
  text: string;
}

/** All that was run of one case and one seed. */
export interface SeedRuns {
  references: Partial<Record<ReferenceName, ReferenceRun | null>>;
  bound: number | null;
  /** By name; a text where the planner can't play this. */
  planners: ReadonlyMap<string, JudgedMeasures | string>;
}

const NOTHING: JudgedValue = { mean: Number.NaN, ci95: Number.NaN };

/** One case over its seeds: means with intervals; regrets are of each seed's own references. */
export function judgedCase(
  head: Pick<JudgedCase, "scenario" | "startupS" | "maxGpus">,
  names: readonly string[],
  runs: readonly SeedRuns[],
): JudgedCase {
  const references = Object.fromEntries(
    JUDGE_REFERENCES.map((name) => [
      name,
      referenceOver(
        runs.flatMap((run) => run.references[name] ?? []),
        runs.length,
      ),
    ]),
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
  const regret = Object.fromEntries(
    JUDGE_REFERENCES.map((reference) => {
      const regrets = played.flatMap(({ run, measures }) => {
        const best = run.references[reference];
        return best === null || best === undefined ? [] : [regretOf(measures.goodputPerGpu, best.goodputPerGpu)];
      });
      return [reference, regrets.length === 0 ? null : valueOver(regrets)];
    }),
  ) as unknown as Regrets;
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
    regret,
    refused: refused ?? null,
  };
}

/** 1 − reached ÷ best: the share of what could have been had that was not. */
export function regretOf(reached: number, best: number): number {
  return best > 0 ? 1 - reached / best : 0;
}

/** null where it is not known of every seed: means over some seeds alone could not be compared. */
function referenceOver(found: readonly ReferenceRun[], seeds: number): JudgedReference | null {
  if (found.length === 0 || found.length < seeds) return null;
  const texts = new Set(found.map(({ text }) => text));
  return {
    goodputPerGpu: valueOver(found.map(({ goodputPerGpu }) => goodputPerGpu)),
    slaAttainment: valueOver(found.map(({ slaAttainment }) => slaAttainment)),
    gpuHours: valueOver(found.map(({ gpuHours }) => gpuHours)),
    text: texts.size === 1 ? found[0]!.text : "",
  };
}

function valueOver(values: readonly number[]): JudgedValue {
  if (values.length === 0) return NOTHING;
  const { mean, ci95 } = overSeeds(values);
  return { mean, ci95 };
}
