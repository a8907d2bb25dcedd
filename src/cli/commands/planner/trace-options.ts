import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDurationMs, UserError } from "#common";
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
  prefillGpus: number;
  decodeGpus: number;
  startPrefill: number;
  startDecode: number;
  warmupTrace?: string;
  surface: "compat" | "robust";
}

/** Adds the flags; the names that Dynamo's planner had for them are taken as well. */
export function withTraceOptions(command: Command): Command {
  return command
    .option(
      "--trace <file>",
      "requests: Mooncake JSONL or dynamo.request.trace.v1, plain or .gz; a folder or glob of such",
    )
    .option("--profile <name>", "shipped profile, folder, npz or profile.json")
    .option("--interval <duration>", "time between decisions", milliseconds("--interval", 1000), 180_000)
    .option("--ttft <duration>", "SLA: time to first token (ms where there is no unit)", milliseconds("--ttft", 1), 500)
    .option("--itl <duration>", "SLA: inter-token latency (ms where there is no unit)", milliseconds("--itl", 1), 50)
    .option("--max-gpus <n>", "GPU budget", wholeNumber("--max-gpus", 1), 8)
    .option("--min-workers <n>", "workers of each role that are always wanted", wholeNumber("--min-workers"), 1)
    .option("--prefill-gpus <n>", "GPUs of a prefill worker", wholeNumber("--prefill-gpus", 1), 1)
    .option("--decode-gpus <n>", "GPUs of a decode worker", wholeNumber("--decode-gpus", 1), 1)
    .option("--start-prefill <n>", "prefill workers at the beginning", wholeNumber("--start-prefill", 1), 1)
    .option("--start-decode <n>", "decode workers at the beginning", wholeNumber("--start-decode", 1), 1)
    .option("--warmup-trace <file>", "traffic from before, which the predictors learn first; as --trace")
    .addOption(
      new Option("--surface <family>", "how the profile is read: compat as Dynamo does, or robust")
        .choices(["compat", "robust"])
        .default("compat"),
    )
    .addOption(old("--dataset <file>"))
    .addOption(old("--profile-results-dir <dir>"))
    .addOption(old("--adjustment-interval <seconds>").argParser(positiveNumber("--adjustment-interval")))
    .addOption(old("--max-gpu-budget <n>").argParser(wholeNumber("--max-gpu-budget", 1)))
    .addOption(old("--min-endpoint <n>").argParser(wholeNumber("--min-endpoint")))
    .addOption(old("--prefill-engine-num-gpu <n>").argParser(wholeNumber("--prefill-engine-num-gpu", 1)))
    .addOption(old("--decode-engine-num-gpu <n>").argParser(wholeNumber("--decode-engine-num-gpu", 1)))
    .addOption(old("--start-num-p <n>").argParser(wholeNumber("--start-num-p", 1)))
    .addOption(old("--start-num-d <n>").argParser(wholeNumber("--start-num-d", 1)));
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
  };
  const known = Object.entries(renamed).filter(([, value]) => value !== undefined);
  const flags = { ...given, ...Object.fromEntries(known) } as unknown as TraceFlags;
  if (flags.trace === undefined) throw missing("--trace", "the requests to plan for");
  if (flags.profile === undefined) throw missing("--profile", "the profile of the workers");
  return flags;
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
