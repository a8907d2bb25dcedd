import { mkdirSync } from "node:fs";
import { basename, dirname, extname } from "node:path";
import { Command, Option } from "commander";
import { writeFileAtomically } from "#common";
import { bucketTrace, dryRun } from "#planner/core";
import { loadHistory, readRequestTrace } from "#planner/sources";
import { buildSurface, loadProfile } from "#profiles";
import { type DryRunInput, dryRunPage, dryRunPicture, summarizeDryRun, svgToPng } from "#src/report";
import { parsePredictor, predictorTools } from "../../predictors.ts";
import { textTable } from "../../text-table.ts";
import { wholeNumber } from "../../values.ts";
import { type TraceFlags, traceFlags, withTraceOptions } from "./trace-options.ts";

interface DryRunFlags extends TraceFlags {
  predictor: string;
  window?: number;
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
      .addOption(new Option("--load-predictor <name>").hideHelp())
      .option("--window <n>", "values the predictor keeps", wholeNumber("--window", 5))
      .addOption(
        new Option("--load-prediction-window-size <n>")
          .argParser(wholeNumber("--load-prediction-window-size", 5))
          .hideHelp(),
      )
      .option("-o, --output <file>", "where the plot goes; the page lies beside it", "dryrun_plot.png")
      .addOption(new Option("--output-plot <file>").hideHelp())
      .option("--no-plot", "write no files")
      .option("--json", "print one JSON document instead of a table"),
  )
    .addHelpText(
      "after",
      `
Each interval is sized by the forecast that was made before it; without a deployment there is nothing to correct the profile by.

Examples:
  $ understudy planner dry-run --trace trace.jsonl --profile h200-llama-3.1-8b-fp8-tp1-estimate --predictor arima --interval 60s --ttft 200ms --itl 10ms
  $ understudy planner dry-run --trace captures/*.jsonl.gz --profile profiling_results/ --predictor ensemble -o plots/dry-run.png
  $ understudy planner dry-run --dataset trace.jsonl --profile-results-dir profiling_results --load-predictor prophet --adjustment-interval 60`,
    )
    .action(async (given: Record<string, unknown>) => {
      const flags: DryRunFlags = { ...(given as unknown as DryRunFlags), ...traceFlags(given) };
      const name = (given.loadPredictor as string | undefined) ?? flags.predictor;
      const input = await run(flags, name, (given.loadPredictionWindowSize as number | undefined) ?? flags.window);
      print(input, flags);
      if (flags.plot) writePlots(input, (given.outputPlot as string | undefined) ?? flags.output);
    });
}

async function run(flags: TraceFlags, name: string, window: number | undefined): Promise<DryRunInput> {
  const predictor = withWindow(parsePredictor(name, "--predictor"), window);
  const profile = loadProfile(flags.profile);
  const intervalS = flags.interval / 1000;
  const gpusPerWorker = { prefill: flags.prefillGpus, decode: flags.decodeGpus };
  const history = flags.warmupTrace === undefined ? [] : loadHistory(readRequestTrace(flags.warmupTrace), intervalS);
  const steps = dryRun(
    bucketTrace(readRequestTrace(flags.trace), intervalS),
    {
      intervalS,
      itlMs: flags.itl,
      ttftMs: flags.ttft,
      minEndpoint: flags.minWorkers,
      maxGpus: flags.maxGpus,
      gpusPerWorker,
      predictor,
      start: { prefill: flags.startPrefill, decode: flags.startDecode },
    },
    buildSurface(profile, flags.surface),
    await predictorTools([predictor]),
    history,
  );
  return {
    name: basename(flags.trace),
    predictor: name,
    profile: profile.name,
    intervalS,
    sla: { ttftMs: flags.ttft, itlMs: flags.itl },
    maxGpus: flags.maxGpus,
    gpusPerWorker,
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
        const short = (["prefill", "decode"] as const).filter((role) =>
          role === "prefill"
            ? step.prefillTokens > step.safePrefillTokens * input.gpusPerWorker.prefill
            : step.decodeTokens > step.safeDecodeTokens * input.gpusPerWorker.decode,
        );
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
  process.stdout.write(
    `\n${summary.gpuHours.toFixed(2)} GPU-hours, ${summary.averageGpus.toFixed(2)} GPUs on average; too few prefill workers in ${short.prefill}, too few decode workers in ${short.decode} of ${summary.intervals} intervals; ${changes.prefill + changes.decode} changes; forecasts of requests ${(summary.requestsError * 100).toFixed(1)} % off\n`,
  );
}

function writePlots(input: DryRunInput, plot: string): void {
  const extension = extname(plot);
  const page = `${extension === "" ? plot : plot.slice(0, -extension.length)}.html`;
  mkdirSync(dirname(plot), { recursive: true });
  const picture = dryRunPicture(input);
  writeFileAtomically(plot, extension === ".svg" ? picture : svgToPng(picture));
  writeFileAtomically(page, dryRunPage(input));
  process.stderr.write(`${plot}\n${page}\n`);
}
