import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deserialize } from "node:v8";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliProcess, waitFor } from "../integration/processes.ts";
import { fakeServer } from "../loadgen/fake-server.ts";
import { runUnderstudy, SMALL_SCENARIO } from "./run-understudy.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-shards-test-"));
  writeFileSync(join(folder, "small.yaml"), SMALL_SCENARIO);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]) => runUnderstudy(folder, "run", ...args);

describe("run --seeds", { timeout: 120_000 }, () => {
  it("gives the runs that single seeds give, and their means", () => {
    const several = run("small.yaml", "--seeds", "1..2,7", "--json", "-o", "all", "--rows-in-memory", "50");
    expect(several.status, several.stderr).toBe(0);
    const merged = JSON.parse(several.stdout) as {
      seeds: number[];
      held: number;
      measures: Record<string, { mean: number; min: number; ci95: number }>;
      runs: { seed: number; passed: boolean; measures: Record<string, number> }[];
    };
    expect(merged).toMatchObject({ schema: "understudy-seeds/1", name: "small", seeds: [1, 2, 7], held: 3 });
    expect(readFileSync(join(folder, "all", "seeds.json"), "utf8")).toBe(several.stdout);
    for (const seed of [2, 7]) {
      const single = run("small.yaml", "--seed", String(seed), "--quiet", "-o", `one-${seed}`);
      expect(single.status, single.stderr).toBe(0);
      const names = readdirSync(join(folder, `one-${seed}`)).sort();
      expect(readdirSync(join(folder, "all", `seed-${seed}`)).sort()).toEqual(names);
      for (const name of names.filter((each) => each !== "run.json")) {
        const bytes = (place: string) => readFileSync(join(folder, place, name));
        expect(bytes(`all/seed-${seed}`).equals(bytes(`one-${seed}`)), name).toBe(true);
      }
    }
    const requests = merged.runs.map(({ measures }) => measures.requests!);
    expect(merged.measures.requests!.mean).toBeCloseTo(requests.reduce((sum, value) => sum + value, 0) / 3, 9);
    expect(merged.measures.requests!.min).toBe(Math.min(...requests));
    const text = run("small.yaml", "--seeds", "1..2,7", "--no-report", "--shards", "1");
    expect(text.stdout).toMatch(/^small, 3 seeds: all expectations held in each of them\nmeasure +mean +± 95 % +sd/);
  });

  it("says with which seeds expectations failed", () => {
    writeFileSync(join(folder, "strict.yaml"), SMALL_SCENARIO.replace("errors: 0", 'requests: "> 100000"'));
    const { status, stdout } = run("strict.yaml", "--seeds", "4,5", "--no-report");
    expect(status).toBe(1);
    expect(stdout).toContain("small, 2 seeds: expectations failed with 2 of them: 4, 5");
  });

  it("names the shard that fails, with its reason, and leaves nothing", () => {
    writeFileSync(join(folder, "bad.yaml"), SMALL_SCENARIO.replace(/profile: .*/, "profile: h200-llama-of-nowhere"));
    const { status, stderr } = run("bad.yaml", "--shards", "1", "-o", "out");
    expect(status).toBe(2);
    expect(stderr).toMatch(/error: 1 of 1 shards failed \(0\)\n +shard 0: exit code 2\n.*h200-llama-of-nowhere/);
    expect(readdirSync(folder).filter((name) => name === "out")).toEqual([]);
  });

  it.each([
    [["--seeds", "3..1"], /3\.\.1, which holds none/],
    [["--seeds", "x"], /found "x"/],
    [["--seeds", "1,2", "--seed", "1"], /not together with --seed/],
    [["--seeds", "1,2", "--live"], /not together with --live/],
    [["--executor", "kubernetes"], /--image: found no image/],
    [["--keep"], /nothing without --executor kubernetes/],
  ])("refuses %j", (flags, message) => {
    const { status, stderr } = run("small.yaml", ...flags);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });

  it("refuses a path that means nothing in a pod", () => {
    const trace = join(folder, "trace.jsonl");
    writeFileSync(trace, "");
    const traced = SMALL_SCENARIO.replace(/ {2}- constant: .*/, `  - trace: { file: ${trace} }`);
    writeFileSync(join(folder, "absolute.yaml"), traced);
    const { status, stderr } = run("absolute.yaml", "--executor", "kubernetes", "--image", "x");
    expect(status).toBe(2);
    expect(stderr).toMatch(/absolute\.yaml: found the absolute path .*trace\.jsonl/);
  });
});

describe("load --shards", { timeout: 120_000 }, () => {
  it("is one stream by several processes; one that is ended ends all", async () => {
    const server = await fakeServer();
    try {
      const load = ["load", "--url", server.url, "--no-report", "--isl", "20", "--osl", "3", "--shards", "2"];
      const whole = new CliProcess([...load, "--request-rate", "60", "--request-count", "31", "--json"]);
      expect((await whole.exited).code, whole.output).toBe(0);
      const ids = server.received.map(({ headers }) => Number(String(headers["x-request-id"]).slice(37)));
      expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 31 }, (_, i) => i));
      const summary = JSON.parse(whole.stdout) as { request_count: { avg: number } };
      expect(summary.request_count.avg).toBe(31);

      const endless = new CliProcess([...load, "--request-rate", "60", "--benchmark-duration", "10m"]);
      await waitFor("requests", () => server.received.length > 40, 60_000);
      endless.kill("SIGINT");
      expect((await endless.exited).code).toBe(130);
      const { length } = server.received;
      await Promise.all(server.received.map(({ closed }) => closed));
      expect(server.received).toHaveLength(length);
    } finally {
      await server.close();
    }
  });
});

describe("shard", { timeout: 60_000 }, () => {
  const job = (changes: object = {}) => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    const common = { engine: "skipping", report: false };
    const shards = [{ cells: [{ file: "small.yaml", seed: 5 }] }];
    const document = { kind: "run", version, common, shards, startTogether: false, files: null, ...changes };
    writeFileSync(join(folder, "job.json"), JSON.stringify(document));
  };
  const shard = (...args: string[]) => runUnderstudy(folder, "shard", "--job", "job.json", "--to", "out", ...args);

  it("does one shard by hand", () => {
    job();
    mkdirSync(join(folder, "out"));
    const { status, stderr } = shard("--index", "0");
    expect(status, stderr).toBe(0);
    const [cell] = deserialize(readFileSync(join(folder, "out", "result-0"))) as { seed: number; json: string }[];
    expect(cell!.seed).toBe(5);
    expect(cell!.json).toBe(run("small.yaml", "--seed", "5", "--no-report", "--json").stdout);
  });

  it.each([
    [{}, ["--index", "1"], /--index: found 1, expected a whole number from 0 to 0/],
    [{}, [], /\$JOB_COMPLETION_INDEX: found nothing/],
    [{ version: "0.0.1" }, ["--index", "0"], /cut by version 0\.0\.1/],
    [{ kind: "rum" }, ["--index", "0"], /kind "rum", expected one of run, load/],
  ])("refuses %j %j", (changes, args, message) => {
    job(changes);
    const { status, stderr } = shard(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});
