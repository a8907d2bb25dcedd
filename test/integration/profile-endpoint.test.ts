import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { loadProfile } from "#profiles";
import { requestCounts } from "#src/profiler";
import { ensurePythonVenv, ToolMissing } from "../../scripts/test-tools.ts";
import { CliProcess, type CliServer, freePort, serverForTest, waitFor } from "./processes.ts";

const run = promisify(execFile);
const ROUND_TRIP = fileURLToPath(new URL("../../bench/round_trip.py", import.meta.url));
/** Times a machine that has much else to do may try again. */
const TRIES = 3;

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "profile-endpoint-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A mocker whose engine is quick, with room for 100 requests of the shortest length. */
function quickMocker(...more: string[]): Promise<CliServer> {
  const engine = ["--timing", "fixed:20ms,1ms", "--block-size", "16", "--num-gpu-blocks-override", "3750"];
  return serverForTest("mocker", ["--model-name", "m", ...engine, ...more]);
}

async function profileEndpoint(...args: string[]) {
  const process = new CliProcess(["profile-endpoint", ...args]);
  onTestFinished(() => process.end());
  const { code } = await process.exited;
  return { code, output: process.output, stdout: process.stdout };
}

describe("understudy profile-endpoint", () => {
  it("[R011] [R077] measures both halves of a profile of any endpoint, which the mocker then plays", async () => {
    const { url } = await quickMocker("--time-scale", "4");
    const work = join(folder(), "results");
    const common = ["--url", url, "--num-gpus", "2", "--time-scale", "4", "--work-dir", work];
    const sampling = ["--max-context-length", "1200", "--interpolation-granularity", "3", "--random-seed", "1"];
    const prefill = await profileEndpoint("--mode", "prefill", ...common, ...sampling);
    expect(prefill.code, prefill.output).toBe(0);
    expect(existsSync(join(work, "profile.json"))).toBe(false);
    // The same with Dynamo's spelling.
    const decode = await profileEndpoint(
      ...["--mode", "decode", "--url", url, "--num_gpus", "2", "--time-scale", "4", "--work_dir", work],
      ...["--max_context_length", "1200", "--interpolation_granularity", "3", "--max_kv_tokens", "60000"],
      ...["--model_name", "m", "--attention_dp_size", "1", "--json"],
    );
    expect(decode.code, decode.output).toBe(0);
    const measured = JSON.parse(decode.stdout) as { measured: number; files: string[] };
    expect(measured.measured).toBe(9);
    expect(measured.files.every((file) => existsSync(file))).toBe(true);
    for (const file of [
      ...["raw_data.npz", "prefill_raw_data.json", "decode_raw_data.json", "profile.json"],
      ...["selected_prefill_interpolation/prefill_ttft_interpolation.png", "aiperf_isl296/profile_export_aiperf.json"],
      "selected_decode_interpolation/decode_itl_interpolation.png",
    ]) {
      expect(existsSync(join(work, file)), file).toBe(true);
    }
    const profile = loadProfile(work);
    expect(profile.prefill.isl).toEqual([100, 296, 492]);
    expect(profile.decode.maxKvTokens).toBe(60_000);
    const usage = requestCounts(100, 3).map((count) => (350 * count) / 60_000);
    expect(profile.decode.kvUsage.slice(0, 3)).toEqual(usage);
    expect(profile.provenance).toMatchObject({ source: "measured", model: "m", gpusPerDecodeEngine: 2 });
    await serverForTest("mocker", ["--profile", work]);
  }, 240_000);

  it("[R011] Ctrl-C keeps what is done; the same command goes on from there", async () => {
    const { url } = await quickMocker();
    const work = join(folder(), "results");
    const args = ["profile-endpoint", "--mode", "prefill", "--url", url, "--num-gpus", "1", "--work-dir", work];
    const process = new CliProcess([...args, "--max-context-length", "4000"]);
    onTestFinished(() => process.end());
    await waitFor("two points", () => /^2\/\d+ /m.test(process.output));
    process.kill("SIGINT");
    expect((await process.exited).code).toBe(130);
    const kept = Number(/interrupted: (\d+) of \d+ points are kept/.exec(process.output)![1]);
    expect(kept).toBeGreaterThanOrEqual(2);
    const first = readFileSync(join(work, "aiperf_isl100", "profile_export_aiperf.json"), "utf8");
    const again = await profileEndpoint(...args.slice(1), "--max-context-length", "4000", "--json");
    expect(again.code, again.output).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ interrupted: false, measured: 9, total: 9 });
    expect(readFileSync(join(work, "aiperf_isl100", "profile_export_aiperf.json"), "utf8")).toBe(first);
    const other = await profileEndpoint(...args.slice(1), "--num-gpus", "2");
    expect(other.output).toMatch(/holds measurements of something else[\s\S]*--force-rerun/);
  }, 120_000);

  it("says what is wrong: nobody there, another model, no capacity, a context too long", async () => {
    const work = folder();
    const nobody = `http://127.0.0.1:${await freePort()}`;
    const common = ["--num-gpus", "1", "--work-dir", join(work, "a")];
    const unreachable = await profileEndpoint("--mode", "prefill", "--url", nobody, ...common);
    expect(unreachable).toMatchObject({ code: 1 });
    expect(unreachable.output).toMatch(/no answer: .*\n.*is the server running/);
    const { url } = await quickMocker("--max-model-len", "600");
    const model = await profileEndpoint("--mode", "prefill", "--url", url, "--model-name", "n", ...common);
    expect(model.output).toMatch(/does not serve "n"; it serves m/);
    const capacity = await profileEndpoint("--mode", "decode", "--url", url, ...common);
    expect(capacity).toMatchObject({ code: 2 });
    expect(capacity.output).toMatch(/--max-kv-tokens: found 0/);
    const context = await profileEndpoint("--mode", "prefill", "--url", url, ...common, "--max-context-length", "2000");
    expect(context.output).toMatch(/skipping[\s\S]*lower --max-context-length/);
    const missing = await profileEndpoint("--mode", "prefill", "--url", url);
    expect(missing).toMatchObject({ code: 2 });
    expect(missing.output).toContain("--num-gpus");
  }, 120_000);
});

let python = "";
describe("the round trip", () => {
  beforeAll(async () => {
    python = await ensurePythonVenv(["numpy"]).catch((error: unknown) => {
      if (!(error instanceof ToolMissing) || process.env.CI) throw error;
      return "";
    });
  }, 600_000);

  it("a profile that a live mocker plays comes back, as numpy has it", async ({ skip }) => {
    if (python === "") skip("there is no Python with numpy");
    const made = join(folder(), "P");
    const { stdout } = await run(python, [ROUND_TRIP, "make", made]);
    const { maxKvTokens } = JSON.parse(stdout) as { maxKvTokens: number };
    const prefill = await serverForTest("mocker", [...playing(made), "--time-scale", "0.2"]);
    const decode = await serverForTest("mocker", [...playing(made), "--time-scale", "4"]);
    let report: Record<"ttft" | "itl", { mean: number; worst: number }>;
    for (let attempt = 1; ; attempt++) {
      const work = join(folder(), `measured-${attempt}`);
      const common = ["--num-gpus", "1", "--work-dir", work, "--interpolation-granularity", "2", "--quiet"];
      await measured(
        "--mode",
        "prefill",
        "--url",
        prefill.url,
        "--time-scale",
        "0.2",
        "--max-context-length",
        "4000",
        ...common,
      );
      await measured(
        ...["--mode", "decode", "--url", decode.url, "--time-scale", "4", "--max-context-length", "8192"],
        ...["--max-kv-tokens", String(maxKvTokens), ...common],
      );
      report = JSON.parse((await run(python, [ROUND_TRIP, "compare", made, work])).stdout);
      const good = [report.ttft, report.itl].every(({ mean, worst }) => mean <= 0.02 && worst <= 0.05);
      if (good || attempt === TRIES) break;
    }
    expect(report.ttft, "TTFT").toSatisfy(({ mean, worst }) => mean <= 0.02 && worst <= 0.05);
    expect(report.itl, "ITL").toSatisfy(({ mean, worst }) => mean <= 0.02 && worst <= 0.05);
  }, 240_000);
});

function playing(profile: string): string[] {
  return [
    "--profile",
    profile,
    "--model-name",
    "m",
    "--block-size",
    "16",
    "--max-num-batched-tokens",
    "32768",
    "--trust-request-start",
  ];
}

async function measured(...args: string[]): Promise<void> {
  const { code, output } = await profileEndpoint(...args);
  expect(code, output).toBe(0);
}
