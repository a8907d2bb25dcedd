import type { Role } from "#planner/core";
import type { Series } from "../charts/chart.ts";
import type { ColourName } from "../charts/theme.ts";
import { formatFixed, formatPlain, formatSignificant, plural } from "../format.ts";
import { type Readout, readoutOf, type TimeFigure, timeAxis } from "../page/figure.ts";
import type { PlannerPageInput, PlannerTick } from "./input.ts";

/** Points that a line is drawn through at most. */
const MOST_POINTS = 400;
/** Engines that get a line of their own. */
const MOST_ENGINES = 16;

type Read = (tick: PlannerTick) => number | null | undefined;

/** Everything over one time axis, in the order in which it explains itself. */
export function plannerFigures(input: PlannerPageInput): TimeFigure[] {
  const columns = new Columns(input.ticks);
  const figures: (TimeFigure | null)[] = [
    loadFigure(columns),
    ...rolesOf(input.mode).map((role) => replicasFigure(columns, role)),
    latencyFigure(columns, "ttft", input.sla.ttftMs),
    latencyFigure(columns, "itl", input.sla.itlMs),
    engineFigure(columns, "prefill", ({ observed }) => observed?.queuedTokens ?? null),
    engineFigure(columns, "decode", ({ observed }) => observed?.kvTokens ?? null),
    capacityFigure(columns),
    lengthsFigure(columns),
    hoursFigure(columns),
  ];
  return figures.filter((figure) => figure !== null);
}

export function rolesOf(mode: PlannerPageInput["mode"]): Role[] {
  if (mode === "disagg") return ["prefill", "decode"];
  return [mode === "prefill" ? "prefill" : "decode"];
}

/** Values of ticks over time, thinned where there are too many to draw: then each point is the last of its stretch. */
class Columns {
  readonly ticks: readonly PlannerTick[];
  readonly atMs: number[];
  readonly endMs: number;

  constructor(ticks: readonly PlannerTick[]) {
    const step = Math.max(1, Math.ceil(ticks.length / MOST_POINTS));
    this.ticks = step === 1 ? ticks : ticks.filter((_, i) => (ticks.length - 1 - i) % step === 0);
    this.atMs = this.ticks.map(({ atMs }) => atMs);
    this.endMs = Math.max(1, this.atMs.at(-1) ?? 1);
  }

  /** NaN where a value is not known. */
  of(read: Read): number[] {
    return this.ticks.map((tick) => read(tick) ?? Number.NaN);
  }
}

const known = (values: number[]) => values.filter((value) => !Number.isNaN(value));
const mean = (values: number[]) => known(values).reduce((sum, value) => sum + value, 0) / known(values).length;

function line(columns: Columns, name: string, colour: ColourName, y: number[], dashed = false): Series {
  return { name, kind: "line", colour, x: columns.atMs, y, ...(dashed ? { dashed } : {}) };
}

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
  const seen = known(rate);
  const last = seen.at(-1);
  const unknown = rate.length - seen.length;
  const most = `${formatSignificant(Math.max(...seen))} at most`;
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
      series: [line(columns, "observed", "ink", rate), line(columns, "forecast", "forecast", forecast, true)],
    },
  };
}

function replicasFigure(columns: Columns, role: Role): TimeFigure | null {
  const ready = columns.of(({ state }) => state?.roles[role]?.ready);
  const desired = columns.of(({ state }) => state?.roles[role]?.desired);
  const decided = columns.of(({ decision }) => decision?.targets?.[role]);
  if (known(ready).length === 0) return null;
  const floor = columns.of(({ decision }) => decision?.values[`${role}LowerBound`]);
  const events = columns.atMs.filter((_, i) => i > 0 && desired[i] !== desired[i - 1] && !Number.isNaN(desired[i]!));
  const step = { kind: "step", x: columns.atMs } as const;
  const series: Series[] = [
    { ...step, kind: "stepArea", name: "ready", colour: role, y: ready },
    { ...step, name: "decided", colour: "forecast", dashed: true, y: decided },
  ];
  if (known(floor).length > 0) {
    series.push({ ...step, name: "lower bound", shortName: "bound", colour: "muted", dashed: true, y: floor });
  }
  const name = role === "prefill" ? "Prefill" : "Decode";
  const now = known(ready).at(-1)!;
  const wanted = known(desired).at(-1)!;
  return {
    id: `${role}-replicas`,
    height: 140,
    readouts: [
      readoutOf("ready", role, "", columns.atMs, ready, "step"),
      readoutOf("asked for", "ink", "", columns.atMs, desired, "step"),
      readoutOf("decided", "forecast", "", columns.atMs, decided, "step"),
    ],
    chart: {
      title: `${name}: ${formatPlain(now)} of ${formatPlain(wanted)} ready, ${formatFixed(mean(ready), 1)} on average, ${plural(events.length, "change")}`,
      subtitle: "replicas that serve, and what the planner decided",
      x: timeAxis(columns),
      y: { label: "replicas", scale: "count", min: 0, max: Math.max(1, ...known(ready), ...known(decided)) * 1.1 },
      series,
      events: events.map((x) => ({ x, colour: "ink" as const })),
    },
  };
}

function latencyFigure(columns: Columns, kind: "ttft" | "itl", targetMs: number): TimeFigure {
  const observed = columns.of(({ observed }) => (kind === "ttft" ? observed?.meanTtftMs : observed?.meanItlMs));
  const estimated = columns.of(({ decision }) =>
    kind === "ttft"
      ? decision?.values.estimatedTtftMs
      : (decision?.values.estimatedItlMs ?? decision?.values.expectedItlMs),
  );
  const name = kind.toUpperCase();
  const seen = known(observed);
  const within = seen.filter((value) => value <= targetMs).length;
  const series = [line(columns, "observed", kind === "ttft" ? "prefill" : "decode", observed)];
  const readouts: Readout[] = [
    readoutOf("observed", kind === "ttft" ? "prefill" : "decode", " ms", columns.atMs, observed),
  ];
  if (known(estimated).length > 0) {
    series.push(line(columns, "estimated", "forecast", estimated, true));
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

/** A line for each engine. */
function engineFigure(
  columns: Columns,
  role: Role,
  read: (tick: PlannerTick) => Record<string, number> | null,
): TimeFigure | null {
  const loads = columns.ticks.map(read);
  const names = [...new Set(loads.flatMap((load) => Object.keys(load ?? {})))];
  if (names.length === 0) return null;
  const shown = names.slice(0, MOST_ENGINES);
  const most = Math.max(0, ...loads.flatMap((load) => Object.values(load ?? {})));
  const total = loads.map((load) =>
    load === null ? Number.NaN : Object.values(load).reduce((sum, tokens) => sum + tokens, 0),
  );
  const what = role === "prefill" ? "Prompt tokens wait" : "KV tokens are held";
  return {
    id: `${role}-engines`,
    height: 130,
    readouts: [readoutOf("all engines", role, " tokens", columns.atMs, total)],
    chart: {
      title:
        most === 0
          ? `${role === "prefill" ? "No prompt tokens waited" : "No KV tokens were held"} at a tick`
          : `${what} on ${plural(names.length, "engine")}: at most ${formatSignificant(most)} on one`,
      subtitle: `${role === "prefill" ? "queued prompt" : "KV"} tokens of each ${role} engine${names.length > shown.length ? `, the first ${shown.length}` : ""}`,
      x: timeAxis(columns),
      y: { label: "tokens", min: 0 },
      series: shown.map((name) => ({
        name: "",
        kind: "line" as const,
        colour: role,
        opacity: 0.6,
        x: columns.atMs,
        y: loads.map((load) => load?.[name] ?? Number.NaN),
      })),
    },
  };
}

function capacityFigure(columns: Columns): TimeFigure | null {
  const prefill = columns.of(({ decision }) => {
    const serviceMs = decision?.values.prefillServiceMs;
    return decision?.values.prefillWorkerPerS ?? (serviceMs === undefined ? null : 1000 / serviceMs);
  });
  const decode = columns.of(({ decision }) => decision?.values.decodeWorkerPerS);
  if (known(prefill).length + known(decode).length === 0) return null;
  const now = (values: number[]) => (known(values).length === 0 ? "?" : formatSignificant(known(values).at(-1)!));
  return {
    id: "capacity",
    height: 130,
    readouts: [
      readoutOf("prefill", "prefill", " req/s", columns.atMs, prefill),
      readoutOf("decode", "decode", " req/s", columns.atMs, decode),
    ],
    chart: {
      title: `One engine serves ${now(prefill)} (prefill) and ${now(decode)} (decode) requests per second within the SLA`,
      subtitle: "capacity of one engine at the lengths that are expected",
      x: timeAxis(columns),
      y: { label: "requests/s", min: 0 },
      series: [line(columns, "prefill", "prefill", prefill), line(columns, "decode", "decode", decode)],
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
        line(columns, "ISL", "prefill", isl),
        line(columns, "", "forecast", nextIsl, true),
        line(columns, "OSL", "decode", osl),
        line(columns, "", "forecast", nextOsl, true),
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
