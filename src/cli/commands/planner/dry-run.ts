import { basename } from "node:path";
import { Command, Option } from "commander";
import { bucketTrace, dryRun } from "#planner/core";
import { LoadPredictor } from "#planner/predictors";
import { readRequestTrace, trafficHistory } from "#planner/traces";
import { buildSurface, loadProfile, type SurfaceFamily } from "#profiles";
import { type DryRunInput, dryRunPage, dryRunPicture, shortRoles, summarizeDryRun } from "#src/report";
import { parsePredictor, predictorTools } from "../../predictors.ts";
import { type Progress, progress } from "../../progress.ts";
import { textTable } from "../../text-table.ts";
import { wholeNumber } from "../../values.ts";
import { checkPlotName, writePlot } from "./plot-files.ts";
import {
  gpusPerWorker,
  meaninglessFlags,
  sizing,
  type TraceFlags,
  traceFlags,
  withTraceOptions,
} from "./trace-options.ts";

interface DryRunFlags extends TraceFlags {
  predictor: string;
  window?: number;
  surface: SurfaceFamily;
  output: string;
  plot: boolean;
  json?: true;
}

/** `understudy planner dry-run`: the SLA planner over a trace, without a deployment. */
export function dryRunCommand(): Command {
  return withTraceOptions(
    new Command("dry-run")
      .description(
        "what the SLA planner would have done with a trace: a table, a plot of four panels (PNG) and a page (HTML)",
      )
      .option(
        "--predictor <name>",
        "constant, linear, arima, kalman, prophet, ensemble or bank; options after a colon: arima:log1p",
        "arima",
      )
      .option("--window <n>", "values the predictor keeps", wholeNumber("--window", 5))
      .addOption(
        new Option("--surface <family>", "how the profile is read: compat as Dynamo does, or robust")
          .choices(["compat", "robust"])
          .default("compat"),
      )
      .option("-o, --output <file>", "where the plot goes (.png or .svg); the page lies beside it", "dryrun_plot.png")
      .option("--no-plot", "write no files")
      .option("--json", "print one JSON document instead of a table")
      .addOption(new Option("--load-predictor <name>").hideHelp())
      .addOption(
        new Option("--load-prediction-window-size <n>")
          .argParser(wholeNumber("--load-prediction-window-size", 5))
          .hideHelp(),
      )
      .addOption(new Option("--output-plot <file>").hideHelp())
      .addOption(new Option("--no-correction").hideHelp()),
  )
    .addHelpText(
      "after",
      `
Each interval is sized by the forecast that was made before it; without a deployment there is nothing to correct the
profile by. Intervals without requests are left out. The names that Dynamo's dry run has for these flags are taken, too.

Examples:
  $ understudy planner dry-run --trace trace.jsonl --profile h200-llama-3.1-8b-fp8-tp1-estimate --predictor arima --interval 60s --ttft 200ms --itl 10ms
  $ understudy planner dry-run --trace 'captures/*.jsonl.gz' --profile profiling_results/ --predictor ensemble -o plots/dry-run.png
  $ understudy planner dry-run --dataset trace.jsonl --profile-results-dir profiling_results --load-predictor prophet --adjustment-interval 60`,
    )
    .action(async (given: Record<string, unknown>) => {
      const flags = dryRunFlags(given);
      for (const note of meaninglessFlags(given)) process.stderr.write(`${note}\n`);
      if (flags.plot) checkPlotName(flags.output);
      const bar = progress();
      const input = await run(flags, bar);
      bar.done();
      print(input, flags);
      if (flags.plot) for (const path of writePlot(flags.output, dryRunPicture(input), dryRunPage(input))) said(path);
    });
}

function dryRunFlags(given: Record<string, unknown>): DryRunFlags {
  const flags = { ...given, ...traceFlags(given) } as unknown as DryRunFlags;
  const renamed = {
    predictor: given.loadPredictor,
    window: given.loadPredictionWindowSize,
    output: given.outputPlot,
  };
  const known = Object.entries(renamed).filter(([, value]) => value !== undefined);
  return { ...flags, ...Object.fromEntries(known) };
}

async function run(flags: DryRunFlags, bar: Progress): Promise<DryRunInput> {
  const predictor = withWindow(parsePredictor(flags.predictor, "--predictor"), flags.window);
  const profile = loadProfile(flags.profile);
  const surface = buildSurface(profile, flags.surface);
  const intervalS = flags.interval / 1000;
  const gpus = gpusPerWorker(flags, profile);
  const forecaster = new LoadPredictor(predictor, intervalS, await predictorTools([predictor]));
  if (flags.warmupTrace !== undefined) forecaster.warmUp(trafficHistory(flags.warmupTrace)(intervalS));
  const requests = readRequestTrace(flags.trace, (count) => bar.update(`${count} requests read`));
  const buckets = bucketTrace(requests, intervalS);
  let done = 0;
  const steps = dryRun(buckets, sizing(flags, gpus), surface, {
    predict: () => forecaster.predict(),
    add: (values) => {
      forecaster.add(values);
      bar.update(`${++done} of ${buckets.length} intervals`);
    },
  });
  return {
    name: basename(flags.trace),
    predictor: flags.predictor,
    profile: profile.name,
    intervalS,
    sla: { ttftMs: flags.ttft, itlMs: flags.itl },
    maxGpus: flags.maxGpus,
    gpusPerWorker: gpus,
    steps,
  };
}

function withWindow<Config extends object>(config: Config, window: number | undefined): Config {
  return window === undefined || !("window" in config) ? config : { ...config, window };
}

function print(input: DryRunInput, { json }: DryRunFlags): void {
  const summary = summarizeDryRun(input);
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...input, summary }, null, 2)}\n`);
    return;
  }
  const whole = (value: number) => String(Math.round(value));
  process.stdout.write(
    textTable(
      ["time", "requests", "forecast", "ISL", "forecast", "OSL", "forecast", "P", "D", "enough"],
      input.steps.map((step) => {
        const short = shortRoles(step, input);
        return [
          `${step.startS} s`,
          ...[step.requests, step.forecastRequests, step.isl, step.forecastIsl, step.osl, step.forecastOsl].map(whole),
          String(step.prefill),
          String(step.decode),
          short.length === 0 ? "yes" : `no: ${short.join(", ")}`,
        ];
      }),
    ),
  );
  const { short, changes } = summary;
  const error = Number.isNaN(summary.requestsError)
    ? "nothing to forecast"
    : `forecasts of requests ${(summary.requestsError * 100).toFixed(1)} % off`;
  process.stdout.write(
    `\n${summary.gpuHours.toFixed(2)} GPU-hours, ${summary.averageGpus.toFixed(2)} GPUs on average; too few prefill workers in ${short.prefill}, too few decode workers in ${short.decode} of ${summary.intervals} intervals; ${changes.prefill + changes.decode} changes; ${error}\n`,
  );
}

function said(path: string): void {
  process.stderr.write(`${path}\n`);
}
