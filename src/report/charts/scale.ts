import { formatFixed, formatPlain } from "../format.ts";

/** How values of an axis are laid out. `count` has whole ticks; `time` takes ms and labels its ticks in s, min or h; `share` takes 0..1 and speaks of per cent; `lanes` has a line at each whole number, without a label. */
export type ScaleKind = "linear" | "count" | "log" | "time" | "share" | "lanes";

export interface Tick {
  value: number;
  label: string;
}

export interface Scale {
  kind: ScaleKind;
  domain: readonly [number, number];
  /** Position in px. */
  at(value: number): number;
  ticks: Tick[];
  /** Unit of the tick labels for the axis label, where the kind decides it. */
  unit: string | null;
}

/**
 * A scale over [low, high] px (low may be the larger one). The domain is taken as it is; `niceDomain` widens it beforehand.
 * @param wanted about how many ticks
 */
export function scale(
  kind: ScaleKind,
  domain: readonly [number, number],
  range: readonly [number, number],
  wanted: number,
): Scale {
  const [from, to] = domain;
  const transform = kind === "log" ? Math.log10 : (value: number) => value;
  const start = transform(from);
  const span = transform(to) - start || 1;
  const at = (value: number) => range[0] + ((transform(value) - start) / span) * (range[1] - range[0]);
  return { kind, domain, at, ...ticks(kind, from, to, wanted) };
}

/** Widens a linear domain to whole steps and a logarithmic one to a nearby 1, 2 or 5. */
export function niceDomain(kind: ScaleKind, from: number, to: number, wanted: number): [number, number] {
  if (kind === "time") return [from, to > from ? to : from + 1];
  if (kind === "log") {
    const low = logSteps(Math.max(from, Number.MIN_VALUE), from).findLast((step) => step <= from) ?? from;
    const high = logSteps(to, to * 10).find((step) => step >= to * (1 - 1e-9)) ?? to;
    return low < high ? [low, high] : [low / 2, high * 2];
  }
  if (!(to > from)) return from === 0 ? [0, 1] : [Math.min(0, from), Math.max(0, from) || 1];
  // Twice as fine as the ticks, so that the axis does not end far above the data.
  const step = niceStep(to - from, wanted * 2);
  return [Math.floor(from / step + 1e-9) * step, Math.ceil(to / step - 1e-9) * step];
}

function ticks(kind: ScaleKind, from: number, to: number, wanted: number): { ticks: Tick[]; unit: string | null } {
  if (kind === "time") return { ticks: timeTicks(from, to, wanted), unit: null };
  if (kind === "log") return { ticks: logTicks(from, to, wanted), unit: null };
  if (kind === "lanes") return { ticks: linearTicks(from, to, to - from, 1, 1).map(unlabelled), unit: null };
  const factor = kind === "share" ? 100 : 1;
  return {
    ticks: linearTicks(from, to, wanted, factor, kind === "count" ? 1 : 0),
    unit: kind === "share" ? "%" : null,
  };
}

const unlabelled = ({ value }: Tick): Tick => ({ value, label: "" });

/** Even steps; labels are `factor` times the value. @param leastStep in units of the labels */
function linearTicks(from: number, to: number, wanted: number, factor: number, leastStep = 0): Tick[] {
  const step = Math.max(leastStep, niceStep((to - from) * factor, wanted));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const first = Math.ceil((from * factor) / step - 1e-9) + 0; // + 0: no negative zero
  const last = Math.floor((to * factor) / step + 1e-9);
  const made: Tick[] = [];
  for (let i = first; i <= last; i++) made.push({ value: (i * step) / factor, label: tickLabel(i * step, digits) });
  return made;
}

/** Labels from here on are written in thousands or millions, so that they keep their room. */
const SHORTENED_FROM = 100_000;

function tickLabel(value: number, digits: number): string {
  if (Math.abs(value) >= 1e6) return `${formatPlain(value / 1e6)}M`;
  if (Math.abs(value) >= SHORTENED_FROM) return `${formatPlain(value / 1e3)}k`;
  return formatFixed(value, digits);
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const TIME_STEPS = [
  [1, 2, 5, 10, 20, 50, 100, 200, 500],
  [1, 2, 5, 10, 15, 20, 30].map((n) => n * SECOND),
  [1, 2, 5, 10, 15, 20, 30].map((n) => n * MINUTE),
  [1, 2, 3, 4, 6, 12, 24, 48, 120, 240].map((n) => n * HOUR),
].flat();

function timeTicks(from: number, to: number, wanted: number): Tick[] {
  const span = to - from;
  const [unitMs, unit] =
    span <= 3 * SECOND
      ? [1, "ms"]
      : span <= 3 * MINUTE
        ? [SECOND, "s"]
        : span <= 3 * HOUR
          ? [MINUTE, "min"]
          : [HOUR, "h"];
  const ideal = span / Math.max(1, wanted);
  const step =
    TIME_STEPS.find((candidate) => candidate >= ideal) ?? TIME_STEPS.at(-1)! * Math.ceil(ideal / TIME_STEPS.at(-1)!);
  const made: Tick[] = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to * (1 + 1e-12); i++) {
    made.push({ value: i * step, label: `${inUnits(i * step, step, unitMs)} ${unit}` });
  }
  return made;
}

/** A third of a minute has no short number: steps below a quarter, and thirds, are written as on a clock, `1:20`. */
function inUnits(value: number, step: number, unitMs: number): string {
  const isSexagesimal = unitMs >= MINUTE && !Number.isInteger((4 * step) / unitMs);
  if (!isSexagesimal) return formatPlain(value / unitMs);
  const parts = Math.round((60 * value) / unitMs);
  return `${Math.floor(parts / 60)}:${String(parts % 60).padStart(2, "0")}`;
}

function logTicks(from: number, to: number, wanted: number): Tick[] {
  const all = logSteps(from, to).filter((step) => step >= from * (1 - 1e-9) && step <= to * (1 + 1e-9));
  const decades = all.filter((step) => Math.abs(Math.log10(step) % 1) < 1e-9);
  const sparse = decades.filter((_, i) => i % Math.ceil(decades.length / (wanted * 1.6)) === 0);
  const steps = all.length <= wanted * 1.6 || decades.length < 2 ? all : sparse;
  // Within less than a decade 1, 2 and 5 leave too little to read off.
  if (steps.length < 4 && to / from < 10) return linearTicks(from, to, wanted, 1);
  return steps.map((value) => ({ value, label: value >= SHORTENED_FROM ? tickLabel(value, 0) : formatPlain(value) }));
}

/** 1, 2 and 5 times every power of ten around [from, to]. */
function logSteps(from: number, to: number): number[] {
  const steps: number[] = [];
  for (let exponent = Math.floor(Math.log10(from)); exponent <= Math.ceil(Math.log10(to)); exponent++) {
    for (const digit of [1, 2, 5]) steps.push(Number(`${digit}e${exponent}`));
  }
  return steps;
}

/** The 1, 2 or 5 × 10ⁿ that cuts `span` into about `wanted` steps (with d3-array's bounds between them: √2, √10, √50). */
function niceStep(span: number, wanted: number): number {
  const raw = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const digit = raw / power;
  return power * (digit >= Math.sqrt(50) ? 10 : digit >= Math.sqrt(10) ? 5 : digit >= Math.SQRT2 ? 2 : 1);
}
