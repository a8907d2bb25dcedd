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
import { type Cell, type Column, cut, grid } from "./grid.ts";
import { ink, type Style, type TerminalOptions } from "./ink.ts";

/** Did it hold, and what did it cost: SLA, goodput, GPUs, scaling, and what was left out. */
export function outcomeLines(summary: RunSummary, options: TerminalOptions): string[] {
  const { attainment, goodput, cost, scaling, requests, sla } = summary;
  const shares: [number, string][] = [
    [attainment.share, "both"],
    [attainment.ttftShare, `TTFT ≤ ${formatPlain(sla.ttftMs)} ms`],
    [attainment.itlShare, `ITL ≤ ${formatPlain(sla.itlMs)} ms`],
  ];
  const slaLine = shares
    .map(([share, name]) => `${name} ${ink(formatShare(share), shareStyle(share), options)}`)
    .join(" · ");
  const perRole =
    summary.mode === "disagg"
      ? ` (prefill ${formatFixed(cost.roles.prefill.averageWorkers, 2)}, decode ${formatFixed(cost.roles.decode.averageWorkers, 2)} workers)`
      : "";
  const left = [
    [requests.rejected, "rejected"],
    [requests.failed, "failed"],
    [requests.unfinished, "unfinished"],
    [requests.infeasible, "infeasible (not judged)"],
  ] as const;
  const lines: [string, string][] = [
    ["SLA", `${slaLine} of ${plural(attainment.judged, "request")}`],
    [
      "Goodput",
      `${formatSignificant(goodput.requestsPerSecond)} good req/s · ${formatSignificant(goodput.perGpu)} per GPU`,
    ],
    [
      "GPUs",
      `${formatSignificant(cost.gpuHours)} GPU-hours · ${formatFixed(cost.averageGpus, 2)} on average, ${formatCount(cost.peakGpus)} at most${perRole}`,
    ],
    ["Scaling", `${plural(scaling.events, "event")} (${scaling.up} up, ${scaling.down} down)`],
  ];
  const leftOut = left.filter(([count]) => count > 0).map(([count, name]) => `${formatCount(count)} ${name}`);
  if (leftOut.length > 0) lines.push(["Missed", leftOut.join(" · ")]);
  if (summary.engine.extrapolations > 0) {
    lines.push([
      "Beyond",
      `the profile was asked outside its measured range ${formatCount(summary.engine.extrapolations)} times`,
    ]);
  }
  return lines.map(([name, text]) => `${ink(name.padEnd(8), "bold", options)} ${text}`);
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
    const told = expectation.passed ? "" : `, expected ${expectation.expected}`;
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
