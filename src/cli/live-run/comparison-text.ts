import type { ComparedValue, Comparison, LiveRun } from "#src/live";
import { textTable } from "../text-table.ts";

/** A live run against its virtual twin, for people: every measure, the decisions, and what the machine added. */
export function comparisonText(comparison: Comparison, { lag, timeScale }: Pick<LiveRun, "lag" | "timeScale">): string {
  const values = textTable(
    ["measure", "live", "virtual", "deviation", "allowed", ""],
    comparison.values.map((value) => [
      value.unit === "requests" || value.unit === "tokens" ? value.name : `${value.name} (${value.unit})`,
      number(value, value.live),
      number(value, value.virtual),
      percent(value.deviation),
      value.tolerance === null ? "–" : value.tolerance === 0 ? "none" : `${value.tolerance * 100} %`,
      value.within ? "" : "beyond",
    ]),
  );
  const processes = [
    ...lag.processes,
    { name: "load and planner", lag: lag.client },
    { name: "requests sent", lag: lag.generator },
    ...(lag.ticks.late.count === 0
      ? []
      : [
          { name: "planner ticks", lag: lag.ticks.late },
          { name: "until carried out", lag: lag.ticks.took },
        ]),
  ];
  const lags = textTable(
    ["late by (ms)", "mean", "p99", "most", "of"],
    processes.map(({ name, lag: { meanMs, p99Ms, maxMs, count } }) => [
      name,
      ...[meanMs, p99Ms, maxMs].map((ms) => (ms * timeScale).toFixed(2)),
      String(count),
    ]),
  );
  return [
    `Live against virtual: ${verdictText(comparison)}`,
    values,
    decisionsText(comparison),
    `The machine's own lag, as the run's clock counts (time scale ${timeScale}):`,
    lags,
  ].join("\n");
}

function verdictText({ countsEqual, timesWithin, differingRequests }: Comparison): string {
  const counts = countsEqual
    ? "counts, tokens and prefix hits are equal"
    : `counts differ${differingRequests > 0 ? ` (requests with another end, other tokens or other prefix hits: ${differingRequests})` : ""}`;
  return `${counts}; ${timesWithin ? "times agree within what is allowed" : "times differ by more than is allowed"}`;
}

function decisionsText({ decisions: { live, virtual, same, first } }: Comparison): string {
  if (live === 0 && virtual === 0) return "";
  if (first === null) return `Decisions: the same at all ${same} ticks\n`;
  const targets = (wanted: typeof first.live) =>
    wanted === "no tick"
      ? "no tick"
      : wanted === null
        ? "nothing"
        : `${wanted.prefill} prefill and ${wanted.decode} decode`;
  return `Decisions: the same at ${same} of ${Math.max(live, virtual)} ticks; first at tick ${first.tick} (${first.atMs / 1000} s), live wanted ${targets(first.live)}, virtual ${targets(first.virtual)}\n`;
}

function number({ unit }: ComparedValue, value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (unit === "requests" || unit === "tokens" || unit === "ticks") return String(value);
  return unit === "ms" ? value.toFixed(2) : value.toFixed(4);
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${share < 0 ? "-" : "+"}${(Math.abs(share) * 100).toFixed(2)} %` : "–";
}
