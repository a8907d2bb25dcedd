import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { loadProfile } from "#profiles";

const folder = mkdtempSync(join(tmpdir(), "understudy-cli-profile-"));
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const running: ChildProcess[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

function start(
  name: string,
  args: readonly string[],
  onText: (stderr: string, child: ChildProcess) => void = () => {},
) {
  const out = join(folder, name);
  const child = spawn(process.execPath, [main, "profile", ...args, "--output-dir", out], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  running.push(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    onText(stderr, child);
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, stdout, stderr, out }));
  return { child, ended };
}

const status = (out: string) => parse(readFileSync(join(out, "profiler_status.yaml"), "utf8"));

/** One candidate, and as few measurements as make a profile. */
const small = [
  ...["--model", "Qwen/Qwen3-8B", "--backend", "vllm", "--gpu", "l40s", "--strategy", "thorough"],
  ...["--isl", "1000", "--osl", "20", "--ttft", "500", "--itl", "50", "--max-context-length", "4096"],
  ...["--min-num-gpus-per-engine", "1", "--max-num-gpus-per-engine", "1"],
  ...["--prefill-interpolation-granularity", "3", "--decode-interpolation-granularity", "2"],
];

describe("thorough, against local mockers", () => {
  it("[R009] [R174] measures, keeps the logs of each deployment, and leaves a profile and manifests", async () => {
    const { code, stdout, stderr, out } = await start("thorough", small).ended;
    expect(stderr).not.toContain("unexpected");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^→ {2}TP=1 .* measured$/m);
    expect(status(out)).toMatchObject({ status: "success" });
    expect(loadProfile(out).decode.itlMs.length).toBeGreaterThanOrEqual(4);
    const [deployment] = readdirSync(join(out, "prefill_1gpus_TP1")).filter((name) => name.startsWith("vllm-agg-"));
    const worker = readFileSync(join(out, "prefill_1gpus_TP1", deployment!, "vllmdecodeworker", "0.log"), "utf8");
    expect(worker).toContain("Maximum concurrency for");
    expect(existsSync(join(out, "decode_1gpus_TP1", "config.yaml"))).toBe(true);
  }, 180_000);

  it("ends with exit code 130 on Ctrl-C, a status that says so, and no process of its own left", async () => {
    let told = false;
    const { child, ended } = start("interrupted", [...small, "--speedup-ratio", "1"], (stderr, running) => {
      // Once: a second Ctrl-C would end it on the spot.
      if (!told && stderr.includes("Deployment ready")) told = running.kill("SIGINT");
    });
    const children: number[] = [];
    child.stderr!.on("data", () => children.push(...childrenOf(child.pid!)));
    const { code, stderr, out } = await ended;
    expect(code).toBe(130);
    expect(stderr).toContain("Final cleanup completed.");
    expect(stderr).toContain("hint: run the same command with --skip-existing");
    expect(status(out)).toMatchObject({ status: "failed", phase: "SweepingPrefill", error: "interrupted" });
    expect(children.length).toBeGreaterThan(0);
    expect(children.filter(isAlive)).toEqual([]);
  }, 60_000);
});

describe("--pick-with-webui", () => {
  it("[R145] [R152] [R199] waits for a selection on the page and deploys that", async () => {
    const selected: Promise<unknown>[] = [];
    const { ended } = start(
      "webui",
      [
        ...[
          "--model",
          "Qwen/Qwen3-32B-FP8",
          "--backend",
          "trtllm",
          "--use-ai-configurator",
          "--aic-system",
          "h200_sxm",
        ],
        ...["--ttft", "200", "--itl", "15", "--pick-with-webui", "--webui-port", "0"],
      ],
      (stderr) => {
        const url = /^Pick a configuration on (http:\S+)$/m.exec(stderr)?.[1];
        if (url !== undefined && selected.length === 0) selected.push(select(url));
      },
    );
    const { code, stderr, out } = await ended;
    expect(await Promise.all(selected)).toEqual([[200, 200]]);
    expect(code).toBe(0);
    expect(stderr).toContain("User selected: Prefill=3, Decode=0");
    const config = readFileSync(join(out, "config_with_planner.yaml"), "utf8");
    expect(config).toContain("--prefill-engine-num-gpu=8");
    expect(config).toContain("--decode-engine-num-gpu=1");
    const data = JSON.parse(readFileSync(join(out, "webui_data.json"), "utf8"));
    expect(Object.keys(data)).toEqual(["prefill", "decode", "cost"]);
  }, 120_000);
});

/** Picks the largest prefill engine and the smallest decode load, row by row. */
async function select(url: string): Promise<number[]> {
  const post = async (plotType: string, rowIndex: number) => {
    const response = await fetch(`${url}/selection`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ plotType, rowIndex }),
    });
    await response.text();
    return response.status;
  };
  return [await post("prefill", 3), await post("decode", 0)];
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a cluster to deploy candidates to", () => {
  it("is asked for by --deploy-to, without which what says more of it is refused, and not touched by a dry run", async () => {
    const nobody = ["--kubeconfig", join(folder, "no-such-kubeconfig")];
    const refused = await start("no-cluster", [...small, ...nobody]).ended;
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("give --deploy-to kubernetes, too");
    const bad = await start("bad-url", [...small, "--deploy-to", "kubernetes", "--endpoint-url-template", "{name}"])
      .ended;
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('--endpoint-url-template: found "{name}"');
    const dry = await start("dry", [...small, ...nobody, "--deploy-to", "kubernetes", "--dry-run"]).ended;
    expect(dry.code).toBe(0);
    const none = await start("no-kubeconfig", [...small, ...nobody, "--deploy-to", "kubernetes"]).ended;
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("no-such-kubeconfig");
    expect(status(none.out)).toMatchObject({ status: "failed" });
  });
});
