import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, relative } from "node:path";
import type { z } from "zod";
import type { PredictorTools } from "#planner/predictors";
import type { Surface } from "#profiles";
import { dryRunFile, gridFile, interpFile, kindOf, predictorFile, replicaFile, sequenceFile } from "./case-schemas.ts";
import type { Comparison } from "./comparison.ts";
import { checkRow, failedRow, type PlannerConformanceRow, skippedRow } from "./conformance-row.ts";
import { compareReplicas, compareSequence } from "./decision-cases.ts";
import { compareDryRun } from "./dry-run-cases.ts";
import { noPlannerCases, parseCases } from "./errors.ts";
import { compareEnsemble, compareEnsembleWithBest, comparePredictions, predictorByName } from "./predictor-cases.ts";
import { PredictorScores } from "./predictor-scores.ts";
import { RecordedProfiles } from "./profiles.ts";
import { scalingRows } from "./scaling-rows.ts";
import { compareGrid, compareInterpolation } from "./surface-cases.ts";

const NOT_OURS = "not for this command";

/**
 * Checks every recorded case of the reference planner in a folder and its subfolders, in order of their paths. What a file
 * holds is told by its content; profiles are found by name in a `profiles` folder beside a case or above it.
 * @param tools Prophet's cases are skipped where it is not among them
 * @throws UserError CONFORMANCE_NO_CASES
 */
export function runPlannerConformance(
  folder: string,
  onRow: (row: PlannerConformanceRow) => void = () => {},
  tools: PredictorTools = {},
): PlannerConformanceRow[] {
  const rows: PlannerConformanceRow[] = [];
  const run: Run = { profiles: new RecordedProfiles(), scores: new PredictorScores(), tools };
  const add = (row: PlannerConformanceRow) => {
    rows.push(row);
    onRow(row);
  };
  for (const file of jsonFiles(folder)) {
    const label = relative(folder, file) || basename(file);
    for (const row of checkFile(file, label, run)) add(row);
  }
  for (const row of ensembleRows(run.scores)) add(row);
  if (!rows.some((row) => row.skipped !== NOT_OURS)) throw noPlannerCases(folder);
  return rows;
}

/** What the cases of a run share. */
interface Run {
  profiles: RecordedProfiles;
  scores: PredictorScores;
  tools: PredictorTools;
}

function checkFile(file: string, label: string, run: Run): PlannerConformanceRow[] {
  try {
    return checkContent(JSON.parse(readFileSync(file, "utf8")), file, label, run);
  } catch (error) {
    return [failedRow(label, error)];
  }
}

function checkContent(value: unknown, file: string, label: string, run: Run) {
  const withSurface = (suffix: string, name: string, compare: (surface: Surface) => Comparison) =>
    checkRow(`${label}${suffix}`, () => {
      const surface = run.profiles.surface(file, name);
      return surface === null ? `no profile "${name}" in a profiles folder beside or above the case` : compare(surface);
    });
  switch (kindOf(value)) {
    case "interp": {
      const parsed = parseCases(interpFile, value, file);
      return [withSurface("", parsed.profile, (surface) => compareInterpolation(surface, parsed))];
    }
    case "grid": {
      const parsed = parseCases(gridFile, value, file);
      return [withSurface("", parsed.profile, (surface) => compareGrid(surface, parsed))];
    }
    case "replica":
      return parseCases(replicaFile, value, file).cases.map((recorded) =>
        withSurface(`#${recorded.id}`, recorded.profile, (surface) => compareReplicas(surface, recorded)),
      );
    case "sequence":
      return parseCases(sequenceFile, value, file).sequences.map((recorded) =>
        withSurface(`#${recorded.id}`, recorded.profile, (surface) => compareSequence(surface, recorded)),
      );
    case "dryrun": {
      const parsed = parseCases(dryRunFile, value, file);
      return parsed.runs.map((recorded, index) => {
        const suffix = `#${index} ${recorded.dataset} ${recorded.predictor}`;
        if (recorded.predictor === "prophet" && run.tools.prophet === undefined) {
          return skippedRow(`${label}${suffix}`, "Prophet's library has not been loaded");
        }
        return withSurface(suffix, parsed.profile, (surface) => compareDryRun(surface, recorded, run.tools));
      });
    }
    case "predictor":
      return predictorRows(parseCases(predictorFile, value, file), label, run);
    case "profile":
      // What cases refer to; by itself it is none.
      return [];
    default:
      return scalingRows(value, file, label, run.profiles) ?? [skippedRow(label, NOT_OURS)];
  }
}

function predictorRows(
  { series, predictions }: z.output<typeof predictorFile>,
  label: string,
  { scores, tools }: Run,
): PlannerConformanceRow[] {
  return Object.entries(predictions).flatMap(([name, bySeries]) =>
    Object.entries(bySeries).map(([seriesName, recorded]) => {
      const caseName = `${label}#${name} ${seriesName}`;
      const values = series[seriesName];
      if (values !== undefined) scores.add(seriesName, values, recorded.predictions);
      const known = predictorByName(name, tools);
      if (typeof known === "string") return skippedRow(caseName, known);
      return checkRow(caseName, () => {
        if (values === undefined) return `the file holds no series "${seriesName}"`;
        return comparePredictions(name, known, values, recorded.predictions);
      });
    }),
  );
}

/** Our ensemble against all that was recorded of each series, in whatever files. */
function ensembleRows({ series, best }: PredictorScores): PlannerConformanceRow[] {
  if (series.size === 0) return [];
  return [
    ...[...series].map(([name, values]) => checkRow(`ensemble ${name}`, () => compareEnsemble(values))),
    checkRow("ensemble against the best recorded predictor", () => compareEnsembleWithBest(series, best)),
  ];
}

/** Paths of all .json files below, sorted; a single file is itself. */
function jsonFiles(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw noPlannerCases(path);
  if (!found.isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => join(path, name));
}
