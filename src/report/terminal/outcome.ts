import { stripVTControlCharacters } from "node:util";
import type { StaticDeployment } from "#src/record";
import {
  formatCount,
  formatDeployment,
  formatFixed,
  formatPlain,
  formatShare,
  formatSignificant,
  plural,
} from "../format.ts";
import type { RunSummary } from "../summary/summarize.ts";
import { gradeShare } from "../verdict.ts";
import { type Cell, type Column, cut, grid, textWidth } from "./grid.ts";
import { ink, type Style, type TerminalOptions } from "./ink.ts";

const LABEL_WIDTH = 9;

/** Did it hold, and what did it cost: SLA, goodput, GPUs, scaling, and what was left out. */
export function outcomeLines(summary: RunSummary, options: TerminalOptions): string[] {
  const { attainment, goodput, cost, scaling, requests, sla, engine } = summary;
  const share = (value: number, name: string) => `${name} ${ink(formatShare(value), shareStyle(value), options)}`;
  const { prefill, decode } = cost.roles;
  const missed = [
    [requests.rejected, "rejected"],
    [requests.failed, "failed"],
    [requests.unfinished, "unfinished"],
  ] as const;
  const lines: [string, string[]][] = [
    [
      "SLA",
      [
        `${share(attainment.share, "both")} of ${plural(attainment.judged, "request")}`,
        share(attainment.ttftShare, `TTFT ≤ ${formatPlain(sla.ttftMs)} ms`),
        share(attainment.itlShare, `ITL ≤ ${formatPlain(sla.itlMs)} ms`),
      ],
    ],
    [
      "Goodput",
      [`${formatSignificant(goodput.requestsPerSecond)} good req/s`, `${formatSignificant(goodput.perGpu)} per GPU`],
    ],
    [
      "GPUs",
      [
        `${formatSignificant(cost.gpuHours)} GPU-hours`,
        `${formatFixed(cost.averageGpus, 2)} on average, ${formatCount(cost.peakGpus)} at most`,
        ...(summary.mode === "disagg"
          ? [
              `workers: prefill ${formatFixed(prefill.averageWorkers, 2)}, decode ${formatFixed(decode.averageWorkers, 2)}`,
            ]
          : []),
      ],
    ],
    ["Scaling", [`${plural(scaling.events, "event")} (${scaling.up} up, ${scaling.down} down)`]],
    ["Missed", missed.filter(([count]) => count > 0).map(([count, name]) => `${formatCount(count)} ${name}`)],
    [
      "Retried",
      requests.retried === 0
        ? []
        : [
            `${plural(requests.retried, "request")}, ${plural(requests.attempts, "attempt")} at ${plural(requests.total, "request")}`,
          ],
    ],
    [
      "Unjudged",
      requests.infeasible === 0
        ? []
        : [`${plural(requests.infeasible, "request")} could not have kept the TTFT on an idle engine`],
    ],
    [
      "Beyond",
      engine.extrapolations === 0
        ? []
        : [`the profile was asked outside its measured range ${plural(engine.extrapolations, "time")}`],
    ],
  ];
  return lines.filter(([, parts]) => parts.length > 0).flatMap(([name, parts]) => labelled(name, parts, options));
}

/** `name  part · part`, on as many lines as the width asks for. */
function labelled(name: string, parts: string[], options: TerminalOptions): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const longer = lines.length === 0 ? part : `${lines.at(-1)} · ${part}`;
    const fits = LABEL_WIDTH + textWidth(stripVTControlCharacters(longer)) <= options.width;
    if (lines.length > 0 && fits) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  const label = ink(name.padEnd(LABEL_WIDTH - 1), "bold", options);
  return lines.map((line, i) => (i === 0 ? `${label} ${line}` : `${" ".repeat(LABEL_WIDTH)}${line}`));
}

/** The run beside the best static deployments found in hindsight; empty where none were sought. */
export function bestStaticLines(summary: RunSummary, options: TerminalOptions): string[] {
  const best = summary.bestStatic;
  if (best === null) return [];
  const heading: Cell[] = ["", "deployment", "attainment", "goodput/GPU", "GPU-hours", "this run has"].map((text) => ({
    text,
    style: "dim",
  }));
  const deployment = (label: string, found: StaticDeployment | null): Cell[] => {
    if (found === null) return [{ text: label }, { text: "none" }];
    return [
      { text: label },
      { text: formatDeployment(summary.mode, found.prefill, found.decode) },
      { text: formatShare(found.attainment), style: shareStyle(found.attainment) },
      { text: formatFixed(found.goodputPerGpu, 2) },
      { text: formatFixed(found.gpuHours, 2) },
      { text: `× ${formatFixed(summary.goodput.perGpu / found.goodputPerGpu, 2)}`, style: "bold" },
    ];
  };
  const rows: Cell[][] = [
    heading,
    [
      { text: "this run", style: "bold" },
      { text: summary.strategy ?? "static" },
      { text: formatShare(summary.attainment.share), style: shareStyle(summary.attainment.share) },
      { text: formatFixed(summary.goodput.perGpu, 2), style: "bold" },
      { text: formatFixed(summary.cost.gpuHours, 2) },
    ],
    deployment(`best static at ≥ ${formatPlain(best.floor * 100)} %`, best.atFloor),
    deployment("best static, any attainment", best.any),
  ];
  const right: Column = { align: "right" };
  const lines = grid([{ align: "left" }, { align: "left" }, right, right, right, right], rows, options, "  ");
  const note = `in hindsight, of ${plural(best.tried, "deployment")} with at most ${plural(best.maxGpus, "GPU")}`;
  return [`${ink("Against static deployments", "heading", options)} ${ink(note, "dim", options)}`, ...lines];
}

/** A line per `expect:` line of the scenario. */
export function expectationLines(summary: RunSummary, options: TerminalOptions): string[] {
  if (summary.expectations.length === 0) return [];
  const lines = summary.expectations.map((expectation) => {
    const mark = expectation.passed ? ink("✓", "good", options) : ink("✗", "bad", options);
    const told = `, ${expectation.passed ? "as" : "not as"} expected: ${expectation.expected}`;
    const where =
      expectation.passed || expectation.where === undefined ? "" : ink(` (${expectation.where})`, "dim", options);
    const message = expectation.passed || expectation.message === undefined ? "" : `: ${expectation.message}`;
    return `  ${mark} ${cut(`${expectation.name} is ${expectation.actual}${told}${message}`, options.width - 4)}${where}`;
  });
  return [ink("Expectations", "heading", options), ...lines];
}

function shareStyle(share: number): Style {
  const grade = gradeShare(share);
  return grade === "none" ? "dim" : grade;
}
