import type { DryRunStep } from "#planner/core";
import type { Series } from "../charts/chart.ts";
import { formatClock, formatFixed, formatPlain, plural } from "../format.ts";
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

/** A value that holds over each interval; where intervals are missing (no requests came) the line breaks. */
function held(input: DryRunInput, read: (step: DryRunStep) => number): { x: number[]; y: number[] } {
  const x: number[] = [];
  const y: number[] = [];
  const firstS = input.steps[0]!.startS;
  let expectedS = firstS;
  for (const step of input.steps) {
    if (step.startS > expectedS) {
      x.push((expectedS - firstS) * 1000);
      y.push(Number.NaN);
    }
    x.push((step.startS - firstS) * 1000);
    y.push(read(step));
    expectedS = step.startS + input.intervalS;
  }
  x.push((expectedS - firstS) * 1000);
  y.push(y.at(-1)!);
  return { x, y };
}

function requestsFigure(input: DryRunInput, summary: DryRunSummary): TimeFigure {
  const { intervalS } = input;
  const actual = held(input, (step) => step.requests / intervalS);
  const forecast = held(input, (step) => step.forecastRequests / intervalS);
  const worst = input.steps[summary.worstInterval];
  const title =
    worst === undefined
      ? "Every forecast of the requests was right"
      : `Forecasts of the requests were ${formatFixed(summary.requestsError * 100, 0)} % off on average, most at ${formatClock((worst.startS - input.steps[0]!.startS) * 1000)}`;
  return {
    id: "requests",
    height: 170,
    readouts: [
      readoutOf("requests", "ink", "/s", actual.x, actual.y, "step"),
      readoutOf("forecast", "forecast", "/s", forecast.x, forecast.y, "step"),
    ],
    chart: {
      title,
      subtitle: `requests per second and interval of ${formatPlain(intervalS)} s, and what had been forecast by ${input.predictor}`,
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
      title: `Prompts had ${formatPlain(Math.round(mean((step) => step.isl)))} tokens on average, answers ${formatPlain(Math.round(mean((step) => step.osl)))}`,
      subtitle: "mean lengths of an interval; dashed: forecast",
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
  const title = `${role === "prefill" ? "Prefill" : "Decode"}: ${range}, too few in ${summary.short[role]} of ${plural(summary.intervals, "interval")}`;
  const labels = workers.y.map((count, i) =>
    Number.isNaN(count) || i === workers.y.length - 1 || count === workers.y[i - 1] ? "" : String(count),
  );
  const what = role === "prefill" ? "prompt" : "output";
  const target =
    role === "prefill" ? `TTFT ≤ ${formatPlain(input.sla.ttftMs)} ms` : `ITL ≤ ${formatPlain(input.sla.itlMs)} ms`;
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
      subtitle: `${what} tokens per second, and what the workers (numbers) do within ${target}`,
      x: timeAxis({ endMs: endMs(input) }),
      y: { label: `${what} tokens/s`, min: 0 },
      series: [
        { name: "", kind: "stepArea", colour: role, opacity: 0.35, ...capacity },
        { name: "capacity", kind: "step", colour: role, ...capacity },
        { name: "load", kind: "step", colour: "ink", ...load },
        { name: "", kind: "scatter", colour: role, opacity: 0, ...capacity, pointLabels: labels },
      ],
    },
  };
}
