import type { RunFacts } from "#src/record";
import { formatCount, formatFixed, formatShare } from "../format.ts";
import { rolesOf } from "../summary/decision-changes.ts";
import { metricRows } from "../summary/metric-rows.ts";
import type { RunSummary } from "../summary/summarize.ts";
import { escapeHtml, table } from "./html.ts";

/** The tables: AIPerf's metrics, GPU time by role, and what the engines did. */
export function numbersSection(record: RunFacts, summary: RunSummary): string {
  return `<section id="numbers" aria-labelledby="numbers-title">
<h2 id="numbers-title">All numbers</h2>
${metricsTable(summary)}
${tenantsTable(summary)}
<div class="halves">${rolesTable(record, summary)}${engineTable(summary)}</div>
</section>`;
}

function metricsTable(summary: RunSummary): string {
  const headings = ["avg", "min", "max", "p99", "p90", "p50", "std"];
  const columns = [{ heading: "Metric" }, ...headings.map((heading) => ({ heading, numeric: true }))];
  const missing = '<span class="muted">N/A</span>';
  const number = (value: number) => (Number.isFinite(value) ? formatFixed(value, 2) : missing);
  const rows = metricRows(summary).map(({ label, unit, value }) => {
    const name = `${escapeHtml(label)} <span class="muted">${escapeHtml(unit)}</span>`;
    if (typeof value === "number") return [name, number(value), ...headings.slice(1).map(() => missing)];
    const { mean, min, max, p99, p90, p50, standardDeviation } = value;
    return [name, ...[mean, min, max, p99, p90, p50, standardDeviation].map(number)];
  });
  const gaps = summary.gapsMs;
  rows.push([
    'Every gap between tokens <span class="muted">ms</span>',
    ...[gaps.mean, gaps.min, gaps.max, gaps.p99, gaps.p90, gaps.p50, gaps.standardDeviation].map(number),
  ]);
  return table("Metrics of completed requests, with AIPerf's definitions", columns, rows);
}

function rolesTable(record: RunFacts, summary: RunSummary): string {
  const columns = [
    { heading: "Workers" },
    { heading: "GPUs each", numeric: true },
    { heading: "on average", numeric: true },
    { heading: "at most", numeric: true },
    { heading: "ever started", numeric: true },
    { heading: "GPU-hours", numeric: true },
  ];
  const rows = rolesOf(record.mode).map((role) => {
    const cost = summary.cost.roles[role];
    return [
      record.mode === "agg" ? "aggregated" : role,
      formatCount(record.gpusPerWorker[role]),
      formatFixed(cost.averageWorkers, 2),
      formatCount(cost.peakWorkers),
      formatCount(cost.startedWorkers),
      formatFixed(cost.gpuSeconds / 3600, 3),
    ];
  });
  return table("GPU time by role", columns, rows);
}

function routerRows(routing: RunSummary["routing"]): [string, string][] {
  if (routing === null) return [];
  return [
    ["prompt tokens that the router knew to be cached where it sent them", formatShare(routing.hitRate, 1)],
    ["prompt tokens cached on another worker alone", formatShare(routing.regretRate, 1)],
    ["requests that waited in the router", formatCount(routing.waited)],
  ];
}

function tenantsTable({ tenants }: RunSummary): string {
  if (tenants.length === 0) return "";
  const headings = ["Requests", "TTFT limit", "ITL limit", "Attainment", "TTFT p50", "TTFT p99", "ITL p50", "ITL p99"];
  const columns = [{ heading: "Tenant" }, ...headings.map((heading) => ({ heading, numeric: true }))];
  const rows = tenants.map(({ name, requests, sla, share, ttftP50Ms, ttftP99Ms, itlP50Ms, itlP99Ms }) => [
    escapeHtml(name),
    formatCount(requests),
    ...[sla.ttftMs, sla.itlMs].map((limit) => formatFixed(limit, 0)),
    formatShare(share),
    ...[ttftP50Ms, ttftP99Ms, itlP50Ms, itlP99Ms].map((value) =>
      Number.isFinite(value) ? formatFixed(value, 1) : "–",
    ),
  ]);
  return table("Tenants, each against its own SLA; times in ms", columns, rows);
}

function engineTable({ engine, routing }: RunSummary): string {
  const rows: [string, string][] = [
    ["forward passes", formatCount(engine.passes)],
    ["of which the batch could not change", formatShare(engine.steadyPasses / engine.passes, 1)],
    ["of those skipped in one step", formatShare(engine.skippedPasses / engine.steadyPasses, 1)],
    ["prompt tokens computed", formatCount(engine.scheduledPrefillTokens)],
    ["prompt tokens found in the prefix cache", formatCount(engine.prefixHitTokens)],
    ...(engine.hostHitTokens > 0
      ? ([["of those loaded from host memory", formatCount(engine.hostHitTokens)]] as [string, string][])
      : []),
    ...routerRows(routing),
    ["preemptions", formatCount(engine.preemptions)],
    ...(engine.drafts > 0
      ? ([
          ["tokens drafted", formatCount(engine.draftTokens)],
          ["of those accepted", formatShare(engine.acceptedDraftTokens / engine.draftTokens, 1)],
        ] as [string, string][])
      : []),
    ["KV blocks evicted", formatCount(engine.evictedBlocks)],
    ["questions beyond the profile's measured range", formatCount(engine.extrapolations)],
  ];
  return table("What the engines did", [{ heading: "Counter" }, { heading: "Value", numeric: true }], rows);
}
