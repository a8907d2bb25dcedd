/** `npm run bench -- --profiling`: what rapid profiling costs, the whole pipeline with its pictures, as a user starts it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { toolCache } from "../scripts/test-tools.ts";

export interface ProfilingRow {
  name: string;
  args: string[];
}

export interface ProfilingResultRow {
  name: string;
  /** Wall seconds of each whole process, start-up included. */
  wallSeconds: number[];
  /** Wall seconds of a process that does nothing, in the same run. */
  startUpSeconds: number;
  files: number;
}

/** Wall seconds after start-up that the project promises, on two cores. */
const PROMISED_SECONDS = 2;

const qwen = ["--model", "Qwen/Qwen3-32B", "--backend", "trtllm", "--gpu", "h200_sxm"];
const targets = ["--isl", "3000", "--osl", "150", "--ttft", "200", "--itl", "20"];
const request = (hardware: object, more: object) =>
  JSON.stringify({
    model: "Qwen/Qwen3-32B",
    backend: "trtllm",
    image: "nvcr.io/nvidia/ai-dynamo/dynamo-frontend:1.0.0",
    hardware: { gpuSku: "h200_sxm", numGpusPerNode: 8, ...hardware },
    ...more,
  });
const planner = { planner: { enable_throughput_scaling: true, pre_deployment_sweeping_mode: "rapid", mode: "disagg" } };

/** Requests as users have them: flags, a v1beta1 request with a planner, a mixture of experts. */
export const PROFILING_ROWS: readonly ProfilingRow[] = [
  { name: "Qwen3-32B, flags", args: [...qwen, ...targets] },
  {
    name: "Qwen3-32B, v1beta1 with planner",
    args: ["--config", request({ totalGpus: 8 }, { sla: { itl: 50 }, features: planner })],
  },
  {
    name: "Qwen3-32B, v1beta1 at 5 requests/s on 64 GPUs",
    args: ["--config", request({ totalGpus: 64 }, { sla: { itl: 50 }, workload: { requestRate: 5 } })],
  },
  {
    name: "Qwen3-235B-A22B-FP8, flags",
    args: ["--model", "Qwen/Qwen3-235B-A22B-FP8", "--backend", "trtllm", "--gpu", "h200_sxm", ...targets],
  },
];

export interface ProfilingBenchOptions {
  /** Rows whose name contains it. */
  only: string;
  repeat: number;
  /** Where all figures go. */
  json: string | null;
  progress: (text: string) => void;
}

/** Prints a table. @returns whether the promise holds for every row */
export async function runProfilingBench({ only, repeat, json, progress }: ProfilingBenchOptions): Promise<boolean> {
  const results: ProfilingResultRow[] = [];
  // Compiled modules are kept from run to run, as the command line keeps them.
  await understudy(["--version"]);
  for (const row of PROFILING_ROWS.filter(({ name }) => name.includes(only))) {
    await profileOnce(row);
    const starts: number[] = [];
    const walls: number[] = [];
    let files = 0;
    for (let i = 0; i < repeat; i++) {
      progress(`${row.name} ${i + 1}/${repeat}`);
      starts.push((await understudy(["--version"])).seconds);
      const run = await profileOnce(row);
      walls.push(run.seconds);
      files = run.files;
    }
    results.push({ name: row.name, wallSeconds: walls, startUpSeconds: median(starts), files });
  }
  progress("");
  console.log(profilingTable(results).join("\n"));
  if (json !== null) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
  const broken = brokenProfilingPromises(results);
  for (const line of broken) console.log(`BROKEN  ${line}`);
  return broken.length === 0;
}

export function profilingTable(results: readonly ProfilingResultRow[]): string[] {
  const body = results.map((result) => [
    result.name,
    afterStartUp(result).toFixed(2),
    median(result.wallSeconds).toFixed(2),
    result.startUpSeconds.toFixed(2),
    String(result.files),
  ]);
  const head = ["request", "s after start-up", "s in all", "s start-up", "files"];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...body.map(line)];
}

/** What the project promises and these figures break. */
export function brokenProfilingPromises(results: readonly ProfilingResultRow[]): string[] {
  return results
    .filter((result) => !(afterStartUp(result) < PROMISED_SECONDS))
    .map(
      (result) =>
        `${result.name}: ${afterStartUp(result).toFixed(2)} s after start-up, promised less than ${PROMISED_SECONDS} s`,
    );
}

function afterStartUp({ wallSeconds, startUpSeconds }: ProfilingResultRow): number {
  return median(wallSeconds) - startUpSeconds;
}

async function profileOnce({ args }: ProfilingRow): Promise<{ seconds: number; files: number }> {
  const folder = mkdtempSync(join(tmpdir(), "understudy-bench-"));
  try {
    const { seconds, stdout } = await understudy(["profile", ...args, "--output-dir", folder, "--json", "--quiet"]);
    return { seconds, files: (JSON.parse(stdout) as { files: string[] }).files.length };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function understudy(args: readonly string[]): Promise<{ seconds: number; stdout: string }> {
  const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
  const startMs = performance.now();
  const env = { ...process.env, NODE_COMPILE_CACHE: toolCache("bench-compile-cache") };
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (code !== 0) throw new Error(`understudy ${args[0]} ended with exit code ${code}:\n${stderr.slice(-2000)}`);
  return { seconds: (performance.now() - startMs) / 1000, stdout };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
