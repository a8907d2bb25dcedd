import { styleText } from "node:util";
import { Command, InvalidArgumentError, Option } from "commander";
import { formatDuration, parseDurationMs, UserError } from "#common";
import { readTraceFile, summarizeWorkload, TRACE_FORMATS, type TraceFormat, type WorkloadSummary } from "#scenarios";
import { numberArgument } from "./number-argument.ts";

interface InspectFlags {
  blockSize?: number;
  format?: TraceFormat;
  from?: number;
  to?: number;
  json?: true;
}

function durationArgument(text: string): number {
  try {
    return parseDurationMs(text);
  } catch (error) {
    if (error instanceof UserError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

/** `understudy trace inspect` */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("rates, lengths, sessions and shared prefixes of a trace")
    .argument("<file>", "trace (JSONL, plain or gzip), or a pattern")
    .option(
      "--block-size <tokens>",
      "tokens of a hash id (default: what the trace says, or 512)",
      numberArgument(1, true),
    )
    .addOption(new Option("--format <format>", "default: as the first line looks").choices(TRACE_FORMATS))
    .option("--from <time>", "begin at this time of the trace, such as 10m", durationArgument)
    .option("--to <time>", "end at this time of the trace", durationArgument)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  $ understudy trace inspect scenarios/library/traces/chat-sessions.jsonl`,
    )
    .action((file: string, flags: InspectFlags) => {
      const workload = readTraceFile(file, {
        ...(flags.blockSize === undefined ? {} : { blockTokens: flags.blockSize }),
        ...(flags.format === undefined ? {} : { format: flags.format }),
        ...(flags.from === undefined ? {} : { fromMs: flags.from }),
        ...(flags.to === undefined ? {} : { toMs: flags.to }),
      });
      const summary = summarizeWorkload(workload);
      process.stdout.write(flags.json ? `${JSON.stringify(summary, null, 2)}\n` : describe(summary));
    });
}

function describe(summary: WorkloadSummary): string {
  const lengths = ({ mean, p50, p99, max }: WorkloadSummary["isl"]) =>
    `mean ${Math.round(mean)}, median ${Math.round(p50)}, p99 ${Math.round(p99)}, max ${max}`;
  const percent = (summary.reusableShare * 100).toFixed(1);
  const rows = [
    ["requests", String(summary.requests)],
    ["sessions", `${summary.sessions} (${summary.meanTurns.toFixed(2)} requests each)`],
    ["duration", formatDuration(summary.durationMs)],
    ["request rate", `mean ${summary.requestRate.toFixed(2)}/s, peak ${summary.peakRate.toFixed(2)}/s`],
    ["over time", sparkline(summary.rates)],
    ["ISL, tokens", lengths(summary.isl)],
    ["OSL, tokens", lengths(summary.osl)],
    [
      "shared prefixes",
      summary.blockTokens === null
        ? "none: every prompt is unique"
        : `${percent} % of prompt tokens could come from a cache (${summary.distinctBlocks} blocks of ${summary.blockTokens})`,
    ],
  ];
  if (summary.blockTokens !== null && summary.namedShare < 0.99) {
    const share = Math.round(summary.namedShare * 100);
    rows.push(["", `ids name only ${share} % of the prompts: is ${summary.blockTokens} the trace's block size?`]);
  }
  return `${rows.map(([name, text]) => `${styleText("dim", name!.padEnd(16))}${text}`).join("\n")}\n`;
}

const BARS = "▁▂▃▄▅▆▇█";

function sparkline(values: number[]): string {
  const most = Math.max(...values, Number.MIN_VALUE);
  return values.map((value) => BARS[Math.min(7, Math.floor((value / most) * 8))]).join("");
}
