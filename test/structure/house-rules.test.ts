import { matchesGlob, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { SHARED } from "../../vitest.config.ts";
import { projectFiles, readProjectFile } from "./project-files.ts";

const MAX_LINES = 500;
const ROOMS =
  /^(common\/(?:documents|http|prometheus)|common|profiles|scenarios\/workload|scenarios|mocker\/[^/]+|planner\/[^/]+|src\/[^/]+)\//;

const files = projectFiles();
const sources = files.filter((path) => /\.(ts|tsx|mjs|py)$/.test(path));
const roomSources = sources.filter((path) => ROOMS.test(path) && path.endsWith(".ts"));

function roomOf(path: string): string | undefined {
  return ROOMS.exec(path)?.[1];
}

/** What a file imports or re-exports by a relative path, resolved against the project. */
function relativeImports(path: string): string[] {
  const text = readProjectFile(path);
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g)].map((match) => match[1]!);
  return specifiers.map((specifier) => posix.join(posix.dirname(path), specifier));
}

/** Whether a module does nothing but hand on what others export. */
function isBarrel(text: string): boolean {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "").trim();
  const rest = code
    .replace(/export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+["'][^"']+["'];?/g, "")
    .trim();
  return code !== "" && rest === "";
}

describe("house rules", () => {
  it("finds the project's files", () => {
    expect(roomSources.length).toBeGreaterThan(50);
  });

  it(`no source file is longer than ${MAX_LINES} lines`, () => {
    const lengths = sources.map((path) => ({ path, lines: readProjectFile(path).split("\n").length - 1 }));
    expect(lengths.filter(({ lines }) => lines > MAX_LINES)).toEqual([]);
  });

  it("a room's index.ts is its only barrel", () => {
    const barrels = roomSources.filter((path) => isBarrel(readProjectFile(path)));
    const rooms = roomSources.filter((path) => posix.join(roomOf(path)!, "index.ts") === path);
    expect(barrels.filter((path) => !rooms.includes(path))).toEqual([]);
    expect(rooms.filter((path) => !barrels.includes(path))).toEqual([]);
  });

  it("a relative import stays in its room", () => {
    const strays = roomSources.flatMap((path) =>
      relativeImports(path)
        .filter((target) => roomOf(target) !== roomOf(path))
        .map((target) => `${path} → ${target}`),
    );
    expect(strays).toEqual([]);
  });

  it("all randomness comes from seeded streams", () => {
    expect(roomSources.filter((path) => readProjectFile(path).includes("Math.random"))).toEqual([]);
  });

  it("every subpath import of package.json names a room that is there", () => {
    const { imports } = JSON.parse(readProjectFile("package.json")) as { imports: Record<string, string> };
    expect(Object.values(imports).filter((target) => !files.includes(posix.normalize(target)))).toEqual([]);
  });

  it("helpers of tests that share their modules set no hooks: only the first file that loads them would have them", () => {
    const shared = SHARED.map((pattern) => pattern.replace("*.test.ts", "*.ts"));
    const helpers = files.filter(
      (path) => !path.endsWith(".test.ts") && shared.some((pattern) => matchesGlob(path, pattern)),
    );
    expect(helpers.length).toBeGreaterThan(20);
    expect(helpers.filter((path) => /^(?:before|after)(?:Each|All)\(/m.test(readProjectFile(path)))).toEqual([]);
  });

  it("no file names a path of the machine on which it was written", () => {
    const machinePath = /(^|[^\w.])\/(work|root|farm|home\/\w+|Users\/\w+)\/\w/;
    const binary = /\.(png|npz|npy|parquet|woff2?|ttf|gz|zip)$/;
    const leaks = files
      .filter((path) => !binary.test(path) && path !== "package-lock.json")
      .flatMap((path) =>
        readProjectFile(path)
          .split("\n")
          .flatMap((line, i) => (machinePath.test(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 100)}`] : [])),
      );
    expect(leaks).toEqual([]);
  });

  it("the lockfile names no registry host", () => {
    expect(readProjectFile("package-lock.json")).not.toContain('"resolved": "http');
  });
});
