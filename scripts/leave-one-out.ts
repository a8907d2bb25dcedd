/**
 * Prints how well each family of surfaces predicts samples that it has not seen, as the tables of docs/surfaces.md.
 * Without arguments: the measured profiles of the reference data. Arguments: profiles (names, folders, files).
 */
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import {
  buildSurface,
  type LeaveOneOutErrors,
  leaveOneOut,
  loadProfile,
  type Profile,
  type Surface,
  unsnappedCompatSurface,
} from "#profiles";
import { referencePath } from "../test/reference-path.ts";

type Quantity = keyof LeaveOneOutErrors;

const QUANTITIES: Record<Quantity, string> = {
  ttft: "TTFT",
  itl: "ITL",
  decodeThroughput: "decode throughput",
  prefillThroughput: "prefill throughput",
};
const FAMILIES: Record<string, (profile: Profile) => Surface> = {
  "compat (table)": (profile) => buildSurface(profile, "compat"),
  "compat (no table)": unsnappedCompatSurface,
  robust: (profile) => buildSurface(profile, "robust"),
};

const paths = process.argv.slice(2);
const profiles = (paths.length > 0 ? paths : referenceProfiles()).map((path) => loadProfile(path));
const results = profiles.map((profile) => ({
  profile,
  errors: Object.entries(FAMILIES).map(([family, build]) => ({ family, errors: leaveOneOut(profile, build) })),
}));
for (const [quantity, title] of Object.entries(QUANTITIES) as [Quantity, string][]) printTable(quantity, title);

function printTable(quantity: Quantity, title: string): void {
  const families = Object.keys(FAMILIES);
  console.log(`\n| ${title}: mean (median) relative error | points | ${families.join(" | ")} |`);
  console.log(`|---|---|${families.map(() => "---|").join("")}`);
  for (const { profile, errors } of results) {
    const cells = errors.map(({ errors: of }) => `${percent(mean(of[quantity]))} (${percent(median(of[quantity]))})`);
    console.log(`| ${profile.name} | ${errors[0]!.errors[quantity].length} | ${cells.join(" | ")} |`);
  }
  const geometric = families.map((family) => {
    const means = results.map(({ errors }) => mean(errors.find((entry) => entry.family === family)!.errors[quantity]));
    return percent(Math.exp(mean(means.map(Math.log))));
  });
  console.log(`| geometric mean | | ${geometric.join(" | ")} |`);
}

function referenceProfiles(): string[] {
  const folders = [referencePath("planner", "profiles"), referencePath("profiles")];
  if (!folders.every((folder) => existsSync(folder))) {
    console.error(`no reference data at ${referencePath()}: name profiles, or set UNDERSTUDY_REFERENCE`);
    process.exit(2);
  }
  const paths = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  // One profile is there twice, as npz folder and as JSON.
  return paths.filter((path) => basename(path) !== "h200-llama31-8b-fp8-tp1");
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.0995 ? 2 : 1)} %`;
}
