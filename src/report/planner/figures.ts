import { estimatedLatencyMs, type Role, sharedValue } from "#planner/core";
import type { Series } from "../charts/chart.ts";
import { formatFixed, formatPlain, formatSignificant, plural } from "../format.ts";
import { type Readout, readoutOf, type TimeFigure, timeAxis } from "../page/figure.ts";
import { Columns, known } from "./columns.ts";
import { capacityFigure, kvFigure, queueFigure } from "./engine-figures.ts";
import type { PlannerPageInput, PlannerTick } from "./input.ts";
import { loopFigures } from "./loop-figures.ts";

/** Everything over one time axis, in the order in which it explains itself. */
export function plannerFigures(input: PlannerPageInput): TimeFigure[] {
  const columns = new Columns(input.ticks);
  const figures: (TimeFigure | null)[] = [
    loadFigure(columns),
    ...rolesOf(input.mode).map((role) => replicasFigure(columns, role)),
    latencyFigure(columns, "ttft", input.sla.ttftMs),
    latencyFigure(columns, "itl", input.sla.itlMs),
    input.mode === "decode" ? null : queueFigure(columns, input.mode === "agg"),
    input.mode === "prefill" ? null : kvFigure(columns, input.maxKvTokens),
    capacityFigure(columns, rolesOf(input.mode)),
    lengthsFigure(columns),
    ...loopFigures(columns),
    hoursFigure(columns),
  ];
  return figures.filter((figure) => figure !== null);
}

export function rolesOf(mode: PlannerPageInput["mode"]): Role[] {
  if (mode === "disagg") return ["prefill", "decode"];
  return [mode === "prefill" ? "prefill" : "decode"];
}

const highest = (values: readonly number[]) => values.reduce((most, value) => Math.max(most, value), 0);
const mean = (values: number[]) => known(values).reduce((sum, value) => sum + value, 0) / known(values).length;

/** Requests/s as the strategy counted them, else as they were observed; null: not known. */
export function requestRate({ observed, decision }: PlannerTick): number | null {
  if (decision !== null && decision.observedRate !== null) return decision.observedRate;
  const count = observed?.startedRequests ?? observed?.completedRequests ?? null;
  return count === null ? null : count / (observed!.windowMs / 1000);
}

/** Where a forecast speaks of: a horizon ahead of the tick that made it. */
function loadFigure(columns: Columns): TimeFigure {
  const rate = columns.of(requestRate);
  const forecast = columns.of(({ decision }) => decision?.forecast?.requestRate);
  const all = columns.everyOf(requestRate);
  const seen = known(all);
  const last = seen.at(-1);
  const unknown = all.length - seen.length;
  const most = `${formatSignificant(highest(seen))} at most`;
  const title =
    last === undefined
      ? "No load is known yet"
      : Number.isNaN(rate.at(-1))
        ? `The load is not known now: it was ${formatSignificant(last)} requests per second, ${most}`
        : `${formatSignificant(last)} requests per second now, ${most}`;
  return {
    id: "load",
    height: 180,
    readouts: [
      readoutOf("observed", "ink", " req/s", columns.atMs, rate),
      readoutOf("forecast", "forecast", " req/s", columns.atMs, forecast),
    ],
    chart: {
      title: unknown > 0 && last !== undefined ? `${title}; unknown at ${plural(unknown, "tick")}` : title,
      subtitle: "request rate, observed and as it is expected; a gap is missing data, which is not zero",
      x: timeAxis(columns),
      y: { label: "requests/s", min: 0 },
      series: [columns.line("observed", "ink", rate), columns.line("forecast", "forecast", forecast, true)],
    },
  };
}

function replicasFigure(columns: Columns, role: Role): TimeFigure | null {
  const ready = columns.of(({ state }) => state?.roles[role]?.ready);
  const desired = columns.of(({ state }) => state?.roles[role]?.desired);
  // A decision without targets leaves what is there or on its way.
  const standing = columns.of(({ decision }) =>
    decision === null ? null : decision.workers[role].active + decision.workers[role].starting,
  );
  const decided = columns
    .of(({ decision }) => decision?.targets?.[role])
    .map((n, i) => (Number.isNaN(n) ? standing[i]! : n));
  const changing = decided.map((target, i) => (target === standing[i] ? Number.NaN : target));
  if (known(ready).length === 0) return null;
  const floor = columns.of(({ decision }) => sharedValue(decision, `${role}Floor`));
  const events = changesOf(columns, role);
  const step = { kind: "step", x: columns.atMs } as const;
  const series: Series[] = [
    { ...step, kind: "stepArea", name: "ready", colour: role, y: ready },
    { ...step, name: "decided", colour: "forecast", dashed: true, y: decided },
    { name: "", kind: "scatter", colour: "forecast", x: columns.atMs, y: changing },
  ];
  if (known(floor).length > 0) {
    series.push({ ...step, name: "lower bound", shortName: "bound", colour: "muted", dashed: true, y: floor });
  }
  const name = role === "prefill" ? "Prefill" : "Decode";
  const bound: Readout[] =
    known(floor).length === 0 ? [] : [readoutOf("lower bound", "muted", "", columns.atMs, floor, "step")];
  const now = known(ready).at(-1)!;
  const wanted = known(desired).at(-1)!;
  return {
    id: `${role}-replicas`,
    height: 140,
    readouts: [
      readoutOf("ready", role, "", columns.atMs, ready, "step"),
      readoutOf("asked for", "ink", "", columns.atMs, desired, "step"),
      readoutOf("decided", "forecast", "", columns.atMs, decided, "step"),
      ...bound,
    ],
    chart: {
      title: `${name}: ${formatPlain(now)} of ${formatPlain(wanted)} ready, ${formatFixed(mean(columns.everyOf(({ state }) => state?.roles[role]?.ready)), 1)} on average, ${plural(events.length, "change")}`,
      subtitle: `replicas that serve, and what the planner decided; a dot is a decision to change${bound.length > 0 ? "; the lower bound is what throughput scaling leaves to load scaling" : ""}`,
      x: timeAxis(columns),
      y: {
        label: "replicas",
        scale: "count",
        min: 0,
        max: Math.max(1, ...known(ready), ...known(decided), ...known(floor)) * 1.1,
      },
      series,
      events: events.map((x) => ({ x, colour: "ink" as const })),
    },
  };
}

/** When somebody came to want another number of replicas, ms. */
function changesOf(columns: Columns, role: Role): number[] {
  const wanted = columns
    .each(({ atMs, state }) => ({ atMs, desired: state?.roles[role]?.desired }))
    .filter(({ desired }) => desired !== undefined);
  return wanted.flatMap(({ atMs, desired }, i) => (i > 0 && desired !== wanted[i - 1]!.desired ? [atMs] : []));
}

function latencyFigure(columns: Columns, kind: "ttft" | "itl", targetMs: number): TimeFigure {
  const observed = columns.of(({ observed }) => (kind === "ttft" ? observed?.meanTtftMs : observed?.meanItlMs));
  const estimated = columns.of(({ decision }) => estimatedLatencyMs(decision, kind));
  const name = kind.toUpperCase();
  const seen = known(columns.everyOf(({ observed: each }) => (kind === "ttft" ? each?.meanTtftMs : each?.meanItlMs)));
  const within = seen.filter((value) => value <= targetMs).length;
  const series = [columns.line("observed", kind === "ttft" ? "prefill" : "decode", observed)];
  const readouts: Readout[] = [
    readoutOf("observed", kind === "ttft" ? "prefill" : "decode", " ms", columns.atMs, observed),
  ];
  if (known(estimated).length > 0) {
    series.push(columns.line("estimated", "forecast", estimated, true));
    readouts.push(readoutOf("estimated", "forecast", " ms", columns.atMs, estimated));
  }
  return {
    id: kind,
    height: 150,
    readouts,
    chart: {
      title:
        seen.length === 0
          ? `${name}: no request was measured`
          : `Mean ${name} was within ${formatPlain(targetMs)} ms at ${formatFixed((100 * within) / seen.length, 1)} % of the ticks with requests`,
      subtitle: `mean ${name} of each window${known(estimated).length > 0 ? ", and what the model expects" : ""}`,
      x: timeAxis(columns),
      y: { label: `${name} (ms)`, min: 0 },
      series,
      limits: [{ value: targetMs, label: `SLA ${formatPlain(targetMs)} ms` }],
    },
  };
}

function lengthsFigure(columns: Columns): TimeFigure {
  const isl = columns.of(({ observed }) => observed?.meanIsl);
  const osl = columns.of(({ observed }) => observed?.meanOsl);
  const nextIsl = columns.of(({ decision }) => decision?.forecast?.isl);
  const nextOsl = columns.of(({ decision }) => decision?.forecast?.osl);
  const last = (values: number[]) => known(values).at(-1);
  const title =
    last(isl) === undefined
      ? "No lengths are known yet"
      : `Requests have ${formatFixed(last(isl)!, 0)} tokens in and ${formatFixed(last(osl) ?? Number.NaN, 0)} out`;
  return {
    id: "lengths",
    height: 130,
    readouts: [
      readoutOf("ISL", "prefill", "", columns.atMs, isl),
      readoutOf("ISL expected", "forecast", "", columns.atMs, nextIsl),
      readoutOf("OSL", "decode", "", columns.atMs, osl),
      readoutOf("OSL expected", "forecast", "", columns.atMs, nextOsl),
    ],
    chart: {
      title,
      subtitle: "mean lengths, observed and expected",
      x: timeAxis(columns),
      y: { label: "tokens", min: 0 },
      series: [
        columns.line("ISL", "prefill", isl),
        columns.line("", "forecast", nextIsl, true),
        columns.line("OSL", "decode", osl),
        columns.line("", "forecast", nextOsl, true),
      ],
    },
  };
}

function hoursFigure(columns: Columns): TimeFigure {
  const hours = columns.of(({ gpuHours }) => gpuHours);
  return {
    id: "gpu-hours",
    height: 120,
    readouts: [readoutOf("GPU-hours", "ink", "", columns.atMs, hours)],
    chart: {
      title: `${formatSignificant(hours.at(-1) ?? 0)} GPU-hours so far`,
      subtitle: "of replicas that served",
      x: timeAxis(columns),
      y: { label: "GPU-hours", min: 0 },
      series: [{ name: "", kind: "area", colour: "ink", x: columns.atMs, y: hours }],
    },
  };
}
