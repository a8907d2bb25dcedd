/**
 * Makes dist/: the JavaScript of the rooms, beside it what they read at run time (data, fonts, templates), and a package.json
 * whose subpath imports name the built files. Node strips no types below node_modules, so an installed package runs this.
 */
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPage } from "./build-page.ts";

const project = fileURLToPath(new URL("..", import.meta.url));
const dist = join(project, "dist");
const ROOMS = ["common", "profiles", "scenarios", "mocker", "planner", "src"];

interface Manifest {
  name: string;
  version: string;
  license: string;
  type: string;
  imports: Record<string, string>;
}

rmSync(dist, { recursive: true, force: true });
const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
const tsc = spawnSync(process.execPath, [join(typescript, "bin", "tsc"), "-p", join(project, "tsconfig.build.json")], {
  stdio: ["ignore", 2, 2],
});
if (tsc.status !== 0) process.exit(1);
for (const room of ROOMS) {
  cpSync(join(project, room), join(dist, room), { recursive: true, filter: isAsset });
}
await buildPage(join(dist, "src", "web", "page-built"));
const { name, version, license, type, imports } = JSON.parse(
  readFileSync(join(project, "package.json"), "utf8"),
) as Manifest;
const builtImports = Object.fromEntries(
  Object.entries(imports).map(([room, target]) => [room, target.replace(/\.ts$/, ".js")]),
);
writeFileSync(
  join(dist, "package.json"),
  `${JSON.stringify({ name, version, license, type, private: true, imports: builtImports }, null, 2)}\n`,
);

/** Everything but sources (tsc has translated them, Vite the page) and what is for readers. */
function isAsset(path: string): boolean {
  const parts = relative(project, path).split(sep);
  if (parts.join("/") === "src/web/page") return false;
  return !parts.includes("__pycache__") && !/\.(ts|tsx|md)$/.test(path);
}
