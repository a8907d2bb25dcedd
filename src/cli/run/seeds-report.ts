import { type OverSeeds, overSeeds } from "#src/study";
import type { CellResult } from "../shard/run-cells.ts";
import { textTable } from "../text-table.ts";

/** All runs of one scenario, by seed. */
export interface ScenarioRuns {
  name: string;
  file: string;
  runs: readonly CellResult[];
}

/** Version of the layout; a number goes up when a field changes its meaning or goes away. */
const SCHEMA = "understudy-seeds/1";

/** Measures of the table, in its order; the JSON has all of them. */
const SHOWN = [
  "requests",
  "errors",
  "unfinished",
  "slaAttainment",
  "ttftAttainment",
  "itlAttainment",
  "goodput",
  "goodputPerGpu",
  "gpuHours",
  "averageGpus",
  "peakGpus",
  "scaleEvents",
  "ttft.mean",
  "ttft.p99",
  "itl.mean",
  "itl.p99",
  "e2e.p99",
];

/** Every measure over the seeds; runs in which it has no sample don't count. */
function overRuns(runs: readonly CellResult[]): Record<string, OverSeeds> {
  const names = Object.keys(runs[0]?.measures ?? {});
  const samples = names.map(
    (name) => [name, runs.map(({ measures }) => measures[name]!).filter(Number.isFinite)] as const,
  );
  return Object.fromEntries(
    samples.filter(([, values]) => values.length > 0).map(([name, values]) => [name, overSeeds(values)]),
  );
}

/** Measures without a sample, and intervals of one run, are null. */
export function seedsJson({ name, file, runs }: ScenarioRuns): string {
  const document = {
    schema: SCHEMA,
    name,
    file,
    seeds: runs.map(({ seed }) => seed),
    held: runs.filter(({ passed }) => passed).length,
    measures: overRuns(runs),
    runs: runs.map(({ seed, passed, measures }) => ({ seed, passed, measures })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

export function seedsText({ name, runs }: ScenarioRuns): string {
  const failed = runs.filter(({ passed }) => !passed).map(({ seed }) => seed);
  const held =
    failed.length === 0
      ? "all expectations held in each of them"
      : `expectations failed with ${failed.length} of them: ${failed.slice(0, 20).join(", ")}${failed.length > 20 ? ", …" : ""}`;
  const over = overRuns(runs);
  const rows = SHOWN.flatMap((measure) => {
    const found = over[measure];
    if (found === undefined) return [];
    const { mean, ci95, standardDeviation, min, max } = found;
    return [[measure, ...[mean, ci95, standardDeviation, min, max].map(shown)]];
  });
  return `${name}, ${runs.length} seeds: ${held}\n${textTable(["measure", "mean", "± 95 %", "sd", "min", "max"], rows)}`;
}

function shown(value: number): string {
  if (Number.isNaN(value)) return "–";
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
