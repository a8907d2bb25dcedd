import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDurationMs, UserError } from "#common";
import { TRACE_FORMATS, type TraceFormat, type TraceOptions } from "#scenarios";
import { numberArgument } from "./number-argument.ts";

/** How a trace is read, as flags. */
export interface TraceFlags {
  blockSize?: number;
  format?: TraceFormat;
  from?: number;
  to?: number;
}

export function withTraceFlags(command: Command): Command {
  return command
    .argument("<file>", "trace (JSONL, plain or gzip), or a pattern such as 'trace.*.jsonl.gz'")
    .option(
      "--block-size <tokens>",
      "tokens of a hash id (default: what the trace says, or 512)",
      numberArgument(1, true),
    )
    .addOption(new Option("--format <format>", "default: as the first line looks").choices(TRACE_FORMATS))
    .option("--from <time>", "begin at this time of the trace, such as 10m", durationArgument)
    .option("--to <time>", "end at this time of the trace", durationArgument)
    .option("--json", "print one JSON document");
}

export function traceOptions(flags: TraceFlags): TraceOptions {
  return {
    ...(flags.blockSize === undefined ? {} : { blockTokens: flags.blockSize }),
    ...(flags.format === undefined ? {} : { format: flags.format }),
    ...(flags.from === undefined ? {} : { fromMs: flags.from }),
    ...(flags.to === undefined ? {} : { toMs: flags.to }),
  };
}

function durationArgument(text: string): number {
  try {
    return parseDurationMs(text);
  } catch (error) {
    if (error instanceof UserError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
