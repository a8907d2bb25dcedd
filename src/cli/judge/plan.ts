import type { Override } from "#scenarios";
import { formatDeployment, type JudgedCase, type JudgeReport, type TunedPlanner } from "#src/report";
import {
  BASELINES,
  type JudgedMeasures,
  judgedCase,
  type PlannerRun,
  type ReferenceRun,
  type RunOutcome,
  type SeedRuns,
  tuningScore,
} from "#src/study";
import type { JudgedChoice } from "./planners.ts";
import type { JudgeTask } from "./tasks.ts";

/** A scenario with a start-up time. */
export interface JudgeGroup {
  file: string;
  scenario: string;
  mode: "agg" | "disagg";
  startupS: number | null;
  maxGpus: number;
  check?: true;
  /** Something goes wrong in it. */
  hasFaults: boolean;
}

export interface JudgePlan {
  groups: readonly JudgeGroup[];
  choices: readonly JudgedChoice[];
  seeds: readonly (number | null)[];
  floor: number;
  /** Runs of the hindsight searches; 0: that one is left out. */
  runs: { clair: number; oracle: number };
}

type OutcomeOf = (task: JudgeTask) => RunOutcome | undefined;

function task(
  { file, mode, startupS, maxGpus, check }: JudgeGroup,
  seed: number | null,
  what: JudgeTask["what"],
): JudgeTask {
  const pools = mode === "agg" ? ["agg"] : ["prefill", "decode"];
  const set: Override[] =
    startupS === null ? [] : pools.map((pool) => ({ path: ["deployment", pool, "startup"], value: `${startupS}s` }));
  return { file, set, seed, maxGpus, ...(check ? { check } : {}), what };
}

/** A deployment that never scales has no start-up, unless it loses workers: one search serves all start-up times. */
function staticTask(group: JudgeGroup, seed: number | null, floor: number): JudgeTask {
  const startupS = group.hasFaults ? group.startupS : null;
  return task({ ...group, startupS }, seed, { kind: "static", floor });
}

/** All tasks, quick ones first. */
export function tasksOf({ groups, choices, seeds, floor, runs }: JudgePlan): JudgeTask[] {
  const each = <T>(make: (group: JudgeGroup, seed: number | null) => T[]) =>
    groups.flatMap((group) => seeds.flatMap((seed) => make(group, seed)));
  return [
    ...each((group, seed) => choices.map(({ choice }) => task(group, seed, { kind: "planner", planner: choice }))),
    ...each((group, seed) => [staticTask(group, seed, floor)]),
    ...each((group, seed) => (runs.clair > 0 ? [task(group, seed, { kind: "hindsight", floor, runs })] : [])),
  ];
}

/** What came of the tasks; seeds of which something is missing are left out. */
export function casesOf(plan: JudgePlan, outcomeOf: OutcomeOf): { cases: JudgedCase[]; isWhole: boolean } {
  const { groups, choices, seeds, floor, runs } = plan;
  let isWhole = true;
  const cases = groups.flatMap((group) => {
    const found = seeds.flatMap((seed): SeedRuns[] => {
      const played = choices.map(({ choice }) => outcomeOf(task(group, seed, { kind: "planner", planner: choice })));
      const fixed = outcomeOf(staticTask(group, seed, floor));
      const plans = runs.clair > 0 ? outcomeOf(task(group, seed, { kind: "hindsight", floor, runs })) : null;
      if (played.includes(undefined) || fixed === undefined || plans === undefined) {
        isWhole = false;
        return [];
      }
      return [
        {
          references: {
            s99: referenceOf("s99", fixed, group.mode),
            any: referenceOf("any", fixed, group.mode),
            clair: referenceOf("clair", plans, group.mode),
            oracle: referenceOf("oracle", plans, group.mode),
          },
          bound: measuresOf(plans)?.bound ?? null,
          planners: new Map(choices.map(({ name }, i) => [name, measuresOrWhy(played[i]!)])),
        },
      ];
    });
    if (found.length === 0) return [];
    const { scenario, startupS, hasFaults, maxGpus } = group;
    const names = choices.map(({ name }) => name);
    return [judgedCase({ scenario, startupS, hasFaults, maxGpus }, names, found)];
  });
  return { cases, isWhole };
}

/** Tasks that choose settings: all settings of all planners that have several. */
export function tuningTasks(plan: JudgePlan): JudgeTask[] {
  return plan.groups.flatMap((group) =>
    plan.seeds.flatMap((seed) => [
      staticTask(group, seed, plan.floor),
      ...tunable(plan.choices).flatMap(({ name, settings }) =>
        settings.map((_, setting) =>
          task(group, seed, { kind: "planner", planner: { kind: "baseline", name, setting } }),
        ),
      ),
    ]),
  );
}

/** The settings with the best score, one set a planner for all cases; null where a run is missing. */
export function tuned(
  plan: JudgePlan,
  outcomeOf: OutcomeOf,
): { choices: JudgedChoice[]; tuning: NonNullable<JudgeReport["tuning"]> } | null {
  const chosen = new Map<string, number>();
  const planners: TunedPlanner[] = [];
  for (const { name, settings } of tunable(plan.choices)) {
    const tried: (TunedPlanner["tried"][number] & { setting: number })[] = [];
    for (const [setting, { text }] of settings.entries()) {
      const runs = plan.groups.flatMap((group) =>
        plan.seeds.map((seed) => ({
          played: outcomeOf(task(group, seed, { kind: "planner", planner: { kind: "baseline", name, setting } })),
          fixed: outcomeOf(staticTask(group, seed, plan.floor)),
        })),
      );
      if (runs.some(({ played, fixed }) => played === undefined || fixed === undefined)) return null;
      const judged = runs.flatMap(({ played, fixed }) => {
        const measures = measuresOf(played!);
        if (measures === null) return [];
        const s99 = measuresOf(fixed!)?.["s99.goodputPerGpu"] ?? null;
        return [{ goodputPerGpu: measures.goodputPerGpu!, slaAttainment: measures.slaAttainment!, s99 }];
      });
      if (judged.length > 0) tried.push({ setting, text, score: tuningScore(judged, plan.floor) });
    }
    // Who can play none of the cases has nothing to choose from.
    if (tried.length === 0) continue;
    const best = tried.reduce((found, each) => (each.score > found.score ? each : found));
    chosen.set(name, best.setting);
    planners.push({ name, chosen: best.text, tried: tried.map(({ text, score }) => ({ text, score })) });
  }
  const choices = plan.choices.map(({ name, choice }) =>
    choice.kind === "baseline" ? { name, choice: { ...choice, setting: chosen.get(name) ?? 0 } } : { name, choice },
  );
  return { choices, tuning: { seeds: plan.seeds.length, planners } };
}

function tunable(choices: readonly JudgedChoice[]) {
  return BASELINES.filter(
    ({ name, settings }) =>
      settings.length > 1 && choices.some(({ choice }) => choice.kind === "baseline" && choice.name === name),
  );
}

function measuresOf(outcome: RunOutcome | null): Record<string, number> | null {
  return outcome !== null && "measures" in outcome ? outcome.measures : null;
}

function measuresOrWhy(outcome: RunOutcome): PlannerRun | string {
  if ("measures" in outcome) {
    const { measures, failure } = outcome;
    return { ...(measures as JudgedMeasures), ...(failure === undefined ? {} : { failure }) };
  }
  return "refused" in outcome ? outcome.refused : outcome.gaveUp;
}

function referenceOf(name: string, outcome: RunOutcome | null, mode: JudgeGroup["mode"]): ReferenceRun | null {
  const measures = measuresOf(outcome);
  const value = (measure: string) => measures?.[`${name}.${measure}`];
  const goodputPerGpu = value("goodputPerGpu");
  if (goodputPerGpu === undefined) return null;
  const workers = value("decode");
  const deployment = (decode: number) =>
    mode === "agg" ? String(decode) : formatDeployment(mode, value("prefill")!, decode);
  const text = workers === undefined ? "" : deployment(workers);
  return {
    goodputPerGpu,
    slaAttainment: value("slaAttainment")!,
    gpuHours: value("gpuHours")!,
    scaleEvents: value("scaleEvents")!,
    secondsAboveSla: value("secondsAboveSla")!,
    text,
  };
}
