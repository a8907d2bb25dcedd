import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, sep } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectFiles, projectFolder, readProjectFile } from "../structure/project-files.ts";

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
      "dist/src/web/page-built/index.html",
      ...projectFiles().filter((path) => path.startsWith("examples/")),
      ...projectFiles()
        .filter((path) => /^(src|planner|scenarios|profiles)\/.*(\/data\/|\/library\/|\.schema\.json$)/.test(path))
        .filter((path) => !path.endsWith(".ts"))
        .map((path) => `dist/${path}`),
    ];
    for (const path of ["src/profiler/config/dgdr.schema.json", "src/estimator/data/h200_sxm_vllm.json.gz"])
      expect(needed).toContain(`dist/${path}`);
    expect(needed.filter((path) => !files.includes(path))).toEqual([]);
    expect(files.filter((path) => /^(test|bench|scripts)\/|\.ts$/.test(path))).toEqual([]);
  });

  it("names in its notice whose work it carries", () => {
    const notice = readFileSync(join(folder, "node_modules", "llm-understudy", "NOTICE"), "utf8");
    for (const name of ["aiconfigurator", "NVIDIA", "Inter Project", "Preact"]) expect(notice).toContain(name);
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

    it("profiles with the measurements that it brought along", () => {
      const output = join(folder, `profiled-${version}`);
      const request = ["--model", "Qwen/Qwen3-32B", "--backend", "vllm", "--gpu", "h200_sxm", "--strategy", "rapid"];
      expect(run(path, "profile", ...request, "--output-dir", output)).toMatchObject({ status: 0 });
      expect(readdirSync(output)).toContain("config_with_planner.yaml");
      rmSync(output, { recursive: true });
    });

    it("shows results in the page that it brought along", async () => {
      const output = join(folder, `picked-${version}`);
      const bin = join(folder, "node_modules", "llm-understudy", "bin", "understudy.mjs");
      const request = ["--model", "Qwen/Qwen3-32B", "--backend", "vllm", "--gpu", "h200_sxm", "--strategy", "rapid"];
      const page = ["--pick-with-webui", "--webui-port", "0", "--output-dir", output];
      const child = spawn(path, [bin, "profile", ...request, ...page], {
        cwd: folder,
        stdio: ["ignore", "ignore", "pipe"],
      });
      const ended = once(child, "exit");
      try {
        const url = await new Promise<string>((resolve, reject) => {
          let said = "";
          child.stderr.setEncoding("utf8").on("data", (text: string) => {
            said += text;
            const found = /http:\/\/[^\s/]+/.exec(said);
            if (found) resolve(found[0]);
          });
          child.once("exit", () => reject(new Error(said)));
        });
        const html = await (await fetch(url)).text();
        const [script] = /assets\/[^"]+\.js/.exec(html)!;
        expect((await fetch(`${url}/${script}`)).status).toBe(200);
      } finally {
        child.kill("SIGINT");
      }
      expect(await ended).toEqual([130, null]);
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
