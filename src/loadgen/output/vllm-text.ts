import type { GapStatistics } from "#src/record";
import type { RunSummary } from "#src/report";

const WIDTH = 50;

export interface VllmTextOptions {
  gaps: GapStatistics;
  failed: number;
  /** Requests per second that were asked for; absent in closed loops and traces. */
  requestRate?: number;
  /** Sessions in flight of a closed loop. */
  concurrency?: number;
  /** Good requests per second; null where no limit was given. */
  goodput: number | null;
}

/** The text block that `vllm bench serve` prints: its lines, its order, its widths. TPOT is per request, ITL per gap. */
export function vllmText(summary: RunSummary, options: VllmTextOptions): string {
  const { metrics, throughput, requests } = summary;
  const { gaps } = options;
  const total = (distribution: { mean: number; count: number }) =>
    Math.round(distribution.mean * distribution.count) || 0;
  const lines = [
    centred(" Serving Benchmark Result ", "="),
    line("Successful requests:", String(requests.completed)),
    line("Failed requests:", String(options.failed)),
  ];
  if (options.concurrency !== undefined) lines.push(line("Maximum request concurrency:", String(options.concurrency)));
  if (options.requestRate !== undefined) lines.push(line("Request rate configured (RPS):", fixed(options.requestRate)));
  lines.push(
    line("Benchmark duration (s):", fixed(throughput.durationMs / 1000)),
    line("Total input tokens:", String(total(metrics.isl))),
    line("Total generated tokens:", String(total(metrics.osl))),
    line("Request throughput (req/s):", fixed(throughput.requestsPerSecond)),
  );
  if (options.goodput !== null) lines.push(line("Request goodput (req/s):", fixed(options.goodput)));
  lines.push(
    line("Output token throughput (tok/s):", fixed(throughput.outputTokensPerSecond)),
    line("Total token throughput (tok/s):", fixed(throughput.inputTokensPerSecond + throughput.outputTokensPerSecond)),
    ...section("Time to First Token", "TTFT", metrics.ttftMs.mean, metrics.ttftMs.p50, metrics.ttftMs.p99),
    ...section(
      "Time per Output Token (excl. 1st token)",
      "TPOT",
      metrics.itlMs.mean,
      metrics.itlMs.p50,
      metrics.itlMs.p99,
    ),
    ...(gaps.count === 0
      ? []
      : section("Inter-token Latency", "ITL", gaps.meanMs, gaps.quantileMs(0.5), gaps.quantileMs(0.99))),
    ...section("End-to-end Latency", "E2EL", metrics.latencyMs.mean, metrics.latencyMs.p50, metrics.latencyMs.p99),
    "=".repeat(WIDTH),
  );
  return `${lines.join("\n")}\n`;
}

function section(title: string, name: string, mean: number, median: number, p99: number): string[] {
  if (!Number.isFinite(mean)) return [];
  return [
    centred(title, "-"),
    line(`Mean ${name} (ms):`, fixed(mean)),
    line(`Median ${name} (ms):`, fixed(median)),
    line(`P99 ${name} (ms):`, fixed(p99)),
  ];
}

function line(label: string, value: string): string {
  return `${label.padEnd(40)} ${value.padEnd(10)}`;
}

function fixed(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : "N/A";
}

/** As Python's `format(title, "=^50")`. */
function centred(title: string, fill: string): string {
  const left = Math.floor((WIDTH - title.length) / 2);
  return title.padStart(title.length + left, fill).padEnd(WIDTH, fill);
}
