import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { buildSurface, loadProfile } from "#profiles";
import { describeWithReference, referencePath } from "../reference.ts";
import { runUnderstudy } from "./run-understudy.ts";

const folder = mkdtempSync(join(tmpdir(), "understudy-cli-profile-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const example = (name: string) => fileURLToPath(new URL(`../../examples/dgdr/${name}`, import.meta.url));
const qwen = ["--model", "Qwen/Qwen3-32B", "--backend", "trtllm", "--gpu", "h200_sxm"];
const targets = ["--isl", "3000", "--osl", "150", "--ttft", "200", "--itl", "20"];

const write = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

let made = 0;
/** Profiles into a folder of its own. */
function profile(...args: string[]) {
  const out = join(folder, `out-${made++}`);
  const run = runUnderstudy(folder, "profile", ...args, "--output-dir", out);
  const status = existsSync(join(out, "profiler_status.yaml"))
    ? (parse(readFileSync(join(out, "profiler_status.yaml"), "utf8")) as Record<string, unknown>)
    : undefined;
  return { ...run, out, status, read: (name: string) => readFileSync(join(out, name), "utf8") };
}

describe("understudy profile with flags", () => {
  const run = profile(...qwen, ...targets);

  it("[R001] [R002] [R190] from model, hardware and targets recommends mappings for prefill and decode, and configures a planner", () => {
    expect(run.stderr).not.toContain("unexpected");
    expect(run.status).toBeDefined();
    expect(run.status!.status).toBe("success");
    expect(run.stdout).toMatch(
      /^Suggested prefill parallel mapping: TP=\d on \d GPU\(s\) \(TTFT [\d.]+ ms, throughput [\d.]+ tokens\/s\/GPU\)$/m,
    );
    expect(run.stdout).toMatch(
      /^Suggested decode parallel mapping: TP=\d on \d GPU\(s\) \(ITL [\d.]+ ms, throughput [\d.]+ tokens\/s\/GPU\)$/m,
    );
    expect(run.read("config_with_planner.yaml")).toContain("--ttft=200.0");
  });

  it("[R003] [R004] [R193] says what the numbers assume, and what estimates are worth", () => {
    expect(run.stdout).toContain("ISL and OSL are taken as fixed and prompts as sharing nothing (no KV reuse)");
    expect(run.stdout).toContain("piggy-backed prefill");
    expect(run.stdout).toContain("may have errors for unusual configurations");
  });

  it("[R150] counts GPU hours of throughput per GPU once, and a second time where the reference's count is asked for", () => {
    const hours = (text: string) => JSON.parse(text).cost.table.data.map((row: unknown[]) => row.at(-2) as number);
    const doubled = profile(...qwen, ...targets, "--double-count-gpu-hours");
    const [once, twice] = [hours(run.read("webui_data.json")), hours(doubled.read("webui_data.json"))];
    expect(once.length).toBeGreaterThan(0);
    for (const [i, value] of once.entries()) expect(twice[i]).toBeGreaterThanOrEqual(value);
    expect(twice).not.toEqual(once);
  });

  it("[R178] labels the planner's bounds as for load-based planning", () => {
    expect(run.stdout).toMatch(
      /prefill queue size: [\d.]+\/[\d.]+\n[^\n]+\n[^\n]+kv cache utilization: [\d.]+\/[\d.]+\nThe planner's bounds are for load-based planning\./,
    );
  });

  it("[R183] talks on stderr with minutes and seconds, names of phases and no colours", () => {
    expect(run.stderr).toMatch(/^\d\d:\d\d {2}Phase 1: Prefill profiling \(1 GPU\)$/m);
    expect(run.stderr).toMatch(/^\d\d:\d\d {2}Phase 6: DGD generation$/m);
    expect(run.stdout).not.toContain("Phase");
  });

  it("[R101] finds ITL that grows with KV usage, the more the shorter the context", () => {
    const surface = buildSurface(loadProfile(run.out));
    const slope = (context: number) => (surface.itlMs(0.9, context) - surface.itlMs(0.3, context)) / 0.6;
    expect(surface.itlMs(0.9, 4000)).toBeGreaterThan(surface.itlMs(0.3, 4000));
    expect(slope(1000)).toBeGreaterThan(slope(8000));
    expect(slope(8000)).toBeGreaterThan(slope(30_000));
  });

  it("[R089] prints the first profiler's lines in its dialect, on the console with time and logger", () => {
    const old = profile(...qwen, ...targets, "--dialect", "0.3");
    expect(old.stdout).toMatch(/^Suggested prefill TP:\d \(TTFT/m);
    expect(old.stderr).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - __main__ - INFO - Suggested decode TP:\d \(ITL/m);
  });

  it("prints JSON for machines, with what is printed for people", () => {
    const { stdout } = profile(...qwen, ...targets, "--json", "--quiet");
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      status: "success",
      dialect: "0.8",
      model: "Qwen/Qwen3-32B",
      strategy: "rapid",
      plannerBounds: { for: "load-based planning" },
      deployment: "config_with_planner.yaml",
    });
    expect(result.sweep.prefill.map(({ mapping }: { mapping: string }) => mapping)).toEqual([
      "TP=1",
      "TP=2",
      "TP=4",
      "TP=8",
    ]);
    expect(result.chosen.prefill.ttftMs).toBeLessThanOrEqual(200);
    expect(result.caveats.length).toBeGreaterThan(2);
  });

  it("[R166] [R086] [R204] tells what to do about targets that nothing keeps", () => {
    const { status, stdout, stderr } = profile(...qwen, "--ttft", "0.5", "--itl", "0.1");
    expect(status!.status).toBe("success");
    expect(stderr).toContain("No engine configuration satisfies the TTFT requirement");
    expect(stdout).toMatch(/The TTFT and ITL target is not kept: relax the SLA, .*smaller or quantized model\./);
  });

  it("says of a load within the targets only where they are kept", () => {
    const within = /serve [\d.]+ requests\/s within the targets\./;
    expect(profile(...qwen, ...targets).stdout).toMatch(within);
    const { stdout } = profile(...qwen, "--isl", "3000", "--osl", "150", "--ttft", "5", "--itl", "1");
    expect(stdout).toMatch(/serve [\d.]+ requests\/s\.\n/);
    expect(stdout).not.toMatch(within);
  });

  it("[R167] tells how many GPUs the heads allow where every candidate has too many", () => {
    const gpus = ["--min-num-gpus-per-engine", "8", "--max-num-gpus-per-engine", "8"];
    const small = [
      "--model",
      "Qwen/Qwen3-0.6B",
      "--backend",
      "vllm",
      "--gpu",
      "h200_sxm",
      "--search-strategy",
      "rapid",
    ];
    const { status, stderr } = profile(...small, ...gpus, "--isl", "1000", "--osl", "100");
    expect(status!.status).toBe("failed");
    expect(stderr).toContain(
      "AssertionError: num_heads 16 should be divisible by tp_size 8 and the division result should be >= 4",
    );
    expect(stderr).toMatch(/hint: 16 attention heads allow at most 4 GPUs an engine .* or profile online/);
  });

  it("[R129] writes to profiling_results where nothing else is said", () => {
    runUnderstudy(folder, "profile", ...qwen, ...targets, "--dry-run", "--quiet");
    expect(readdirSync(join(folder, "profiling_results"))).toContain("config_with_planner.yaml");
  });

  it("refuses a GPU that nobody knows, and a request that is none, with exit code 2", () => {
    const unknown = profile("--model", "Qwen/Qwen3-32B", "--gpu", "h300_sxm");
    expect(unknown.status?.status).not.toBe("success");
    expect(unknown.stderr).toMatch(/^error: .*h300_sxm/m);
    const two = profile("--config", "{}", example("rapid_v1beta1.yaml"));
    expect(two.stderr).toContain("expected one of both");
    const neither = profile("no-such-file.yaml");
    expect(neither.stderr).toContain("--config value is neither a valid file path nor valid JSON");
    expect(neither.status).toMatchObject({ status: "failed", message: "Config validation failed" });
  });
});

describe("understudy profile of what nobody knows", () => {
  it("ends before the first candidate where local mockers would have nothing to play", () => {
    const { status, stderr } = profile("--model", "nobody/knows-this", "--backend", "vllm");
    expect(status!.status).toBe("failed");
    expect(stderr).toMatch(/^error: found the model "nobody\/knows-this"/m);
    expect(stderr).not.toContain("Deploying");
  });

  it("tells a file that stands where the folder should be", () => {
    const path = write("a-file", "");
    const { stderr } = runUnderstudy(folder, "profile", ...qwen, "--output-dir", path);
    expect(stderr).toContain(`error: ${path}: it is a file, expected a folder`);
  });
});

describe("understudy profile with documents", () => {
  it("[R012] [R036] [R043] [R194] runs the estimated example B as it is given, at its own targets", () => {
    const { status, stdout, stderr, read } = profile(example("trtllm-aic-offline.yaml"));
    expect(status!.status).toBe("success");
    expect(stderr.match(/No measurements of trtllm 0\.20\.0 are shipped/g)).toHaveLength(1);
    expect(stdout).toMatch(/^Suggested number of GPUs for prefill: \d/m);
    const documents = parseAllDocuments(read("config_with_planner.yaml")).map((document) => document.toJS());
    expect(documents).toHaveLength(1);
    expect(JSON.stringify(documents)).toContain("--itl=10.0");
    expect(JSON.stringify(documents)).toContain("--ttft=300.0");
  });

  it("[R012] runs the estimated sample profile_sla_aic_dgdr.yaml", () => {
    const { status, stdout } = profile("--config", example("profile_sla_aic_dgdr.yaml"));
    expect(status!.status).toBe("success");
    expect(stdout).toContain("Suggested number of GPUs for decode");
  });

  it.each([
    ["vllm-dense-online.yaml", ["prefill_1gpus", "prefill_2gpus", "prefill_4gpus", "prefill_8gpus"]],
    ["profile_sla_dgdr.yaml", ["prefill_1gpus"]],
    ["sglang-moe.yaml", ["prefill_8gpus", "prefill_16gpus", "decode_16gpus", "decode_32gpus"]],
    ["profile_sla_moe_dgdr.yaml", ["prefill_8gpus", "decode_8gpus"]],
  ])("[R012] [R043] [R194] plans the measured example %s without deploying anything", (name, folders) => {
    const { status, out, stderr } = profile(example(name), "--dry-run");
    expect(stderr).not.toContain("unexpected");
    expect(status!.status).toBe("success");
    for (const each of folders) expect(existsSync(join(out, each, "config.yaml"))).toBe(true);
  });

  it("[R007] runs the v1beta1 example to one final file", () => {
    const { status, read, stdout, out } = profile(example("rapid_v1beta1.yaml"));
    expect(status!.outputs).toEqual({ final_config: "final_config.yaml" });
    expect(stdout).toContain("Pick (autoscale)");
    const documents = parseAllDocuments(read("final_config.yaml")).map((document) => document.toJS());
    expect(documents.map(({ kind }) => kind)).toEqual(["ConfigMap", "ConfigMap", "DynamoGraphDeployment"]);
    expect(JSON.stringify(documents[2])).toContain("dynamo.mocker");
    // The profile that planner and mockers mount is that of the curves in the folder.
    const samples = JSON.parse(documents[1].data["decode_raw_data.json"]);
    expect(samples.z_itl).toEqual(loadProfile(out).decode.itlMs);
  });

  it.each(["0.20.0", "1.0.0rc3", "1.0.0rc6"])(
    "[R036] takes version %s of the AI Configurator's TensorRT-LLM",
    (version) => {
      const text = readFileSync(example("trtllm-aic-offline.yaml"), "utf8").replace('"0.20.0"', `"${version}"`);
      const { status, stderr } = profile("--config", write(`aic-${version}.yaml`, text));
      expect(status!.status).toBe("success");
      expect(stderr).toContain(`No measurements of trtllm ${version} are shipped`);
    },
  );

  it("says of a pick that nothing estimates that it is unverified, in what it prints as well", () => {
    const spec = {
      model: "Qwen/Qwen2.5-0.5B",
      backend: "vllm",
      image: "registry.example.com/dynamo-planner:1.0",
      hardware: { gpuSku: "l40s", numGpusPerNode: 4, totalGpus: 4 },
    };
    const { stdout } = profile("--config", JSON.stringify(spec), "--quiet");
    expect(stdout).toContain("Pick (naive)");
    expect(stdout).toMatch(/Note: Nothing estimates .* the targets are unverified/);
  });

  it("serves a load on as few GPUs as it takes", () => {
    const { stdout } = profile(example("load_match_v1beta1.yaml"), "--json", "--quiet");
    const { pick } = JSON.parse(stdout);
    expect(pick.by).toBe("load-match");
    expect(pick.gpus).toBeLessThanOrEqual(16);
    expect(pick.requestsPerSecond).toBeGreaterThanOrEqual(5);
  });
});

describe("the documents' own command lines, as they stand", () => {
  const out = () => join(folder, `foreign-${made++}`);
  const run = (line: string) => runUnderstudy(folder, "profile", ...line.split(" "));
  const statusIn = (path: string) => parse(readFileSync(join(path, "profiler_status.yaml"), "utf8"));

  it("[R140] python -m benchmarks.profiler.profile_sla estimates", () => {
    const path = out();
    run(
      `python -m benchmarks.profiler.profile_sla --backend trtllm --model Qwen/Qwen3-32B --ttft 200 --itl 20 --isl 3000 --osl 150 --use-ai-configurator --aic-system h200_sxm --aic-hf-id Qwen/Qwen3-32B --output-dir ${path}`,
    );
    expect(statusIn(path).status).toBe("success");
    expect(loadProfile(path).prefill.isl).toHaveLength(17);
  });

  it("[R140] [R143] its script of 0.3 names its files, and a shorter context shortens the profile", () => {
    const path = out();
    run(
      `python benchmarks/profiler/profile_sla.py --backend vllm --model Qwen/Qwen3-32B --isl 3000 --osl 150 --max-context-length 8192 --min-num-gpus 4 --max-num-gpus 8 --dry-run --output-dir ${path}`,
    );
    expect(statusIn(path).status).toBe("success");
    expect(readdirSync(path)).toContain("prefill_tp4");
    const short = out();
    run(
      `python -m benchmarks.profiler.profile_sla --backend vllm --model Qwen/Qwen3-32B --isl 3000 --osl 150 --max-context-length 8192 --use-ai-configurator --aic-system h200_sxm --output-dir ${short}`,
    );
    expect(Math.max(...loadProfile(short).prefill.isl)).toBeLessThanOrEqual(8192);
  });

  it("[R141] [R142] python -m dynamo.profiler takes a spec, and its own flags", () => {
    const path = out();
    run(
      `python -m dynamo.profiler --config ${example("rapid_v1beta1.yaml")} --prefill-interpolation-granularity 8 --output-dir ${path}`,
    );
    expect(statusIn(path)).toMatchObject({ status: "success", outputs: { final_config: "final_config.yaml" } });
    expect(loadProfile(path).prefill.isl.length).toBeLessThan(12);
  });

  it("[R142] flags have the defaults that they had there", () => {
    const help = runUnderstudy(folder, "profile", "--help").stdout.replaceAll(/\s+/g, " ");
    for (const [flag, preset] of [
      ["--output-dir", "profiling_results"],
      ["--prefill-interpolation-granularity", "16"],
      ["--decode-interpolation-granularity", "6"],
      ["--deployment-timeout", "1800; 3600 for a v1beta1 request"],
    ]) {
      expect(help).toMatch(new RegExp(`${flag} <[^>]+> [^(]*\\(default: "?${preset}`));
    }
  });
});

describeWithReference("the reference's requests", () => {
  it.each(readdirSync(referencePath("dgdr-configs")))("%s is accepted or refused as it should be, and runs", (name) => {
    const isThorough = /thorough/.test(name);
    const { status, stderr, read } = profile(referencePath("dgdr-configs", name), ...(isThorough ? ["--dry-run"] : []));
    expect(stderr).not.toContain("unexpected");
    if (name.startsWith("2d_")) {
      expect(status).toMatchObject({ status: "failed", message: "Config validation failed" });
      expect(stderr).toContain("Only one of 'concurrency' or 'requestRate' can be provided, not both.");
      return;
    }
    expect(status).toMatchObject({ status: "success", outputs: { final_config: "final_config.yaml" } });
    const final = read("final_config.yaml");
    if (isThorough) expect(final).toBe("null\n...\n");
    else expect(final).toContain("kind: DynamoGraphDeployment");
    if (/^[45]_/.test(name)) expect(stderr).toContain("falling back to naive config generation");
    if (name.startsWith("5_")) expect(stderr).toContain("Falling back to 'none'");
  });

  it.each(["profile_sla_aic_dgdr.yaml", "profile_sla_dgdr.yaml", "profile_sla_moe_dgdr.yaml"])(
    "[R012] %s runs as it was shipped, without deploying what it measures",
    (name) => {
      const { status, stderr } = profile(referencePath("dgdr-v1alpha1-samples", name), "--dry-run");
      expect(stderr).not.toContain("unexpected");
      expect(status!.status).toBe("success");
    },
  );
});
