import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectFolder } from "./project-files.ts";

/** Import lines that must stop the build, by the file in which they stand. */
const FORBIDDEN: readonly (readonly [file: string, line: string])[] = [
  ["common/a.ts", 'import { x } from "#profiles";'],
  ["common/a.ts", 'import { x } from "#common";'],
  ["common/a.ts", 'import { x } from "#common/http";'],
  ["common/a.ts", 'import { x } from "../profiles/types.ts";'],
  ["common/a.ts", 'import { x } from "./http/host-port.ts";'],
  ["common/http/a.ts", 'import { x } from "#common/documents";'],
  ["common/http/a.ts", 'import { x } from "../errors.ts";'],
  ["profiles/a.ts", 'import { x } from "#scenarios";'],
  ["profiles/compat/a.ts", 'import { x } from "#src/report";'],
  ["profiles/a.ts", 'import { x } from "../common/units.ts";'],
  ["profiles/compat/a.ts", 'import { x } from "../../mocker/engine/types.ts";'],
  ["scenarios/a.ts", 'import { x } from "#profiles";'],
  ["scenarios/a.ts", 'import { x } from "#planner/core";'],
  ["scenarios/a.ts", 'import { x } from "./workload/faults.ts";'],
  ["scenarios/format/a.ts", 'import { x } from "../workload/faults.ts";'],
  ["scenarios/workload/a.ts", 'import { x } from "#scenarios";'],
  ["scenarios/workload/a.ts", 'import { x } from "../traffic.ts";'],
  ["src/estimator/a.ts", 'import { x } from "#scenarios/workload";'],
  ["mocker/engine/a.ts", 'import { x } from "#planner/core";'],
  ["mocker/engine/a.ts", 'import { x } from "#scenarios";'],
  ["mocker/engine/a.ts", 'import { x } from "#src/record";'],
  ["mocker/engine/a.ts", 'import { x } from "#mocker/router";'],
  ["mocker/engine/a.ts", 'import { readFileSync } from "node:fs";'],
  ["mocker/engine/a.ts", 'import fastify from "fastify";'],
  ["mocker/engine/a.ts", 'import { x } from "../router/types.ts";'],
  ["mocker/engine/timing/a.ts", 'import { x } from "../../../profiles/types.ts";'],
  ["mocker/engine/timing/a.ts", 'import { x } from "../../../src/record/types.ts";'],
  ["mocker/router/a.ts", 'import { x } from "#src/simulator";'],
  ["mocker/router/a.ts", 'import { x } from "../engine/types.ts";'],
  ["mocker/worker/a.ts", 'import { x } from "#planner/core";'],
  ["mocker/worker/a.ts", 'import { x } from "#src/record";'],
  ["mocker/worker/a.ts", 'import { x } from "../engine/types.ts";'],
  ["mocker/worker/http/a.ts", 'import { x } from "#mocker/frontend";'],
  ["mocker/worker/core/a.ts", 'import { x } from "../../protocol/types.ts";'],
  ["mocker/frontend/a.ts", 'import { x } from "#scenarios";'],
  ["mocker/frontend/a.ts", 'import { x } from "#mocker/worker";'],
  ["mocker/frontend/discovery/a.ts", 'import { x } from "../../worker/types.ts";'],
  ["mocker/text/a.ts", 'import { x } from "#mocker/engine";'],
  ["mocker/text/a.ts", 'import { x } from "#profiles";'],
  ["mocker/protocol/a.ts", 'import { x } from "#mocker/worker";'],
  ["mocker/protocol/a.ts", 'import { x } from "#planner/core";'],
  ["planner/core/a.ts", 'import { x } from "#mocker/engine";'],
  ["planner/core/a.ts", 'import { x } from "#src/simulator";'],
  ["planner/core/a.ts", 'import { x } from "#scenarios";'],
  ["planner/core/a.ts", 'import { x } from "node:timers";'],
  ["planner/core/a.ts", 'import { x } from "../predictors/types.ts";'],
  ["planner/predictors/a.ts", 'import { x } from "#planner/core";'],
  ["planner/predictors/bank/a.ts", 'import { x } from "../../core/types.ts";'],
  ["planner/sources/a.ts", 'import { x } from "#mocker/engine";'],
  ["planner/sources/a.ts", 'import { x } from "#src/deployment";'],
  ["planner/traces/a.ts", 'import { x } from "../sources/types.ts";'],
  ["planner/connectors/a.ts", 'import { x } from "../core/types.ts";'],
  ["planner/global/a.ts", 'import { x } from "../connectors/types.ts";'],
  ["planner/service/a.ts", 'import { x } from "../global/types.ts";'],
  ["planner/global/a.ts", 'import { x } from "#src/deployment";'],
  ["src/simulator/a.ts", 'import { x } from "#src/cli";'],
  ["src/simulator/a.ts", 'import { x } from "../cli/index.ts";'],
  ["src/simulator/a.ts", 'import { x } from "../record/types.ts";'],
  ["src/simulator/a.ts", 'import { x } from "../../mocker/engine/types.ts";'],
  ["src/conformance/dynosim/a.ts", 'import { x } from "../../simulator/pool.ts";'],
  ["src/conformance/dynosim/a.ts", 'import { x } from "../../../planner/core/types.ts";'],
  ["src/cli/a.ts", 'import { x } from "../simulator/pool.ts";'],
  ["src/cli/commands/a.ts", 'import { x } from "../../../profiles/types.ts";'],
  ["src/estimator/native/a.ts", 'import { x } from "#src/profiler";'],
  ["src/estimator/a.ts", 'import { x } from "#planner/core";'],
  ["src/deployment/a.ts", 'import { x } from "#src/profiler";'],
  ["src/deployment/a.ts", 'import { x } from "../estimator/types.ts";'],
  ["src/executor/a.ts", 'import { x } from "#src/loadgen";'],
  ["src/executor/a.ts", 'import { x } from "#planner/core";'],
  ["src/executor/kubernetes/a.ts", 'import { x } from "../../deployment/types.ts";'],
  ["src/live/a.ts", 'import { x } from "../executor/types.ts";'],
  ["src/profiler/a.ts", 'import { x } from "../deployment/types.ts";'],
  ["src/web/a.ts", 'import fastify from "fastify";'],
  ["src/web/page/a.ts", 'import { x } from "#src/loadgen";'],
  ["src/web/server/a.ts", 'import { x } from "#mocker/worker";'],
  ["src/report/a.ts", 'import { x } from "#src/cli";'],
  ["src/report/a.ts", 'import { request } from "undici";'],
  ["src/report/page/a.ts", 'import { createServer } from "node:http";'],
  ["src/report/page/a.ts", 'import { x } from "../../simulator/types.ts";'],
  ["src/web/a.ts", 'import fastify from "fastify";'],
  ["src/web/a.ts", 'import files from "@fastify/static";'],
  ["src/web/a.ts", 'import { x } from "#mocker/worker";'],
  // The other ways to import.
  ["mocker/engine/a.ts", 'import type { x } from "#planner/core";'],
  ["mocker/engine/a.ts", 'export { x } from "#src/record";'],
  ["mocker/engine/a.ts", 'const x = await import("#src/record");'],
];

const ALLOWED: readonly (readonly [file: string, line: string])[] = [
  ["common/a.ts", 'import { x } from "./units.ts";'],
  ["common/http/a.ts", 'import { x } from "#common";'],
  ["profiles/compat/a.ts", 'import { x } from "#common";'],
  ["profiles/compat/a.ts", 'import { x } from "../types.ts";'],
  ["mocker/engine/timing/a.ts", 'import { x } from "#profiles";'],
  ["mocker/router/a.ts", 'import { x } from "#mocker/engine";'],
  ["mocker/worker/a.ts", 'import { x } from "#mocker/router";'],
  ["mocker/worker/a.ts", 'import { x } from "#common/prometheus";'],
  ["mocker/worker/http/a.ts", 'import { x } from "../core/worker.ts";'],
  ["mocker/frontend/a.ts", 'import { x } from "#mocker/protocol";'],
  ["mocker/protocol/a.ts", 'import { x } from "#mocker/text";'],
  ["mocker/text/a.ts", 'import { readFileSync } from "node:fs";'],
  ["planner/core/a.ts", 'import { x } from "#planner/predictors";'],
  ["planner/sources/a.ts", 'import { x } from "#scenarios";'],
  ["src/conformance/planner/a.ts", 'import { x } from "../dynosim/compare.ts";'],
  ["src/conformance/dynosim/a.ts", 'import { x } from "../planner/compare.ts";'],
  ["src/simulator/a.ts", 'import { x } from "#mocker/engine";'],
  ["src/cli/commands/a.ts", 'import { x } from "#src/simulator";'],
  ["src/report/a.ts", 'import { x } from "#src/record";'],
  ["src/estimator/native/a.ts", 'import { x } from "#mocker/engine";'],
  ["src/deployment/a.ts", 'import { x } from "#src/estimator";'],
  ["src/executor/kubernetes/a.ts", 'import { x } from "#src/deployment";'],
  ["src/executor/local/a.ts", 'import { x } from "../types.ts";'],
  ["src/profiler/a.ts", 'import { x } from "#src/deployment";'],
  ["src/web/server/a.ts", 'import fastify from "fastify";'],
  ["src/web/a.ts", 'import { x } from "#src/profiler";'],
];

/** Globals with which a pure core would do I/O or read a clock. */
const FORBIDDEN_GLOBALS = [
  "Date.now()",
  "performance.now()",
  "process.env.HOME",
  'fetch("")',
  "setTimeout(() => {}, 1)",
];
const PURE_ROOMS = ["mocker/engine", "mocker/router", "planner/core", "planner/predictors"];

interface BiomeReport {
  diagnostics: { category: string; location: { path: string | { file: string } } }[];
}

let folder: string;
/** Rules that biome found broken, by planted file. */
let broken: Map<string, Set<string>>;
const planted = new Map<string, string>();

/** Each line in a file of its own, so that every finding belongs to one line. */
function plant(file: string, line: string): string {
  const path = file.replace(/a\.ts$/, `planted-${planted.size}.ts`);
  planted.set(path, line);
  return path;
}

const forbidden = FORBIDDEN.map(([file, line]) => ({ line, path: plant(file, line), room: dirname(file) }));
const allowed = ALLOWED.map(([file, line]) => ({ line, path: plant(file, line), room: dirname(file) }));
const globals = PURE_ROOMS.flatMap((room) =>
  FORBIDDEN_GLOBALS.map((use) => ({ use, room, path: plant(`${room}/a.ts`, `export const x = ${use};`) })),
);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-arrows-"));
  cpSync(join(projectFolder, "biome.json"), join(folder, "biome.json"));
  for (const [path, line] of planted) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${line}\n`);
  }
  const biome = join(projectFolder, "node_modules", ".bin", "biome");
  const args = ["lint", "--vcs-enabled=false", "--reporter=json", "--max-diagnostics=none", "."];
  const { stdout, status } = spawnSync(biome, args, { cwd: folder, encoding: "utf8", maxBuffer: 1 << 26 });
  expect(status).toBe(1);
  broken = new Map();
  for (const { category, location } of (JSON.parse(stdout) as BiomeReport).diagnostics) {
    const path = typeof location.path === "string" ? location.path : location.path.file;
    const rules = broken.get(path) ?? new Set();
    broken.set(path, rules.add(category));
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the linter stops an import against the arrows", () => {
  it.each(forbidden)("$room: $line", ({ path }) => {
    expect(broken.get(path)).toContain("lint/style/noRestrictedImports");
  });
});

describe("the linter lets pass an import along the arrows", () => {
  it.each(allowed)("$room: $line", ({ path }) => {
    expect(broken.get(path) ?? new Set()).not.toContain("lint/style/noRestrictedImports");
  });
});

describe("the linter stops a pure core that reads a clock or does I/O", () => {
  it.each(globals)("$room: $use", ({ path }) => {
    expect(broken.get(path)).toContain("lint/style/noRestrictedGlobals");
  });
});
