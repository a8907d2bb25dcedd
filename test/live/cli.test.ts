import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { engineConfig, fixedTiming } from "#mocker/engine";
import { builtinTokenizer } from "#mocker/text";
import { startWorkerHost, type WorkerHost } from "#mocker/worker";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** JSON is YAML. */
const scenario = (name: string, duration: string, expect: object) =>
  JSON.stringify({
    name,
    seed: 2,
    deployment: {
      mode: "agg",
      agg: { workers: 2 },
      engine: { timing: { fixed: { prefill: "20ms", decode: "5ms" } } },
    },
    sla: { ttft: "10s", itl: "1s" },
    traffic: [{ constant: { requestRate: 10, arrivals: "constant", isl: 50, osl: 8, duration } }],
    expect,
  });

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-live-cli-"));
  writeFileSync(join(folder, "short.yaml"), scenario("short", "2s", { errors: 0, completed: "== 20" }));
  writeFileSync(join(folder, "failing.yaml"), scenario("failing", "1s", { completed: "== 9" }));
  writeFileSync(join(folder, "long.yaml"), scenario("long", "10m", {}));
  writeFileSync(join(folder, "gpus.yaml"), scenario("gpus", "1s", { errors: 0, gpuHours: "<= 1" }));
});
afterAll(() => rmSync(folder, { recursive: true }));

function start(...args: string[]): ChildProcess {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...inherited } = process.env;
  const env = { ...inherited, NO_COLOR: "1", XDG_CACHE_HOME: join(folder, ".cache") };
  return spawn(process.execPath, [main, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
}

async function ended(child: ChildProcess) {
  let stdout = "";
  let stderr = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [status, signal] = (await once(child, "close")) as [number | null, string | null];
  return { status, signal, stdout, stderr };
}

const run = (...args: string[]) => ended(start("run", ...args));

describe("understudy run --live", () => {
  it("does what run does, with processes", async () => {
    const { status, stdout, stderr } = await run("short.yaml", "--live", "-o", "out");
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("Time to First Token");
    expect(readdirSync(join(folder, "out")).sort()).toEqual([
      "junit.xml",
      "report.html",
      "report.json",
      "requests.csv",
      "requests.parquet",
      "run.json",
    ]);
    const metadata = JSON.parse(readFileSync(join(folder, "out", "run.json"), "utf8")) as Record<string, unknown>;
    expect(metadata).toMatchObject({ live: true, timeScale: 1, processes: 1 });
    expect(metadata).toHaveProperty("lag.processes.0.lag.meanMs");
  });

  it("compares with the virtual twin, for people and machines, on a faster clock, several processes and with rows on disk too", async () => {
    const text = await run("short.yaml", "--live", "--compare", "--time-scale", "2", "--processes", "2", "-o", "both");
    expect(text.status, text.stderr).toBe(0);
    expect(text.stdout).toMatch(/Live against virtual: counts, tokens and prefix hits are equal/);
    expect(text.stdout).toMatch(/TTFT, mean \(ms\)/);
    expect(text.stdout).toMatch(/decode workers 1/);
    expect(readdirSync(join(folder, "both"))).toContain("comparison.json");
    const onDisk = ["--rows-in-memory", "5"];
    const json = await run("short.yaml", "--live", "--compare", "--json", "--no-report", ...onDisk);
    const { report, comparison } = JSON.parse(json.stdout) as Record<string, Record<string, unknown>>;
    expect(report).toMatchObject({ name: "short", requests: { completed: 20 } });
    expect(comparison).toMatchObject({ countsEqual: true, differingRequests: 0 });
  });

  it("exits 1 where an expectation fails", async () => {
    const { status, stdout } = await run("failing.yaml", "--live", "--no-report");
    expect(status).toBe(1);
    expect(stdout).toContain("completed");
  });

  it.each([
    [["--time-scale", "2"], "--time-scale", "--live"],
    [["--compare"], "--compare", "--live"],
    [["--url", "http://127.0.0.1:1"], "--url", "--live"],
    [["--live", "--model", "x"], "--model", "--url"],
    [["--live", "--compare", "--url", "http://127.0.0.1:1"], "--compare", "twin"],
    [["--live", "--best-static"], "--best-static", "virtual time"],
    [["--live", "--kubeconfig", "kc", "--compare"], "--compare", "--kubeconfig"],
    [["--live", "--kube-context", "kc", "--processes", "2"], "--processes", "--kube-context"],
    [["--live", "--kubeconfig", "kc", "--url", "http://127.0.0.1:1", "--model", "m"], "--model", "--kubeconfig"],
    [["--live", "--kubeconfig", "kc", "--keep"], "--keep", "--executor kubernetes"],
    [["--live", "--namespace", "n"], "--namespace", "--executor kubernetes"],
  ])("refuses flags that mean nothing: %j", async (flags, ...named) => {
    const { status, stderr } = await run("short.yaml", "--no-report", ...flags);
    expect(status).toBe(2);
    for (const name of named) expect(stderr).toContain(name);
  });

  it("refuses what a deployment in a cluster can't be told, with its place", async () => {
    const { status, stderr } = await run("short.yaml", "--live", "--kubeconfig", "none", "--no-report");
    expect(status).toBe(2);
    expect(stderr).toMatch(/short\.yaml:1:\d+.*plays a profile, and this one has none/s);
  });

  it("refuses faults, with their place", async () => {
    writeFileSync(
      join(folder, "faults.yaml"),
      scenario("faults", "1s", {}).replace('"expect"', '"faults":[{"at":"1s","kill":"decode/0"}],"expect"'),
    );
    const { status, stderr } = await run("faults.yaml", "--live");
    expect(status).toBe(2);
    expect(stderr).toMatch(/faults\.yaml:1:\d+/);
  });
});

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe.runIf(process.platform === "linux")("the processes of a live run", () => {
  async function underWay() {
    const child = start("run", "long.yaml", "--live", "--no-report");
    const end = ended(child);
    const pids = await vi.waitUntil(
      () => {
        const found = childrenOf(child.pid!);
        return found.length === 2 && found;
      },
      { timeout: 60_000 },
    );
    return { child, end, pids };
  }

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("end with it on %s", async (signal, code) => {
    const { child, end, pids } = await underWay();
    child.kill(signal);
    const { status, stderr } = await end;
    expect(status, stderr).toBe(code);
    expect(stderr).toContain("interrupted");
    expect(pids.filter(isRunning)).toEqual([]);
  });

  it("end when one of them is killed, and the run tells which", async () => {
    const { end, pids } = await underWay();
    process.kill(pids[1]!, "SIGKILL");
    const { status, stderr } = await end;
    expect(status).toBe(1);
    expect(stderr).toMatch(/error: (frontend|decode workers 0): the process ended early \(signal SIGKILL\)/);
    expect(pids.filter(isRunning)).toEqual([]);
  });

  it("end when it is killed itself", async () => {
    const { child, end, pids } = await underWay();
    child.kill("SIGKILL");
    await end;
    await vi.waitUntil(() => !pids.some(isRunning), { timeout: 60_000 });
  });
});

describe("understudy run --live --url", () => {
  let host: WorkerHost;

  beforeAll(async () => {
    host = await startWorkerHost({
      settings: {
        model: "there-already",
        engine: engineConfig({
          role: "aggregated",
          blockSize: 64,
          numGpuBlocks: 1000,
          timing: fixedTiming({ prefillMs: 5, decodeMs: 1, perPass: false }),
        }),
        dpSize: 1,
        transfer: null,
        startupMs: 0,
        tokenizer: builtinTokenizer(),
        handoffTimeoutMs: 1000,
        trustRequestStart: false,
      },
    });
  });
  afterAll(() => host.close());

  it("sends the traffic to a server that is there, and says what it can't judge", async () => {
    const { status, stdout, stderr } = await run("gpus.yaml", "--live", "--url", host.workers[0]!.url, "--no-report");
    expect(status, stderr).toBe(0);
    // Long figures make names short.
    expect(stdout).toMatch(/Time to First Token|TTFT/);
    expect(stderr).toContain("no workers were started");
    expect(stderr).toMatch(/not judged.*gpuHours/);
  });

  it("tells where nothing answers", async () => {
    const { status, stderr } = await run("short.yaml", "--live", "--url", "http://127.0.0.1:9", "--no-report");
    expect(status).toBe(1);
    expect(stderr).toContain("http://127.0.0.1:9");
  });
});
