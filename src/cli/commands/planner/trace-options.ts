import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDurationMs, UserError } from "#common";
import type { Targets } from "#planner/core";
import type { Profile } from "#profiles";
import { positiveNumber, wholeNumber } from "../../values.ts";

/** Flags of the commands that ask what a planner would have done with a trace. */
export interface TraceFlags {
  trace: string;
  profile: string;
  /** ms */
  interval: number;
  ttft: number;
  itl: number;
  maxGpus: number;
  minWorkers: number;
  /** Absent: as the profile was measured. */
  prefillGpus?: number;
  decodeGpus?: number;
  startPrefill: number;
  startDecode: number;
  warmupTrace?: string;
}

/** Adds the flags; the names that Dynamo's dry run had for them are taken as well. */
export function withTraceOptions(command: Command): Command {
  return command
    .option(
      "--trace <file>",
      "requests: Mooncake JSONL or dynamo.request.trace.v1, plain or .gz; a folder or glob of such",
    )
    .option("--profile <name>", "shipped profile, folder, npz or profile.json")
    .addOption(
      new Option("--interval <duration>", "time between decisions (seconds where there is no unit)")
        .argParser(milliseconds("--interval", 1000))
        .default(180_000, "180s"),
    )
    .addOption(
      new Option("--ttft <duration>", "SLA: time to first token (ms where there is no unit)")
        .argParser(milliseconds("--ttft", 1))
        .default(500, "500ms"),
    )
    .addOption(
      new Option("--itl <duration>", "SLA: inter-token latency (ms where there is no unit)")
        .argParser(milliseconds("--itl", 1))
        .default(50, "50ms"),
    )
    .option("--max-gpus <n>", "GPU budget", wholeNumber("--max-gpus", 1), 8)
    .option("--min-workers <n>", "workers of each role that are always wanted", wholeNumber("--min-workers"), 1)
    .option("--prefill-gpus <n>", "GPUs of a prefill worker (default: as profiled)", wholeNumber("--prefill-gpus", 1))
    .option("--decode-gpus <n>", "GPUs of a decode worker (default: as profiled)", wholeNumber("--decode-gpus", 1))
    .option("--start-prefill <n>", "prefill workers at the beginning", wholeNumber("--start-prefill", 1), 1)
    .option("--start-decode <n>", "decode workers at the beginning", wholeNumber("--start-decode", 1), 1)
    .option("--warmup-trace <file>", "traffic from before, which the predictors learn first; as --trace")
    .addOption(old("--load-predictor-warmup-trace <file>"))
    .addOption(old("--dataset <file>"))
    .addOption(old("--profile-results-dir <dir>"))
    .addOption(old("--adjustment-interval <seconds>").argParser(positiveNumber("--adjustment-interval")))
    .addOption(old("--max-gpu-budget <n>").argParser(wholeNumber("--max-gpu-budget", 1)))
    .addOption(old("--min-endpoint <n>").argParser(wholeNumber("--min-endpoint")))
    .addOption(old("--prefill-engine-num-gpu <n>").argParser(wholeNumber("--prefill-engine-num-gpu", 1)))
    .addOption(old("--decode-engine-num-gpu <n>").argParser(wholeNumber("--decode-engine-num-gpu", 1)))
    .addOption(old("--start-num-p <n>").argParser(wholeNumber("--start-num-p", 1)))
    .addOption(old("--start-num-d <n>").argParser(wholeNumber("--start-num-d", 1)))
    .addOption(old("--environment <name>"))
    .addOption(old("--namespace <name>"))
    .addOption(old("--backend <name>"))
    .addOption(old("--model-name <name>"))
    .addOption(old("--log-dir <dir>"))
    .addOption(old("--prometheus-port <port>"))
    .addOption(old("--no-operation"));
}

/** Flags of Dynamo's planner that its dry run took along with all others: nothing here depends on them. */
const MEANINGLESS: readonly [string, string][] = [
  ["environment", "--environment"],
  ["namespace", "--namespace"],
  ["backend", "--backend"],
  ["modelName", "--model-name"],
  ["logDir", "--log-dir"],
  ["prometheusPort", "--prometheus-port"],
];

/** What to tell of flags that change nothing without a deployment. */
export function meaninglessFlags(given: Record<string, unknown>): string[] {
  const flags = MEANINGLESS.filter(([name]) => given[name] !== undefined).map(([, flag]) => flag);
  if (given.operation === false) flags.push("--no-operation");
  return flags.map((flag) => `${flag} changes nothing here: there is no deployment`);
}

/** The flags' values, whichever names they were given by. @throws UserError where the trace or the profile is missing */
export function traceFlags(given: Record<string, unknown>): TraceFlags {
  const renamed = {
    trace: given.dataset,
    profile: given.profileResultsDir,
    interval: typeof given.adjustmentInterval === "number" ? given.adjustmentInterval * 1000 : undefined,
    maxGpus: given.maxGpuBudget,
    minWorkers: given.minEndpoint,
    prefillGpus: given.prefillEngineNumGpu,
    decodeGpus: given.decodeEngineNumGpu,
    startPrefill: given.startNumP,
    startDecode: given.startNumD,
    warmupTrace: given.loadPredictorWarmupTrace,
  };
  const known = Object.entries(renamed).filter(([, value]) => value !== undefined);
  const flags = { ...given, ...Object.fromEntries(known) } as unknown as TraceFlags;
  refusePreSwept(flags.profile);
  if (flags.trace === undefined) throw missing("--trace", "the requests to plan for");
  if (flags.profile === undefined) throw missing("--profile", "the profile of the workers");
  return flags;
}

const PRE_SWEPT = "use-pre-swept-results";

/** Dynamo's dry run could name a row of sweeps in its own repository, which are not here. */
function refusePreSwept(profile: string | undefined): void {
  if (!profile?.startsWith(PRE_SWEPT)) return;
  const [, gpu, model] = profile.split(":");
  throw new UserError({
    code: "PLANNER_PRE_SWEPT",
    where: "--profile",
    message: `found ${JSON.stringify(profile)}, which names a row of sweeps that lie in Dynamo's repository, not here`,
    hint: `give the folder of a profiling run, or one of \`understudy profiles list\`${gpu && model ? `; \`understudy profile --model ${model} --gpu ${gpu} --use-ai-configurator\` estimates one` : ""}`,
  });
}

/** GPUs of a worker by role: as the flags say, else as the profile was measured, else one. */
export function gpusPerWorker(
  flags: Pick<TraceFlags, "prefillGpus" | "decodeGpus">,
  { provenance }: Profile,
): { prefill: number; decode: number } {
  return {
    prefill: flags.prefillGpus ?? provenance.gpusPerPrefillEngine ?? 1,
    decode: flags.decodeGpus ?? provenance.gpusPerDecodeEngine ?? 1,
  };
}

/** What the SLA planner's formulas are told of the deployment. */
export function sizing(flags: TraceFlags, gpusPerWorker: Targets) {
  return {
    intervalS: flags.interval / 1000,
    itlMs: flags.itl,
    ttftMs: flags.ttft,
    minEndpoint: flags.minWorkers,
    maxGpus: flags.maxGpus,
    gpusPerWorker,
    start: { prefill: flags.startPrefill, decode: flags.startDecode },
  };
}

function old(flags: string): Option {
  return new Option(flags).hideHelp();
}

function missing(flag: string, what: string): UserError {
  return new UserError({ code: "CLI_USAGE", where: flag, message: `found nothing, expected ${what}` });
}

/** A duration in ms; a bare number counts in `unitMs`. */
function milliseconds(flag: string, unitMs: number): (text: string) => number {
  return (text) => {
    const bare = Number(text);
    if (text.trim() !== "" && Number.isFinite(bare) && bare > 0) return bare * unitMs;
    try {
      const parsed = parseDurationMs(text, flag);
      if (parsed > 0) return parsed;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new InvalidArgumentError(`${error.message}.`);
    }
    throw new InvalidArgumentError(`${flag} takes a duration above 0.`);
  };
}
