/**
 * The round trip: numpy writes a profile, a live mocker plays it, `understudy profile-endpoint` measures the mocker, and numpy
 * compares. TTFT is taken with time slowed down, so that the sockets' own half millisecond does not show in the shortest ones.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const NUMPY = fileURLToPath(new URL("./round_trip.py", import.meta.url));
/** What the project promises of both: mean and worst relative error. */
const PROMISED = { mean: 0.02, worst: 0.05 };
const PREFILL_TIME_SCALE = 0.2;

interface Errors {
  points: number;
  mean: number;
  worst: number;
  at: number | number[];
}

/** @param python one that has numpy @returns true where the promise holds */
export async function runRoundTrip(python: string, progress: (text: string) => void): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "understudy-round-trip-"));
  try {
    const made = join(folder, "P");
    const { stdout } = await run(python, [NUMPY, "make", made]);
    const sampling = JSON.parse(stdout) as { maxKvTokens: number; maxContext: number; granularity: number };
    const work = join(folder, "measured");
    await measure("prefill", PREFILL_TIME_SCALE, made, work, sampling, progress);
    await measure("decode", 1, made, work, sampling, progress);
    progress("");
    const report = JSON.parse((await run(python, [NUMPY, "compare", made, work])).stdout) as Record<
      "ttft" | "itl",
      Errors
    >;
    const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
    console.log("| | points | mean error | worst error | at |\n|---|---:|---:|---:|---|");
    for (const [name, { points, mean, worst, at }] of Object.entries(report)) {
      console.log(
        `| ${name.toUpperCase()} | ${points} | ${percent(mean)} | ${percent(worst)} | ${[at].flat().join(", ")} |`,
      );
    }
    return Object.values(report).every(({ mean, worst }) => mean <= PROMISED.mean && worst <= PROMISED.worst);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(
  mode: "prefill" | "decode",
  timeScale: number,
  profile: string,
  work: string,
  { maxKvTokens, maxContext, granularity }: { maxKvTokens: number; maxContext: number; granularity: number },
  progress: (text: string) => void,
): Promise<void> {
  const engine = [
    "--profile",
    profile,
    "--block-size",
    "16",
    "--max-num-batched-tokens",
    "32768",
    "--trust-request-start",
  ];
  const mocker = spawn(
    process.execPath,
    [MAIN, "mocker", ...engine, "--model-name", "m", "--time-scale", String(timeScale), "--port", "0", "--json"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    const [line] = (await once(mocker.stdout, "data")) as [Buffer];
    const { url } = JSON.parse(String(line)) as { url: string };
    const target = [
      "--mode",
      mode,
      "--url",
      url,
      "--num-gpus",
      "1",
      "--time-scale",
      String(timeScale),
      "--work-dir",
      work,
    ];
    const sampling = ["--max-context-length", String(maxContext), "--interpolation-granularity", String(granularity)];
    const endpoint = spawn(
      process.execPath,
      [MAIN, "profile-endpoint", ...target, ...sampling, "--max-kv-tokens", String(maxKvTokens)],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    let told = "";
    endpoint.stderr.on("data", (data: Buffer) => {
      told += data;
      progress(`${mode} ${String(data).trim().split("\n").at(-1)}`);
    });
    const [code] = (await once(endpoint, "close")) as [number | null];
    if (code !== 0) throw new Error(`profile-endpoint ended with exit code ${code}:\n${told}`);
  } finally {
    mocker.kill("SIGKILL");
  }
}
