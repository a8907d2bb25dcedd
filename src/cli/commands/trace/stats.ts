import { styleText } from "node:util";
import { Command } from "commander";
import { formatDuration } from "#common";
import { type LengthSummary, readTraceFile, summarizeWorkload, type WorkloadSummary } from "#scenarios";
import { type TraceFlags, traceOptions, withTraceFlags } from "./trace-flags.ts";

/** `understudy trace stats` */
export function statsCommand(): Command {
  return withTraceFlags(new Command("stats").alias("inspect"))
    .description("rates, burstiness, lengths, sessions and shared prefixes of a trace")
    .addHelpText(
      "after",
      `
Examples:
  $ understudy trace stats scenarios/library/traces/chat-sessions.jsonl
  $ understudy trace stats '/tmp/dynamo-request-trace.*.jsonl.gz' --json`,
    )
    .action((file: string, flags: TraceFlags & { json?: true }) => {
      const summary = summarizeWorkload(readTraceFile(file, traceOptions(flags)));
      process.stdout.write(flags.json ? `${JSON.stringify(summary, null, 2)}\n` : describe(summary));
    });
}

function describe(summary: WorkloadSummary): string {
  const { burstiness, turns, waitMs } = summary;
  const rows = [
    ["requests", String(summary.requests)],
    ["sessions", `${summary.sessions} (${summary.meanTurns.toFixed(2)} requests each)`],
    ...(turns === null ? [] : [["turns", quantiles(turns)]]),
    ...(waitMs === null ? [] : [["waits, s", quantiles(waitMs, (ms) => (ms / 1000).toFixed(1))]]),
    ...(summary.dependentRequests === 0
      ? []
      : [["dependencies", `${summary.dependentRequests} requests wait for others`]]),
    ["duration", formatDuration(summary.durationMs)],
    ...(summary.durationMs > 0
      ? [
          ["request rate", `mean ${summary.requestRate.toFixed(2)}/s, peak ${summary.peakRate.toFixed(2)}/s`],
          ["over time", sparkline(summary.rates)],
        ]
      : [["request rate", "none: all come at one instant"]]),
    ["burstiness", scatter(burstiness)],
    ["ISL, tokens", quantiles(summary.isl)],
    ["OSL, tokens", quantiles(summary.osl)],
    ["ISL with OSL", `rank correlation ${summary.lengthCorrelation.toFixed(3)}`],
    ["shared prefixes", shared(summary)],
  ];
  if (summary.blockTokens !== null && summary.namedShare < 0.99) {
    const share = Math.round(summary.namedShare * 100);
    rows.push(["", `ids name only ${share} % of the prompts: is ${summary.blockTokens} the trace's block size?`]);
  }
  return `${rows.map(([name, text]) => `${styleText("dim", name!.padEnd(16))}${text}`).join("\n")}\n`;
}

function quantiles(of: LengthSummary, text: (value: number) => string = (value) => String(Math.round(value))): string {
  const { mean, p10, p50, p90, p99, max } = of;
  return `mean ${text(mean)}, p10 ${text(p10)}, median ${text(p50)}, p90 ${text(p90)}, p99 ${text(p99)}, max ${text(max)}`;
}

function scatter({ gapCv, localCv, windows, bucketMs }: WorkloadSummary["burstiness"]): string {
  const parts = [
    ...(bucketMs > 0 ? [`times in buckets of ${formatDuration(bucketMs)}`] : []),
    ...(Number.isNaN(gapCv) ? [] : [`cv of gaps ${gapCv.toFixed(2)}`]),
    ...(Number.isNaN(localCv) ? [] : [`without slow changes ${localCv.toFixed(2)}`]),
    ...windows.map(({ lengthMs, dispersion }) => `dispersion in ${formatDuration(lengthMs)} ${dispersion.toFixed(2)}`),
  ];
  return parts.length === 0 ? "too few requests to tell" : parts.join(", ");
}

function shared({
  blockTokens,
  reusableShare,
  reusingRequests,
  reuseDistance,
  distinctBlocks,
}: WorkloadSummary): string {
  if (blockTokens === null) return "none: every prompt is unique";
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const distance = reusingRequests === 0 ? "" : `, last used ${reuseDistance} requests before (median)`;
  return `${percent(reusableShare)} of prompt tokens could come from a cache (${distinctBlocks} blocks of ${blockTokens}); ${percent(reusingRequests)} of the requests find some${distance}`;
}

const BARS = "▁▂▃▄▅▆▇█";

function sparkline(values: number[]): string {
  const most = Math.max(...values, Number.MIN_VALUE);
  return values.map((value) => BARS[Math.min(7, Math.floor((value / most) * 8))]).join("");
}
