import type { DryRunStep } from "#planner/core";
import type { Series } from "../charts/chart.ts";
import { formatClock, formatCount, formatFixed, formatPlain, plural } from "../format.ts";
import { readoutOf, type TimeFigure, timeAxis } from "../page/figure.ts";
import type { DryRunInput, DryRunSummary } from "./input.ts";
import { capacityTokens, loadTokens } from "./summary.ts";

type Role = "prefill" | "decode";

/** The four panels: requests, lengths, and each role's load beside what its workers can do. Intervals start at the first one. */
export function dryRunFigures(input: DryRunInput, summary: DryRunSummary): TimeFigure[] {
  return [
    requestsFigure(input, summary),
    lengthsFigure(input),
    roleFigure("prefill", input, summary),
    roleFigure("decode", input, summary),
  ];
}

export function endMs({ steps, intervalS }: DryRunInput): number {
  return (steps.at(-1)!.startS - steps[0]!.startS + intervalS) * 1000;
}

/** A value that holds over each interval; the line breaks where intervals are missing (no requests came) and where it is NaN. */
function held(input: DryRunInput, read: (step: DryRunStep) => number): { x: number[]; y: number[] } {
  const x: number[] = [];
  const y: number[] = [];
  const push = (atS: number, value: number) => {
    x.push((atS - input.steps[0]!.startS) * 1000);
    y.push(value);
  };
  let endS = Number.NaN;
  let last = Number.NaN;
  for (const step of input.steps) {
    const value = read(step);
    if (!Number.isNaN(last) && (Number.isNaN(value) || step.startS > endS)) {
      push(endS, last);
      push(endS, Number.NaN);
    }
    if (!Number.isNaN(value)) push(step.startS, value);
    last = value;
    endS = step.startS + input.intervalS;
  }
  if (!Number.isNaN(last)) push(endS, last);
  return { x, y };
}

function requestsFigure(input: DryRunInput, summary: DryRunSummary): TimeFigure {
  const { intervalS } = input;
  const actual = held(input, (step) => step.requests / intervalS);
  const forecast = held(input, (step) => step.forecastRequests / intervalS);
  const worst = input.steps[summary.worstInterval];
  const title =
    worst === undefined
      ? Number.isNaN(summary.requestsError)
        ? "No forecast to judge"
        : "Every forecast was right"
      : `Forecasts ${formatFixed(summary.requestsError * 100, 0)} % off on average, most at ${formatClock((worst.startS - input.steps[0]!.startS) * 1000)}`;
  return {
    id: "requests",
    height: 170,
    readouts: [
      readoutOf("requests", "ink", "/s", actual.x, actual.y, "step"),
      readoutOf("forecast", "forecast", "/s", forecast.x, forecast.y, "step"),
    ],
    chart: {
      title,
      subtitle: `requests per second by intervals of ${formatPlain(intervalS)} s; dashed: forecast`,
      x: timeAxis({ endMs: endMs(input) }),
      y: { label: "requests/s", min: 0 },
      series: [
        { name: "requests", kind: "step", colour: "ink", ...actual },
        { name: "forecast", kind: "step", colour: "forecast", dashed: true, ...forecast },
      ],
    },
  };
}

function lengthsFigure(input: DryRunInput): TimeFigure {
  const lines = [
    ["ISL", "prefill", held(input, (step) => step.isl), held(input, (step) => step.forecastIsl)],
    ["OSL", "decode", held(input, (step) => step.osl), held(input, (step) => step.forecastOsl)],
  ] as const;
  const mean = (read: (step: DryRunStep) => number) => {
    const requests = input.steps.reduce((sum, step) => sum + step.requests, 0);
    return input.steps.reduce((sum, step) => sum + read(step) * step.requests, 0) / requests;
  };
  return {
    id: "lengths",
    height: 170,
    readouts: lines.flatMap(([name, colour, actual, forecast]) => [
      readoutOf(name, colour, " tokens", actual.x, actual.y, "step"),
      readoutOf(`${name} forecast`, "forecast", " tokens", forecast.x, forecast.y, "step"),
    ]),
    chart: {
      title: `Prompts of ${formatCount(Math.round(mean((step) => step.isl)))} tokens, answers of ${formatCount(Math.round(mean((step) => step.osl)))}`,
      subtitle: "mean lengths by interval; dashed: forecast",
      x: timeAxis({ endMs: endMs(input) }),
      y: { label: "tokens", min: 0 },
      series: lines.flatMap(([name, colour, actual, forecast]): Series[] => [
        { name, kind: "step", colour, ...actual },
        { name: "", kind: "step", colour, dashed: true, opacity: 0.7, ...forecast },
      ]),
    },
  };
}

function roleFigure(role: Role, input: DryRunInput, summary: DryRunSummary): TimeFigure {
  const { intervalS, steps } = input;
  const load = held(input, (step) => loadTokens(step, role) / intervalS);
  const capacity = held(input, (step) => capacityTokens(step, role, input) / intervalS);
  const workers = held(input, (step) => step[role]);
  const counts = steps.map((step) => step[role]);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const range = least === most ? plural(most, "worker") : `${least} to ${plural(most, "worker")}`;
  const times = summary.short[role];
  const enough = times === 0 ? "always enough" : `too few ${times} of ${plural(summary.intervals, "time")}`;
  const title = `${role === "prefill" ? "Prefill" : "Decode"}: ${range}, ${enough}`;
  const tooFew = held(input, (step) =>
    loadTokens(step, role) > capacityTokens(step, role, input) ? loadTokens(step, role) / intervalS : Number.NaN,
  );
  const labels = workers.y.map((count, i) =>
    Number.isNaN(count) || i === workers.y.length - 1 || count === workers.y[i - 1] ? "" : String(count),
  );
  const what = role === "prefill" ? "prompt" : "output";
  const target =
    role === "prefill" ? `TTFT ${formatPlain(input.sla.ttftMs)} ms` : `ITL ${formatPlain(input.sla.itlMs)} ms`;
  return {
    id: `${role}-load`,
    height: 190,
    readouts: [
      readoutOf("load", "ink", " tokens/s", load.x, load.y, "step"),
      readoutOf("capacity", role, " tokens/s", capacity.x, capacity.y, "step"),
      readoutOf("workers", role, "", workers.x, workers.y, "step"),
    ],
    chart: {
      title,
      subtitle: `area: what the workers do within ${target}; red: more came`,
      x: timeAxis({ endMs: endMs(input) }),
      y: { label: `${what} tokens/s`, min: 0 },
      series: [
        { name: "", kind: "stepArea", colour: role, opacity: 0.35, ...capacity },
        { name: "capacity", kind: "step", colour: role, ...capacity },
        { name: "load", kind: "step", colour: "ink", ...load },
        { name: "", kind: "step", colour: "limit", strokeWidth: 3, ...tooFew },
        { name: "", kind: "scatter", colour: role, opacity: 0, ...capacity, pointLabels: labels },
      ],
    },
  };
}
