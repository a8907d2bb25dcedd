import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, sep } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectFolder, readProjectFile } from "../structure/project-files.ts";

const { version, engines } = JSON.parse(readProjectFile("package.json")) as {
  version: string;
  engines: { node: string };
};

/** Whether a Node is as new as package.json asks for. */
function isNewEnough(name: string): boolean {
  const [major, minor] = name.slice(1).split(".").map(Number);
  const [neededMajor, neededMinor] = engines.node.slice(2).split(".").map(Number);
  return major! > neededMajor! || (major === neededMajor && minor! >= neededMinor!);
}

/** The Node of the tests, and the one a user would have outside of a checkout, where that is another. */
function nodes(): { name: string; path: string }[] {
  const onPath = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.includes(`${sep}node_modules${sep}`))
    .map((folder) => join(folder, "node"))
    .find((path) => existsSync(path));
  const paths = [...new Set([process.execPath, ...(onPath === undefined ? [] : [onPath])])];
  return paths.map((path) => ({ path, name: execFileSync(path, ["--version"], { encoding: "utf8" }).trim() }));
}

describe("the package, packed and installed elsewhere", () => {
  let folder: string;
  let files: string[];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-package-"));
    const npm = (cwd: string, ...args: string[]) => execFileSync("npm", args, { cwd, encoding: "utf8", stdio: "pipe" });
    const packed = JSON.parse(npm(projectFolder, "pack", "--json", "--pack-destination", folder)) as unknown;
    files = packedFiles(packed);
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"))!;
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    npm(folder, "install", "--no-audit", "--no-fund", join(folder, tarball));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function run(node: string, ...args: string[]) {
    const bin = join(folder, "node_modules", "llm-understudy", "bin", "understudy.mjs");
    const env = { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter), NO_COLOR: "1" };
    const { status, stdout, stderr } = spawnSync(node, [bin, ...args], { cwd: folder, encoding: "utf8", env });
    return { status, stdout, stderr };
  }

  it("holds what a run needs, and nothing of the tests", () => {
    const needed = [
      "LICENSE",
      "NOTICE",
      "README.md",
      "bin/understudy.mjs",
      "dist/package.json",
      "dist/src/cli/main.js",
      "dist/src/estimator/data/h200_sxm_vllm.json.gz",
      "dist/src/profiler/config/dgdr.schema.json",
      "examples/dgdr/rapid_v1beta1.yaml",
      "dist/src/web/page-built/index.html",
    ];
    expect(needed.filter((path) => !files.includes(path))).toEqual([]);
    expect(files.filter((path) => /^(test|bench|scripts)\/|\.ts$/.test(path))).toEqual([]);
  });

  it("puts understudy on the path of npm's scripts", () => {
    const bin = join(folder, "node_modules", ".bin", "understudy");
    const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };
    expect(execFileSync(bin, ["--version"], { encoding: "utf8", env })).toBe(`${version}\n`);
  });

  it.each(nodes().filter(({ name }) => !isNewEnough(name)))(
    "on Node $name says that it needs a newer one",
    ({ path }) => {
      expect(run(path, "--version")).toMatchObject({
        status: 2,
        stderr: expect.stringContaining(`needs Node ${engines.node.slice(2)} or newer`),
      });
    },
  );

  describe.each(nodes().filter(({ name }) => isNewEnough(name)))("on Node $name", ({ path }) => {
    it("tells its version", () => {
      expect(run(path, "--version")).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
    });

    it("loads every subcommand", () => {
      expect(run(path, "--help")).toMatchObject({ status: 0, stderr: "" });
    });

    it("does the main job with the data it brought along", () => {
      const output = join(folder, `results-${version}`);
      expect(run(path, "start", "-o", output)).toMatchObject({ status: 0 });
      expect(readdirSync(output, { recursive: true, encoding: "utf8" }).join("\n")).toContain("report.html");
      rmSync(output, { recursive: true });
    });

    it("profiles with the measurements and the page that it brought along", () => {
      const output = join(folder, `profiled-${version}`);
      const request = ["--model", "Qwen/Qwen3-32B", "--backend", "vllm", "--gpu", "h200_sxm", "--strategy", "rapid"];
      expect(run(path, "profile", ...request, "--output-dir", output)).toMatchObject({ status: 0 });
      expect(readdirSync(output)).toContain("config_with_planner.yaml");
      rmSync(output, { recursive: true });
    });

    it("ends in an error where the input is wrong", () => {
      expect(run(path, "conformance", "dynosim", "no-such-folder")).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/^error: no-such-folder: /),
      });
    });
  });
});

/** `npm pack --json` lists packages, or maps their names to them, depending on npm's version. */
function packedFiles(packed: unknown): string[] {
  const [first] = Object.values(packed as Record<string, { files: { path: string }[] }>);
  return first!.files.map((file) => file.path);
}
