import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliProcess, waitFor } from "../integration/processes.ts";
import { runUnderstudy, SMALL_SCENARIO } from "./run-understudy.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-sweep-test-"));
  writeFileSync(join(folder, "small.yaml"), SMALL_SCENARIO.replace(/planner: .*\n/, ""));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sweep = (...args: string[]) => runUnderstudy(folder, "sweep", "small.yaml", ...args);
const WORKERS = ["--set", "deployment.prefill.workers=1,2", "--set", "deployment.decode.workers=1,2"];

interface Document {
  schema: string;
  best: number;
  whole: boolean;
  candidates: {
    values: unknown[];
    seeds: number[];
    part: number;
    held: number;
    refused: string | null;
    measures: Record<string, { mean: number }>;
  }[];
}

describe("understudy sweep", { timeout: 240_000 }, () => {
  it("gives the runs that run gives, in threads as in processes, and the same bytes again", () => {
    const onDisk = ["--rows-in-memory", "10"];
    const { status, stdout, stderr } = sweep(...WORKERS, "--seeds", "1,2", "--json", "-o", "out", ...onDisk);
    expect(status, stderr).toBe(0);
    const document = JSON.parse(stdout) as Document;
    expect(document).toMatchObject({ schema: "understudy-sweep/1", best: 0, whole: true });
    expect(document.candidates.map(({ values }) => values)).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
    ]);
    expect(readdirSync(join(folder, "out")).sort()).toEqual(["pareto.png", "sweep.html", "sweep.json", "sweep.sqlite"]);
    expect(readFileSync(join(folder, "out", "sweep.json"), "utf8")).toBe(stdout);
    const again = sweep(...WORKERS, "--seeds", "1,2", "--json", "--no-report", "--shards", "3");
    expect(again.stdout).toBe(stdout);
    const plain = SMALL_SCENARIO.replace(/planner: .*\n/, "").replace("prefill: { workers: 1", "prefill: { workers: 2");
    writeFileSync(join(folder, "two.yaml"), plain);
    const run = runUnderstudy(folder, "run", "two.yaml", "--seeds", "1,2", "--json", "--no-report");
    const { measures } = JSON.parse(run.stdout) as { measures: Record<string, { mean: number }> };
    for (const name of ["ttft.p99", "goodputPerGpu", "requests"])
      expect(document.candidates[2]!.measures[name]!.mean).toBe(measures[name]!.mean);
  });

  it("keeps what is done on Ctrl-C, and goes on with it to the same bytes", async () => {
    const values = ["--set", "traffic[0].constant.requestRate=range(1,14)"];
    const expected = sweep(...values, "--json", "--no-report").stdout;
    const child = new CliProcess([
      ...["sweep", join(folder, "small.yaml"), ...values, "--threads", "1", "--quiet", "-o", join(folder, "out")],
    ]);
    const log = join(folder, "out", "sweep.sqlite-wal");
    // The tables, and a run or two.
    await waitFor(
      "results in the store",
      () => (existsSync(log) && statSync(log).size > 30_000 ? true : undefined),
      60_000,
    );
    child.kill("SIGINT");
    expect((await child.exited).code).toBe(130);
    expect(child.output).toMatch(/interrupted: \d+ new runs kept; --resume goes on/);
    const partial = JSON.parse(readFileSync(join(folder, "out", "sweep.json"), "utf8")) as Document;
    expect(partial.whole).toBe(false);
    expect(partial.candidates.length).toBeLessThan(14);
    const refused = sweep(...values, "-o", "out");
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("found results of an earlier sweep")]);
    const resumed = sweep(...values, "--resume", "--json", "-o", "out");
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(resumed.stdout).toBe(expected);
  });

  it("refuses values that nothing can be run with, and shows combinations that can't be", () => {
    const wrong = sweep("--set", "deployment.decode.wokers=1", "-o", "out");
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain('--set deployment.decode.wokers=1: unknown key "wokers"');
    expect(existsSync(join(folder, "out", "sweep.sqlite"))).toBe(false);
    const one = sweep("--set", "deployment.decode.workers=1,-2", "--no-report");
    expect([one.status, one.stderr]).toEqual([
      2,
      expect.stringContaining("--set deployment.decode.workers=-2: no candidate"),
    ]);
    const traffic = "{ constant: { requestRate: 8, duration: 60s, isl: 2000, osl: 50 } }";
    const sinusoid =
      "{ sinusoid: { requestRate: { min: 2, max: 4, period: 10s }, duration: 10s, isl: 2000, osl: 50 } }";
    writeFileSync(
      join(folder, "small.yaml"),
      readFileSync(join(folder, "small.yaml"), "utf8").replace(traffic.slice(2, -2), sinusoid.slice(2, -2)),
    );
    const rate = "traffic[0].sinusoid.requestRate";
    const combined = sweep("--set", `${rate}.min=2,6`, "--set", `${rate}.max=4,8`, "--no-report", "--json");
    expect(combined.status, combined.stderr).toBe(0);
    const { candidates } = JSON.parse(combined.stdout) as Document;
    expect(candidates.map(({ values, refused }) => [...values, refused === null])).toEqual([
      [2, 4, true],
      [2, 8, true],
      [6, 4, false],
      [6, 8, true],
    ]);
    expect(candidates[2]!.refused).toContain("expected min to be at most max");
  });

  it.each(["random", "bayes"])("shows a draw of %s that can't be run, beside those that can", (method) => {
    const drawn = sweep(
      ...["--set", "deployment.decode.workers=1,2,-2", "--method", method, "--samples", "3", "--no-report", "--json"],
    );
    expect(drawn.status, drawn.stderr).toBe(0);
    const { candidates } = JSON.parse(drawn.stdout) as Document;
    expect(candidates.map(({ values, refused }) => [...values, refused === null]).sort()).toEqual([
      [-2, false],
      [1, true],
      [2, true],
    ]);
  });

  it("halves by duration: all play what a shorter traffic would have been, the best play all of it, on either engine", () => {
    const workers = ["--set", "deployment.decode.workers=1,2,3", "--json", "--no-report"];
    const shortened = ["--method", "halving", "--halve-by", "duration"];
    const halved = sweep(...workers, ...shortened);
    expect(halved.status, halved.stderr).toBe(0);
    const { best, candidates } = JSON.parse(halved.stdout) as Document;
    const grid = (...more: string[]) => (JSON.parse(sweep(...workers, ...more).stdout) as Document).candidates;
    const [whole, third] = [grid(), grid("--set", "traffic[0].constant.duration=20s")];
    expect(candidates.map(({ part }) => part).sort()).toEqual([1 / 3, 1 / 3, 1]);
    expect(candidates[best]!.part).toBe(1);
    for (const [i, { part, held, measures }] of candidates.entries()) {
      expect(measures).toEqual((part === 1 ? whole : third)[i]!.measures);
      expect(held).toBe(part === 1 ? 1 : 0);
    }
    expect(sweep(...workers, ...shortened, "--engine", "stepping", "--check").stdout).toBe(halved.stdout);
  });

  it("says so where the first part of the traffic has no request", () => {
    const late = readFileSync(join(folder, "small.yaml"), "utf8").replace("duration: 60s", "duration: 10s, start: 50s");
    writeFileSync(join(folder, "small.yaml"), late);
    const { status, stderr } = sweep(
      ...["--set", "deployment.decode.workers=1,2,3", "--method", "halving", "--halve-by", "duration", "--no-report"],
    );
    expect([status, stderr]).toEqual([2, expect.stringContaining("found no request in the first 1/3 of the traffic")]);
  });

  it("leaves nothing of a sweep whose named files can't be read", () => {
    mkdirSync(join(folder, "inputs"));
    symlinkSync("nowhere", join(folder, "inputs", "trace.jsonl"));
    appendFileSync(join(folder, "small.yaml"), "shows: ./inputs\n");
    const { status, stderr } = sweep(...WORKERS, "-o", "out");
    expect([status, stderr]).toEqual([2, expect.stringContaining("trace.jsonl: no such file or folder")]);
    expect(readdirSync(join(folder, "out"))).toEqual([]);
  });

  it.each([
    [["--set", "a"], /found no path and values/],
    [["--set", "seed=1", "--samples", "3"], /--samples: it means nothing without --method/],
    [["--set", "seed=1,2", "--method", "halving"], /without several --seeds, or --halve-by duration/],
    [["--set", "seed=1", "--halve-by", "duration"], /--halve-by: it means nothing without --method halving/],
    [["--set", "seed=1", "--method", "halving", "--least-part", "0.2"], /--least-part: .* --halve-by duration/],
    [["--set", "seed=1", "--set", "seed=2"], /--set seed=2: found seed twice: a field has one value at a time/],
    [["--set", "seed=1", "--threads", "2", "--shards", "2"], /--shards: not together with --threads/],
    [["--set", "seed=1", "--goal", "godput"], /found no measure godput\n {2}hint: did you mean/],
    [["--set", "seed=1", "--where", "goodput"], /expected a measure, one of >= <= > </],
    [["--set", "sla.ttft.x=1", "--no-report"], /found a plain value at sla\.ttft/],
    [["--set", "seed=1", "--trade", "itl.mean"], /--trade itl\.mean: expected two measures with a colon between/],
    [["--set", "seed=1", "--resume", "--no-report"], /--resume: not together with --no-report/],
  ])("refuses %j", (flags, message) => {
    const { status, stderr } = sweep(...flags);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});

describe("understudy search", { timeout: 240_000 }, () => {
  it.each([
    [["--routers", "kvv"], /--routers: found "kvv", expected round-robin, random, least-loaded, kv, with commas/],
    [
      ["--model", "Qwen/Qwen3-32B", "--gpu", "h200_sxm", "--tp", "3"],
      /none of tp3 can be played: .*\n {2}hint: without --tp, --tep and --dep all layouts/,
    ],
  ])("refuses %j", (flags, message) => {
    const { status, stderr } = runUnderstudy(folder, "search", "small.yaml", "--gpus", "4", ...flags);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });

  it("finds the best fixed deployment that run --best-static finds, without running all of them", () => {
    writeFileSync(join(folder, "busy.yaml"), SMALL_SCENARIO.replace("requestRate: 8", "requestRate: 30"));
    const found = runUnderstudy(
      folder,
      "search",
      "busy.yaml",
      "--gpus",
      "4",
      "--modes",
      "disagg",
      "--json",
      "--no-report",
    );
    expect(found.status, found.stderr).toBe(0);
    const { best, candidates } = JSON.parse(found.stdout) as Document;
    const run = runUnderstudy(folder, "run", "busy.yaml", "--best-static", "--json", "--no-report");
    const { bestStatic } = JSON.parse(run.stdout) as {
      bestStatic: { atFloor: { prefill: number; decode: number; goodputPerGpu: number } };
    };
    const { values, measures } = candidates[best]!;
    expect([values[2], values[4]]).toEqual([bestStatic.atFloor.prefill, bestStatic.atFloor.decode]);
    expect(measures.goodputPerGpu!.mean).toBeCloseTo(bestStatic.atFloor.goodputPerGpu, 9);
  });

  it("counts the GPUs of each role's own workers, and of a role that the scenario does not have", () => {
    const tried = (scenario: string, ...flags: string[]) => {
      writeFileSync(join(folder, "sized.yaml"), scenario);
      const { stdout, stderr } = runUnderstudy(
        folder,
        ...["search", "sized.yaml", ...flags, "--modes", "disagg", "--floor", "0", "--json", "--quiet", "--no-report"],
      );
      expect(stderr).toBe("");
      return (JSON.parse(stdout) as Document).candidates.map(({ values }) => [values[2], values[4]]);
    };
    const apart = SMALL_SCENARIO.replace("prefill: { workers: 1,", "prefill: { workers: 1, gpusPerWorker: 4,");
    // The goal is one of which the search does not know when to stop.
    const goal = ["--goal", "outputThroughput"];
    expect(tried(apart, "--gpus", "6", ...goal)).toEqual([
      [1, 1],
      [1, 2],
    ]);
    const together = SMALL_SCENARIO.replace(
      / {2}mode: disagg[\s\S]* kvTransfer:.*\n/,
      "  mode: agg\n  agg: { gpusPerWorker: 2 }\n",
    );
    expect(tried(together, "--gpus", "6", ...goal)).toEqual(
      expect.arrayContaining([
        [1, 1],
        [1, 2],
        [2, 1],
      ]),
    );
    const few = runUnderstudy(folder, "search", "sized.yaml", "--gpus", "3", "--modes", "disagg");
    expect([few.status, few.stderr]).toEqual([2, expect.stringContaining("--gpus: found 3, expected at least 4: ")]);
  });

  it("keeps what was given up", () => {
    writeFileSync(join(folder, "flood.yaml"), SMALL_SCENARIO.replace("requestRate: 8", "requestRate: 200"));
    const flood = ["search", "flood.yaml", "--gpus", "2", "--modes", "disagg", "-o", "out"];
    expect(runUnderstudy(folder, ...flood).stdout).toContain("1 given up early");
    expect(runUnderstudy(folder, ...flood).stderr).toContain("found results of an earlier search");
  });

  it("pairs engines of one TP alone for sglang, as the profiler does", () => {
    const calm = SMALL_SCENARIO.replace("requestRate: 8", "requestRate: 1").replace("itl: 10ms", "itl: 100ms");
    writeFileSync(join(folder, "calm.yaml"), calm.replace("ttft: 200ms", "ttft: 5s"));
    const pairs = (backend: string) => {
      const { stdout, stderr, status } = runUnderstudy(
        folder,
        ...["search", "calm.yaml", "--gpus", "3", "--modes", "disagg", "--floor", "0", "--goal", "outputThroughput"],
        ...["--model", "Qwen/Qwen3-32B", "--gpu", "h200_sxm", "--backend", backend, "--tp", "1,2"],
        ...["--json", "--quiet", "--no-report"],
      );
      expect(status, stderr).toBe(0);
      const { candidates } = JSON.parse(stdout) as Document;
      return new Set(candidates.map(({ values }) => `${values[1]} ${values[3]}`));
    };
    expect(pairs("sglang")).toEqual(new Set(["tp1 tp1"]));
    expect(pairs("vllm")).toEqual(new Set(["tp1 tp1", "tp1 tp2", "tp2 tp1"]));
  });

  it.each([
    [["--gpus", "4", "--tp", "1"], /--tp: it means nothing without --model/],
    [["--gpus", "4", "--dep", "2"], /--dep: it means nothing without --model/],
    [["--gpus", "4", "--model", "x"], /--model: it means nothing without --gpu/],
    [["--gpus", "4", "--modes", "both"], /found "both", expected agg/],
    [["--gpus", "4", "--threads", "2", "--shards", "2"], /--shards: not together with --threads/],
  ])("refuses %j", (flags, message) => {
    const { status, stderr } = runUnderstudy(folder, "search", "small.yaml", ...flags);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});
