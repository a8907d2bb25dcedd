import { tmpdir } from "node:os";
import { basename, resolve } from "node:path";
import { Command, Option } from "commander";
import { UserError } from "#common";
import { type PlannerConfig, type PlannerConfigInput, plannerConfigSchema } from "#planner/core";
import type { PredictorConfig } from "#planner/predictors";
import { trafficHistory } from "#planner/traces";
import { buildSurface, loadProfile, type Profile } from "#profiles";
import { prepareRehearsal } from "#src/rehearsal";
import { comparisonPage, comparisonPicture, type PredictorComparison } from "#src/report";
import { type Candidate, comparePredictors } from "#src/study";
import { parsePredictor, predictorTools } from "../../predictors.ts";
import { type Progress, progress, virtualTime } from "../../progress.ts";
import { scenarioOf } from "../../rehearse.ts";
import { rowsInMemoryOption } from "../../rows-flag.ts";
import { RowsOnDisk } from "../../rows-on-disk.ts";
import { bandwidth, duration, wholeNumber } from "../../values.ts";
import { comparisonText } from "./comparison-text.ts";
import { offeredLoads, playedTrace, wholeIntervals } from "./played-trace.ts";
import { checkPlotName, writePlot } from "./plot-files.ts";
import {
  gpusPerWorker,
  meaninglessFlags,
  sizing,
  type TraceFlags,
  traceFlags,
  withTraceOptions,
} from "./trace-options.ts";

interface CompareFlags extends TraceFlags {
  predictors: Candidate[];
  strategy: "sla-compat" | "load-compat";
  correction?: boolean;
  startup: string;
  kvTransferBandwidth: string;
  seed: number;
  output: string;
  plot: boolean;
  json?: true;
  rowsInMemory: number;
}

/** `understudy planner compare`: predictors side by side on one trace. */
export function compareCommand(): Command {
  return withTraceOptions(
    new Command("compare")
      .description(
        "predictors side by side on one trace, played with the planner in the loop: error, GPU-hours, SLA attainment, regret, cost",
      )
      .addOption(
        new Option("--predictors <names>", "separated by commas; options after a colon: arima:window=30;log1p")
          .argParser(candidates)
          .default(candidates("constant,arima,kalman,prophet,ensemble"), "constant,arima,kalman,prophet,ensemble"),
      )
      .addOption(
        new Option("--strategy <name>", "who sizes by the forecast: Dynamo's planner of 2025 or of 2026")
          .choices(["sla-compat", "load-compat"])
          .default("sla-compat"),
      )
      .option("--correction", "sla-compat: correct the profile by what is observed, as Dynamo does unless told not to")
      .option("--startup <duration>", "start-up time of a worker", duration("--startup"), "30s")
      .option("--kv-transfer-bandwidth <rate>", "of one KV transfer", bandwidth("--kv-transfer-bandwidth"), "64GB/s")
      .option("--seed <n>", "seed of everything random", wholeNumber("--seed"), 1)
      .option("-o, --output <file>", "where the picture goes (.png or .svg); the page lies beside it", "comparison.png")
      .option("--no-plot", "write no files")
      .option("--json", "print one JSON document instead of a table")
      .addOption(rowsInMemoryOption()),
  )
    .addHelpText(
      "after",
      `
Every predictor meets the same requests and starts with the same workers. Beside them stand a perfect forecast, which knows
the load of the next interval, and the last value: regret is what a predictor costs more than these.

Examples:
  $ understudy planner compare --trace trace.jsonl --profile h200-llama-3.1-8b-fp8-tp1-estimate --interval 60s --ttft 200ms --itl 10ms
  $ understudy planner compare --trace 'captures/*.jsonl.gz' --profile profiling_results/ --predictors constant,arima:window=30,ensemble --json
  $ understudy planner compare --trace today.jsonl --warmup-trace yesterday.jsonl --profile profiling_results/ --strategy load-compat -o plots/predictors.png`,
    )
    .action(async (given: Record<string, unknown>) => {
      const flags = { ...given, ...traceFlags(given) } as unknown as CompareFlags;
      for (const note of meaninglessFlags(given)) process.stderr.write(`${note}\n`);
      if (flags.plot) checkPlotName(flags.output);
      const bar = progress();
      const comparison = await compare(flags, bar);
      bar.done();
      process.stdout.write(flags.json ? `${JSON.stringify(comparison, null, 2)}\n` : comparisonText(comparison));
      if (!flags.plot) return;
      const files = writePlot(flags.output, comparisonPicture(comparison), comparisonPage(comparison));
      process.stderr.write(`${files.join("\n")}\n`);
    });
}

/** `constant,arima:window=30;log1p`: names are kept as written. */
function candidates(text: string): Candidate[] {
  const names = text.split(",").map((name) => name.trim());
  if (new Set(names).size < names.length || names.includes("")) {
    throw new UserError({
      code: "CLI_USAGE",
      where: "--predictors",
      message: `found ${JSON.stringify(text)}, expected names, each once, separated by commas`,
    });
  }
  return names.map((name) => ({ name, config: parsePredictor(name, "--predictors") }));
}

async function compare(flags: CompareFlags, bar: Progress): Promise<PredictorComparison> {
  const profile = loadProfile(flags.profile);
  const intervalS = flags.interval / 1000;
  const tools = await predictorTools(flags.predictors.map(({ config }) => config));
  const gpus = gpusPerWorker(flags, profile);
  const history = flags.warmupTrace === undefined ? undefined : trafficHistory(flags.warmupTrace);
  const workload = playedTrace(flags.trace, (count) => bar.update(`${count} requests read`));
  const scenario = scenarioOf(scenarioDocument(flags, profile, gpus), "compare");
  const rehearsal = prepareRehearsal(scenario, tools, { workload, ...(history === undefined ? {} : { history }) });
  const loads = offeredLoads(workload, intervalS);
  const rows = new RowsOnDisk(flags.rowsInMemory, tmpdir());
  const compared = comparePredictors({
    candidates: flags.predictors,
    loads,
    judged: wholeIntervals(workload, intervalS, loads.length),
    history: history?.(intervalS) ?? [],
    tools,
    sizing: sizing(flags, gpus),
    surface: buildSurface(profile, "compat"),
    newPlanner: (config) => rehearsal.newPlanner(plannerConfig(flags, config))!,
    play: (planner, name) =>
      rows.play(rehearsal, planner, {
        onProgress: (nowMs, done) => bar.update(`${name}: ${virtualTime(nowMs, workload.horizonMs, done)}`),
      }),
    nowMs: () => performance.now(),
  });
  rows.close();
  return {
    name: basename(flags.trace),
    profile: profile.name,
    strategy: flags.strategy,
    intervalS,
    sla: { ttftMs: flags.ttft, itlMs: flags.itl },
    maxGpus: flags.maxGpus,
    gpusPerWorker: gpus,
    seed: flags.seed,
    requests: workload.count,
    loads,
    ...compared,
  };
}

function plannerConfig(flags: CompareFlags, predictor: PredictorConfig): PlannerConfig {
  return plannerConfigSchema.parse(plannerDocument(flags, predictor));
}

/** Both strategies as sizing by forecast alone, of what was offered: other loops would hide what a forecast does. */
function plannerDocument(flags: CompareFlags, predictor: PredictorConfig): PlannerConfigInput {
  const interval = `${flags.interval}ms`;
  const common = { maxGpus: flags.maxGpus, minWorkers: flags.minWorkers, predictor };
  if (flags.strategy === "load-compat") {
    return {
      ...common,
      strategy: "load-compat",
      target: "sla",
      scaling: { load: false, throughput: true },
      throughputInterval: interval,
    };
  }
  return {
    ...common,
    strategy: "sla-compat",
    interval,
    correction: flags.correction ?? false,
    requestCount: "started",
  };
}

function scenarioDocument(flags: CompareFlags, profile: Profile, gpus: { prefill: number; decode: number }): object {
  const pool = (workers: number, gpusPerWorker: number) => ({ workers, startup: flags.startup, gpusPerWorker });
  return {
    name: "compare",
    seed: flags.seed,
    deployment: {
      profile: /[\\/]|^\.|\.(npz|json)$/.test(flags.profile) ? resolve(flags.profile) : flags.profile,
      mode: "disagg",
      prefill: pool(flags.startPrefill, gpus.prefill),
      decode: pool(flags.startDecode, gpus.decode),
      // What nobody knows the size of takes no time.
      ...(profile.provenance.kvBytesPerToken === undefined
        ? {}
        : { kvTransfer: { bandwidth: flags.kvTransferBandwidth } }),
    },
    sla: { ttft: `${flags.ttft}ms`, itl: `${flags.itl}ms` },
    planner: plannerDocument(flags, { type: "constant" }),
    traffic: [{ trace: { file: resolve(flags.trace) } }],
  };
}
