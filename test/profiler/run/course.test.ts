import { describe, expect, it } from "vitest";
import { filesIn, madeRun, read, status, temporaryFolder } from "./made-run.ts";

const flags = {
  model: "Qwen/Qwen3-32B",
  backend: "vllm",
  isl: "3000",
  osl: "150",
  ttft: "200",
  itl: "20",
  "min-num-gpus-per-engine": "1",
  "max-num-gpus-per-engine": "2",
} as const;

describe("course of a run", () => {
  it("[R006] [R183] names its phases in order, with minutes and seconds", async () => {
    const { lines, result } = madeRun(flags, { tickMs: 1500 });
    const { chosen } = await result;
    const engine = (row: typeof chosen.prefill | typeof chosen.decode) => {
      const { gpus } = row!.mapping.layout;
      return `(TP=${gpus}, ${gpus === 1 ? "1 GPU" : `${gpus} GPUs`})`;
    };
    expect(lines.map(({ text }) => text).filter((text) => /^Phase/.test(text))).toEqual([
      "Phase 1: Prefill profiling (1 GPU)",
      "Phase 1: Prefill profiling (2 GPUs)",
      "Phase 2: Decode profiling (1 GPU)",
      "Phase 2: Decode profiling (2 GPUs)",
      "Phase 3: Selection",
      `Phase 4: Prefill interpolation ${engine(chosen.prefill)}`,
      `Phase 5: Decode interpolation ${engine(chosen.decode)}`,
      "Phase 6: DGD generation",
    ]);
    const times = lines.map(({ elapsedMs }) => elapsedMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(0);
  });

  it("[R183] says how far a long interpolation is, and how long the rest may take", async () => {
    const { lines, result } = madeRun({ ...flags, strategy: "thorough" }, { tickMs: 6000 });
    await result;
    const progress = lines.map(({ text }) => text).filter((text) => / points, about /.test(text));
    expect(progress[0]).toMatch(/^Prefill interpolation: \d+ of 17 points, about \d\d:\d\d left$/);
    expect(progress.at(-1)).toMatch(/^Decode interpolation: 26 of 27 points, about 00:\d\d left$/);
  });

  it("[R143] refuses a context too short to sample before anything is swept, and warns of requests longer than it", async () => {
    const short = madeRun({ ...flags, "max-context-length": "600" });
    await expect(short.result).rejects.toMatchObject({ code: "PROFILER_CONTEXT_TOO_SMALL" });
    expect(short.calls.opened).toEqual([]);
    const long = madeRun({ ...flags, "max-context-length": "3000" });
    const { warnings } = await long.result;
    expect(warnings).toContain(
      "ISL 3000 + OSL 150 exceed the longest context of 3000 tokens: no engine serves such requests",
    );
    expect((await madeRun(flags).result).warnings.join()).not.toContain("exceed the longest context");
  });

  it("[R155] shows each phase in the status file while it runs", async () => {
    const folder = temporaryFolder();
    const seen: unknown[] = [];
    const see = () => {
      const { status: state, phase, message } = status(folder);
      seen.push([state, phase, message]);
    };
    const { result } = madeRun({ ...flags, strategy: "thorough" }, { folder, source: { onOpen: see } });
    await result;
    expect(seen).toEqual([
      ["running", "SweepingPrefill", "Benchmarking prefill candidate 1/2: TP=1 (1 GPUs)"],
      ["running", "SweepingPrefill", "Benchmarking prefill candidate 2/2: TP=2 (2 GPUs)"],
      ["running", "SweepingDecode", "Benchmarking decode candidate 1/2: TP=1 (1 GPUs)"],
      ["running", "SweepingDecode", "Benchmarking decode candidate 2/2: TP=2 (2 GPUs)"],
      ["running", "BuildingCurves", "Building interpolation curves for planner integration"],
      ["running", "BuildingCurves", "Building interpolation curves for planner integration"],
    ]);
  });

  it("[R181] cleans up after every candidate, after each interpolation, and at the end", async () => {
    const { calls, folder, result } = madeRun(flags);
    await result;
    expect(calls.opened).toHaveLength(6);
    expect(calls.closed).toEqual(calls.opened);
    expect(calls.mostOpen).toBe(1);
    expect(calls.sourceClosed).toBe(1);
    expect(read(folder, "profile_sla.log").trimEnd().split("\n").slice(-2)).toEqual([
      expect.stringMatching(/ - INFO - Performing final cleanup of any remaining deployments\.\.\.$/),
      expect.stringMatching(/ - INFO - Final cleanup completed\.$/),
    ]);
  });

  it("[R172] [R173] [R179] logs each line with time, logger and level, and says it on the console too", async () => {
    const { folder, lines, result } = madeRun({ ...flags, dialect: "0.3" });
    await result;
    const log = read(folder, "profile_sla.log").trimEnd().split("\n");
    for (const line of log) {
      expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - __main__ - (INFO|WARNING|ERROR) - \S/);
    }
    const suggested = log.filter((line) => /(Analyzing|Suggested)/.test(line)).map((line) => line.split(" - ").at(-1));
    expect(suggested).toEqual([
      "Analyzing results and generate recommendations...",
      expect.stringMatching(/^Suggested prefill TP:\d \(TTFT [\d.]+ ms, throughput [\d.]+ tokens\/s\/GPU\)$/),
      expect.stringMatching(/^Suggested planner upper\/lower bound for prefill queue size: \d\.\d\d\/\d\.\d\d$/),
      expect.stringMatching(/^Suggested decode TP:\d \(ITL [\d.]+ ms, throughput [\d.]+ tokens\/s\/GPU\)$/),
      expect.stringMatching(
        /^Suggested planner upper\/lower bound for decode kv cache utilization: \d\.\d\d\/\d\.\d\d$/,
      ),
    ]);
    for (const { formatted } of lines) expect(log).toContain(formatted);
    expect(lines.map(({ text }) => text)).toContain(suggested[1]);
  });

  it("[R178] labels the planner's bounds as for load-based planning", async () => {
    const { folder, result } = madeRun(flags);
    const { bounds } = await result;
    expect(bounds.prefillQueue!.upper).toBeGreaterThanOrEqual(bounds.prefillQueue!.lower);
    expect(read(folder, "profile_sla.log")).toContain("The planner's bounds are for load-based planning.");
  });
});

describe("trouble", () => {
  it("[R086] [R166] goes on with the lowest latency where nothing keeps a target, and says so", async () => {
    const { result } = madeRun({ ...flags, ttft: "1", itl: "0.5" });
    const { chosen, warnings, deployment } = await result;
    expect(chosen.prefill!.mapping.label).toBe("TP=2");
    expect(warnings.join("\n")).toContain("No engine configuration satisfies the TTFT requirement");
    expect(warnings.join("\n")).toContain("No engine configuration satisfies the ITL requirement");
    expect(deployment).toBe("config_with_planner.yaml");
  });

  it("ends with its reasons where no candidate can be had, clean and with a failed status", async () => {
    const { folder, calls, result } = madeRun(flags, { source: { failing: ["TP=1", "TP=2"] } });
    await expect(result).rejects.toMatchObject({
      code: "PROFILER_NOTHING_TO_PICK",
      exitCode: 1,
      message: "no candidate gave a prefill or a decode result: TP=1: out of memory; TP=2: out of memory",
      hint: expect.stringContaining("relax the SLA"),
    });
    expect(calls.sourceClosed).toBe(1);
    expect(status(folder)).toMatchObject({
      status: "failed",
      phase: "SelectingConfig",
      error: expect.stringContaining("TP=1"),
    });
    expect(read(folder, "profile_sla.log")).toContain("ERROR - Profile job failed with error: no candidate gave");
  });

  it("tells an unforeseen error by its type, closes what is open and passes it on", async () => {
    const error = new RangeError("bad size");
    const source = {
      onOpen: (phase: string) => {
        if (phase === "decode") throw error;
      },
    };
    const { folder, calls, result } = madeRun(flags, { source });
    await expect(result).rejects.toBe(error);
    expect(status(folder)).toMatchObject({
      status: "failed",
      phase: "SweepingDecode",
      message: "Profiler failed with exception: RangeError",
      error: "bad size",
    });
    expect(calls.sourceClosed).toBe(1);
  });

  it("goes without a profile where a chosen engine can't be had again", async () => {
    const source = {
      onOpen: (_: string, mapping: { label: string }, folder: string) => {
        if (folder.startsWith("selected_decode")) failing.push(mapping.label);
      },
    };
    const failing: string[] = [];
    const { folder, result } = madeRun(flags, { source: { ...source, failing } });
    const { profile, warnings } = await result;
    expect(profile).toBeUndefined();
    expect(warnings).toContain("Deployment or model failed to become ready within timeout, skipping profiling");
    expect(filesIn(folder)).toContain("config_with_planner.yaml");
  });
});

describe("interruption", () => {
  it.each([
    ["SweepingPrefill", 1],
    ["SweepingDecode", 4],
    ["BuildingCurves", 5],
  ])("in %s leaves a status that says so and nothing open", async (phase, openings) => {
    const abort = new AbortController();
    let opened = 0;
    const { folder, calls, result } = madeRun(flags, {
      signal: abort.signal,
      source: { onOpen: () => ++opened === openings && abort.abort() },
    });
    await expect(result).rejects.toMatchObject({ code: "PROFILER_INTERRUPTED", exitCode: 1 });
    expect(status(folder)).toMatchObject({
      status: "failed",
      phase,
      message: "Profiler was interrupted",
      error: "interrupted",
    });
    expect(calls.closed).toEqual(calls.opened);
    expect(calls.sourceClosed).toBe(1);
  });

  it("can be resumed: candidates that are complete are not opened again, and the result is the same", async () => {
    const whole = await madeRun(flags).result;
    const abort = new AbortController();
    let opened = 0;
    const first = madeRun(flags, {
      signal: abort.signal,
      source: { onOpen: () => ++opened === 4 && abort.abort() },
    });
    await expect(first.result).rejects.toMatchObject({ code: "PROFILER_INTERRUPTED" });
    const second = madeRun({ ...flags, "skip-existing-results": true }, { folder: first.folder });
    const resumed = await second.result;
    expect(second.calls.opened.slice(0, 2)).toEqual(["decode TP=2", expect.stringMatching(/^prefill/)]);
    expect(resumed.sweep).toEqual(whole.sweep);
    expect(resumed.profile).toEqual({ ...whole.profile!, provenance: resumed.profile!.provenance });

    const third = madeRun({ ...flags, "skip-existing-results": true }, { folder: first.folder });
    await third.result;
    expect(third.calls.opened).toEqual([]);
    const otherTarget = madeRun({ ...flags, "skip-existing-results": true, isl: "2000" }, { folder: first.folder });
    await otherTarget.result;
    expect(otherTarget.calls.opened.slice(0, 4)).toHaveLength(4);
    const afresh = madeRun(flags, { folder: first.folder });
    await afresh.result;
    expect(afresh.calls.opened).toHaveLength(6);
  });
});

describe("dry run", () => {
  it("[R144] opens nothing and still writes candidates and a deployment without a profile", async () => {
    const { folder, calls, result } = madeRun({ ...flags, "dry-run": true });
    await result;
    expect(calls.opened).toEqual([]);
    expect(filesIn(folder)).toEqual([
      "config_with_planner.yaml",
      "decode_1gpus_TP1/config.yaml",
      "decode_2gpus_TP2/config.yaml",
      "disagg_config.yaml",
      "prefill_1gpus_TP1/config.yaml",
      "prefill_2gpus_TP2/config.yaml",
      "profile_sla.log",
      "profiler_status.yaml",
      "selected_decode_interpolation/config.yaml",
      "selected_prefill_interpolation/config.yaml",
    ]);
    expect(read(folder, "config_with_planner.yaml")).not.toContain("ConfigMap");
    const log = read(folder, "profile_sla.log");
    expect(log).toContain("Skipping deployment creation in dry run mode");
    expect(log).toContain("Skipping recommendations in dry run mode");
    expect(log).not.toContain("Suggested");
    expect(status(folder)).toMatchObject({ status: "success" });
  });
});
