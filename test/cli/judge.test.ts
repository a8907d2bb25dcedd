import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliProcess, waitFor } from "../integration/processes.ts";
import { runUnderstudy, SMALL_SCENARIO } from "./run-understudy.ts";

let folder: string;
let programs: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-judge-test-"));
  programs = [];
  writeFileSync(join(folder, "small.yaml"), SMALL_SCENARIO);
});
afterEach(() => {
  for (const program of programs) program.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const judge = (...args: string[]) => runUnderstudy(folder, "judge", "small.yaml", ...args);
const QUICK = ["--clair-runs", "0", "--no-report", "--json"];

interface Value {
  mean: number;
}
interface Document {
  schema: string;
  isWhole: boolean;
  planners: { name: string; setting: string }[];
  tuning: { planners: { name: string; chosen: string; tried: { text: string; score: number }[] }[] } | null;
  cases: {
    startupS: number | null;
    seeds: number;
    bound: Value | null;
    references: Record<
      string,
      (Record<"goodputPerGpu" | "slaAttainment" | "scaleEvents", Value> & { text: string }) | null
    >;
    planners: {
      name: string;
      refused: string | null;
      goodputPerGpu: Value;
      slaAttainment: Value;
      gpuHours: Value;
      scaleEvents: Value;
      regret: Record<string, Value | null>;
    }[];
  }[];
}
const read = ({ status, stdout, stderr }: ReturnType<typeof judge>): Document => {
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Document;
};

/** Starts a planner of one's own, and waits for its first line. */
async function program(...args: string[]): Promise<string> {
  const script = fileURLToPath(new URL("./external-planner.ts", import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  programs.push(child);
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  return line.toString().trim();
}

describe("understudy judge", { timeout: 240_000 }, () => {
  it("measures what run measures, and the best static deployment that run finds", () => {
    const document = read(judge("--planners", "own,hpa", ...QUICK));
    expect(document).toMatchObject({ schema: "understudy-judge/1", isWhole: true, tuning: null });
    const run = runUnderstudy(folder, "run", "small.yaml", "--best-static", "--json", "--no-report");
    const report = JSON.parse(run.stdout) as {
      attainment: { share: number };
      cost: { gpuHours: number };
      goodput: { perGpu: number };
      bestStatic: { atFloor: { prefill: number; decode: number; goodputPerGpu: number } };
    };
    const [judged] = document.cases;
    const [own, hpa] = judged!.planners;
    const { atFloor } = report.bestStatic;
    expect(own!.slaAttainment.mean).toBe(report.attainment.share);
    expect(own!.gpuHours.mean).toBe(report.cost.gpuHours);
    expect(judged!.references.s99).toMatchObject({
      goodputPerGpu: { mean: atFloor.goodputPerGpu },
      text: `${atFloor.prefill}P${atFloor.decode}D`,
    });
    expect(own!.regret.s99!.mean).toBeCloseTo(1 - own!.goodputPerGpu.mean / atFloor.goodputPerGpu, 12);
    expect(own!.regret.clair).toBeNull();
    expect(hpa!.refused).toBeNull();
  });

  it("finds plans in hindsight, for start-up times and seeds, the same ones again, and writes its reports", () => {
    const args = [
      "--planners",
      "default",
      "--startups",
      "0,20",
      "--seeds",
      "1,2",
      "--clair-runs",
      "8",
      "--oracle-runs",
      "8",
    ];
    const { status, stderr } = judge(...args, "-o", "out");
    expect(status, stderr).toBe(0);
    expect(readdirSync(join(folder, "out")).sort()).toEqual(["judge.html", "judge.json", "judge.sqlite"]);
    const json = readFileSync(join(folder, "out", "judge.json"), "utf8");
    const { cases } = JSON.parse(json) as Document;
    expect(cases.map(({ startupS, seeds }) => [startupS, seeds])).toEqual([
      [0, 2],
      [20, 2],
    ]);
    for (const { references, bound } of cases) {
      expect([references.s99!.scaleEvents.mean, references.oracle!.scaleEvents.mean]).toEqual([0, 0]);
      expect(references.oracle!.goodputPerGpu.mean).toBeGreaterThanOrEqual(references.clair!.goodputPerGpu.mean);
      expect(bound!.mean).toBeGreaterThanOrEqual(references.oracle!.goodputPerGpu.mean);
      // A deployment that never scales has no start-up.
      expect(references.s99).toEqual(cases[0]!.references.s99);
    }
    expect(readFileSync(join(folder, "out", "judge.html"), "utf8")).toContain("<h1>Planners judged on small</h1>");
    const again = judge(...args, "--threads", "1", "--no-report", "--json");
    expect(again.stdout).toBe(json);
    const refused = judge(...args, "-o", "out");
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("found results of an earlier")]);
    expect(judge(...args, "--resume", "--json", "-o", "out").stdout).toBe(json);
  });

  it("tunes planners on seeds of their own, and says what it tried", () => {
    const document = read(judge("--planners", "default,hpa", "--tune", "--tuning-seeds", "11", ...QUICK));
    const [hpa] = document.tuning!.planners;
    expect(document.tuning!.planners).toHaveLength(1);
    expect(hpa!.tried).toHaveLength(10);
    const best = Math.max(...hpa!.tried.map(({ score }) => score));
    expect(hpa!.tried.find(({ text }) => text === hpa!.chosen)!.score).toBe(best);
    expect(document.planners).toContainEqual({ name: "hpa", setting: hpa!.chosen });
  });

  it("shows who can't play a scenario, and judges the others", () => {
    writeFileSync(
      join(folder, "small.yaml"),
      SMALL_SCENARIO.replace(/mode: disagg\n.*\n.*\n.*\n/, "mode: agg\n  agg: { workers: 1, startup: 10s }\n"),
    );
    const [judged] = read(judge("--planners", "sla-compat,default,keda,load-compat", ...QUICK)).cases;
    expect(judged!.planners.map(({ refused }) => refused !== null)).toEqual([true, false, false, false]);
    expect(judged!.planners[0]!.refused).toContain("expected a disaggregated deployment");
    expect(judged!.references.s99!.text).toMatch(/^\d+$/);
  });

  it("keeps what is done on Ctrl-C", async () => {
    const args = ["--planners", "default", "--seeds", "1..30", "--clair-runs", "0", "--threads", "1", "--quiet"];
    const child = new CliProcess(["judge", join(folder, "small.yaml"), ...args, "-o", join(folder, "out")]);
    const log = join(folder, "out", "judge.sqlite-wal");
    await waitFor("results", () => (existsSync(log) && statSync(log).size > 30_000 ? true : undefined), 60_000);
    child.kill("SIGINT");
    expect((await child.exited).code).toBe(130);
    expect(child.output).toMatch(/interrupted: \d+ new results kept; --resume goes on/);
    expect((JSON.parse(readFileSync(join(folder, "out", "judge.json"), "utf8")) as Document).isWhole).toBe(false);
  });

  it.each([
    [["--planners", "defualt"], /found "defualt", expected default, hpa.*\n {2}hint: did you mean "default"\?/],
    [["--planner", "mine"], /expected name=http:\/\/HOST:PORT or name=virtual:STORE/],
    [["--planner", "mine=ftp://127.0.0.1"], /expected name=http/],
    [["--planner", "hpa=http://127.0.0.1:1"], /found hpa twice/],
    [["--startups", "0,x"], /--startups takes seconds/],
    [["--tuning-seeds", "x"], /--tuning-seeds takes seeds such as/],
    [["--tune", "--tuning-seeds", "1,5", "--seeds", "4..6"], /--tuning-seeds: found 5, which is one of --seeds, too/],
    [["./small.yaml"], /^error: \.\/small\.yaml: found a second scenario called small, as in small\.yaml/],
    [["--tuning-seeds", "1"], /--tuning-seeds: it means nothing without --tune/],
    [["--planner-timeout", "0s"], /--planner-timeout takes a duration above 0/],
    [
      ["--planners", "hpa,keda", "--max-gpus", "1", "--clair-runs", "0"],
      /^error: no planner can play any of the cases; .*found 1, expected at least 2/,
    ],
  ])("refuses %j", (flags, message) => {
    const { status, stderr } = judge(...flags, "--no-report");
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});

describe("a planner of one's own", { timeout: 240_000 }, () => {
  /** What a planner reaches that wants 2P1D from its first tick on. */
  function expected() {
    writeFileSync(
      join(folder, "static.yaml"),
      SMALL_SCENARIO.replace("strategy: default, interval: 5s, maxGpus: 4", "strategy: static, prefill: 2, decode: 1"),
    );
    const [judged] = read(
      runUnderstudy(folder, "judge", "static.yaml", "--planners", "own", "--max-gpus", "4", ...QUICK),
    ).cases;
    return judged!.planners[0]!;
  }

  it("is asked over HTTP at each tick of virtual time", async () => {
    const log = join(folder, "asked.jsonl");
    const port = (await program("http", log)).split(" ")[1]!;
    const mine = ["--planners", "", "--planner", `mine=http://127.0.0.1:${port}`];
    const [judged] = read(judge(...mine, "--seeds", "3", ...QUICK)).cases;
    expect(judged!.planners).toMatchObject([{ ...expected(), name: "mine" }]);
    const asked = readFileSync(log, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(asked.map(({ tick, nowMs }) => [tick, nowMs])).toEqual(
      Array.from({ length: asked.length }, (_, i) => [i, (i + 1) * 5000]),
    );
    expect(asked[0]).toMatchObject({ url: "/v1/propose", stage: "propose", traffic: { windowMs: 5000 } });
    expect(asked[0].traffic.startedRequests).toBeGreaterThan(10);
    expect(asked[1].workers.prefill).toEqual({ active: 1, starting: 1, draining: 0 });
  });

  it("decides through the virtual connector's store", async () => {
    const state = join(folder, "state");
    expect(await program("store", state)).toBe("ready");
    const mine = ["--planners", "", "--planner", `mine=virtual:file:${state}`];
    const [judged] = read(judge(...mine, ...QUICK)).cases;
    expect(judged!.planners).toMatchObject([{ ...expected(), name: "mine" }]);
  });

  it("that is not there is no planner that changes nothing", () => {
    const http = judge("--planners", "", "--planner", "mine=http://127.0.0.1:9", "--planner-timeout", "2s", ...QUICK);
    expect([http.status, http.stdout]).toEqual([1, ""]);
    expect(http.stderr).toMatch(/--planner mine: .*(ECONNREFUSED|fetch|connect)/);
    const state = join(folder, "nobody");
    const store = judge(
      "--planners",
      "",
      "--planner",
      `mine=virtual:file:${state}`,
      "--planner-timeout",
      "1s",
      ...QUICK,
    );
    expect(store.status).toBe(1);
    expect(store.stderr).toMatch(/--planner mine: /);
  });
});
