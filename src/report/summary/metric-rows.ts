import type { Distribution } from "./distribution.ts";
import type { RunSummary } from "./summarize.ts";

/** A row of AIPerf's table: a distribution, or one number where there is none. */
export interface MetricRow {
  /** AIPerf's tag, the key in its JSON export. */
  tag: string;
  label: string;
  /** For narrow places. */
  shortLabel: string;
  unit: string;
  value: Distribution | number;
}

/** AIPerf's rows in its order. Where nothing reasons, the first token is the first output token. */
export function metricRows(summary: RunSummary): MetricRow[] {
  const { metrics, throughput, requests } = summary;
  const row = (tag: string, label: string, shortLabel: string, unit: string, value: Distribution | number) => ({
    tag,
    label,
    shortLabel,
    unit,
    value,
  });
  return [
    row("time_to_first_token", "Time to First Token", "TTFT", "ms", metrics.ttftMs),
    row("time_to_second_token", "Time to Second Token", "TTST", "ms", metrics.ttstMs),
    row("time_to_first_output_token", "Time to First Output Token", "TTFO", "ms", metrics.ttfoMs ?? metrics.ttftMs),
    row("request_latency", "Request Latency", "Latency", "ms", metrics.latencyMs),
    row("inter_token_latency", "Inter Token Latency", "ITL", "ms", metrics.itlMs),
    row(
      "output_token_throughput_per_user",
      "Output Token Throughput Per User",
      "Output/User",
      "tokens/sec/user",
      metrics.perUserThroughput,
    ),
    row("output_sequence_length", "Output Sequence Length", "OSL", "tokens", metrics.osl),
    row("input_sequence_length", "Input Sequence Length", "ISL", "tokens", metrics.isl),
    ...(metrics.reasoningTokens === undefined
      ? []
      : [row("reasoning_token_count", "Reasoning Token Count", "Reasoning", "tokens", metrics.reasoningTokens)]),
    row("output_token_throughput", "Output Token Throughput", "Output", "tokens/sec", throughput.outputTokensPerSecond),
    row("request_throughput", "Request Throughput", "Requests", "requests/sec", throughput.requestsPerSecond),
    row("request_count", "Request Count", "Count", "requests", requests.completed),
  ];
}
