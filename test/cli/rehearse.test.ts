import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliProcess, waitFor } from "../integration/processes.ts";
import { runUnderstudy, SMALL_SCENARIO as SCENARIO } from "./run-understudy.ts";

const ALL_FILES = [
  "decisions.jsonl",
  "junit.xml",
  "report.html",
  "report.json",
  "requests.csv",
  "requests.parquet",
  "run.json",
];
const COLOUR = "\u001b[";

let folder: string;
const run = (...args: string[]) => runUnderstudy(folder, ...args);
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const read = (...parts: string[]) => readFileSync(join(folder, ...parts));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-cli-"));
  write("small.yaml", SCENARIO);
  write("failing.yaml", SCENARIO.replace("errors: 0", "errors: 0\n  slaAttainment: '> 1'"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("understudy run", () => {
  it("prints what came of it, writes every report where -o says, and exits 0", () => {
    const { status, stdout, stderr } = run("run", "small.yaml", "-o", "out/here");
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("small");
    expect(stdout).not.toContain(COLOUR);
    expect(stderr).toMatch(/Reports in .*here/);
    expect(readdirSync(join(folder, "out", "here")).sort()).toEqual(ALL_FILES);
    const report = JSON.parse(read("out", "here", "report.json").toString()) as { name: string };
    expect(report.name).toBe("small");
  });

  it("warns of more workers at the start than the planner's budget has", () => {
    write("above.yaml", SCENARIO.replaceAll("workers: 1", "workers: 3"));
    const warning =
      /^warning: above\.yaml:\d+:\d+ \(planner\.maxGpus\): the run begins with 6 GPUs where maxGpus allows 4: /m;
    expect(run("run", "above.yaml", "--no-report").stderr).toMatch(warning);
    expect(run("run", "above.yaml", "--no-report", "--quiet").stderr).toBe("");
  });

  it("makes the same files with the rows of requests on disk while it runs, and leaves no other", () => {
    const files = (dir: string, ...flags: string[]) => {
      const { status, stdout, stderr } = run("run", "small.yaml", "-o", dir, ...flags);
      expect(status, stderr).toBe(0);
      expect(readdirSync(join(folder, dir)).sort()).toEqual(ALL_FILES);
      const read = ALL_FILES.filter((name) => name !== "run.json").map((name) => readFileSync(join(folder, dir, name)));
      return { stdout, hashes: read.map((bytes) => createHash("sha256").update(bytes).digest("hex")) };
    };
    const onDisk = files("rows/on-disk", "--rows-in-memory", "100", "--check");
    expect(onDisk).toEqual(files("rows/in-memory"));
  });

  it("says where the rows can't go, before it starts", () => {
    write("a-file", "");
    const { status, stderr } = run("run", "small.yaml", "-o", "a-file", "--rows-in-memory", "0");
    expect(status).toBe(2);
    expect(stderr).toMatch(/a-file: it is a file, expected a folder/);
    expect(stderr).not.toMatch(/\n +at /);
  });

  it.each([
    ["rows in memory", "long", []],
    ["rows on disk", "long-on-disk", ["--rows-in-memory", "1000"]],
  ])(
    "ends on Ctrl-C with what came of it until then, %s",
    async (_, dir, flags) => {
      // Days of traffic, a minute or so of work.
      write("long.yaml", SCENARIO.replace("duration: 60s", "duration: 3d"));
      const child = new CliProcess(["run", join(folder, "long.yaml"), "-o", join(folder, dir), ...flags]);
      await waitFor("progress", () => /simulated/.test(child.output), 60_000);
      child.kill("SIGINT");
      expect((await child.exited).code).toBe(130);
      expect(child.output).toMatch(/interrupted after [\d.]+ (s|min|h) of the run/);
      const report = JSON.parse(read(dir, "report.json").toString()) as {
        endMs: number;
        requests: { total: number; completed: number };
      };
      expect(report.endMs).toBeLessThan(3 * 86_400_000);
      expect(report.requests.completed).toBeGreaterThan(0);
      expect(report.requests.total).toBeLessThan(8 * 3 * 86_400);
      expect(JSON.parse(read(dir, "run.json").toString())).toMatchObject({ interrupted: true });
      expect(readdirSync(join(folder, dir)).sort()).toEqual(ALL_FILES);
    },
    180_000,
  );

  it("is held against the invariants, which changes no byte", () => {
    const plain = run("run", "small.yaml", "--json", "--no-report");
    const checked = run("run", "small.yaml", "--json", "--no-report", "--check");
    expect(checked).toMatchObject({ status: 0, stdout: plain.stdout });
    expect(checked.stderr).toContain("all 10 invariants held");
    expect(run("run", "small.yaml", "--live", "--check").stderr).toContain("not together with --live");
  });

  it("gives the same bytes for the same seed, on either engine, and others for another", () => {
    expect(run("run", "small.yaml", "-o", "one", "--quiet")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(run("run", "small.yaml", "-o", "two", "--quiet").status).toBe(0);
    expect(run("run", "small.yaml", "-o", "other", "--quiet", "--seed", "4").status).toBe(0);
    for (const file of ["report.json", "requests.csv", "report.html", "decisions.jsonl"]) {
      expect(read("one", file).equals(read("two", file)), file).toBe(true);
      expect(read("one", file).equals(read("other", file)), file).toBe(false);
    }
    expect(run("run", "small.yaml", "-o", "stepping", "--quiet", "--engine", "stepping").status).toBe(0);
    expect(read("one", "requests.csv").equals(read("stepping", "requests.csv"))).toBe(true);
    expect(read("one", "decisions.jsonl").equals(read("stepping", "decisions.jsonl"))).toBe(true);
  });

  it("exits 1 where an expectation fails, and says which", () => {
    const { status, stdout } = run("run", "failing.yaml", "--no-report");
    expect(status).toBe(1);
    expect(stdout).toContain("slaAttainment");
    expect(stdout).toContain("> 1");
    expect(run("run", "small.yaml", "failing.yaml", "--no-report", "--quiet").status).toBe(1);
  });

  it("prints report.json alone on stdout with --json", () => {
    const { status, stdout } = run("run", "small.yaml", "--json", "-o", "json");
    expect(status).toBe(0);
    expect(stdout).toBe(read("json", "report.json").toString());
    expect(JSON.parse(stdout)).toMatchObject({ name: "small" });
  });

  it("writes nothing with --no-report", () => {
    const before = readdirSync(folder);
    expect(run("run", "small.yaml", "--no-report", "--quiet")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(readdirSync(folder)).toEqual(before);
    expect(existsSync(join(folder, "understudy-results"))).toBe(false);
  });

  it("shows the best static deployment, and knows it from then on", () => {
    expect(run("run", "small.yaml", "--no-report").stdout).not.toMatch(/static/i);
    const searched = run("run", "small.yaml", "--no-report", "--best-static", "--json");
    const best = (text: string) => (JSON.parse(text) as { bestStatic?: unknown }).bestStatic;
    expect(best(searched.stdout)).toMatchObject({ maxGpus: 4, any: expect.anything() });
    expect(best(run("run", "small.yaml", "--no-report", "--json").stdout)).toEqual(best(searched.stdout));
    expect(run("run", "small.yaml", "--no-report").stdout).toMatch(/static/i);
  });
});

describe("understudy start", () => {
  it("rehearses the main scenario and writes its reports", () => {
    const { status, stdout, stderr } = run("start", "-o", "first");
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("sin-5-45-i3000-o300");
    expect(readdirSync(join(folder, "first"))).toEqual(
      expect.arrayContaining(["report.html", "report.json", "requests.csv"]),
    );
    // The best static deployment comes with the library.
    expect(stdout).toMatch(/static/i);
  });
});
