import type { StaticDeployment } from "#src/record";
import { formatCount, formatFixed, formatPlain, formatShare, formatSignificant, plural } from "../format.ts";
import type { RunSummary } from "../summary/summarize.ts";
import { gradeShare, verdict } from "../verdict.ts";
import { escapeHtml, table, tile } from "./html.ts";
import { deploymentName } from "./phrases.ts";

/** The answer: did it hold, what did it cost, and how do the best static deployments compare. */
export function answerSection(summary: RunSummary): string {
  return `<section id="answer" aria-label="The answer">
${verdictHtml(summary)}
<div class="tiles">${tiles(summary).join("")}</div>
${leftOut(summary)}
${expectations(summary)}
${comparison(summary)}
</section>`;
}

function verdictHtml(summary: RunSummary): string {
  const { grade, text } = verdict(summary);
  const mark = { good: "✓", warn: "!", bad: "✗", none: "–" }[grade];
  const { attainment, goodput, cost } = summary;
  const story = `${formatShare(attainment.share)} of ${plural(attainment.judged, "request")} kept TTFT and ITL, at ${formatSignificant(goodput.perGpu)} good requests/s per GPU and ${formatSignificant(cost.gpuHours)} GPU-hours.`;
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return `<div class="verdict ${grade}"><span class="mark" aria-hidden="true">${mark}</span><p><strong>${escapeHtml(sentence)}.</strong> ${escapeHtml(story)}</p></div>`;
}

function tiles(summary: RunSummary): string[] {
  const { attainment, goodput, cost, scaling, sla, bestStatic } = summary;
  const made = [
    tile(
      "SLA attainment",
      `<span class="${gradeShare(attainment.share)}">${formatShare(attainment.share)}</span>`,
      "of requests kept both limits",
      bar("TTFT", formatPlain(sla.ttftMs), attainment.ttftShare, "prefill") +
        bar("ITL", formatPlain(sla.itlMs), attainment.itlShare, "decode"),
    ),
    tile(
      "Goodput per GPU",
      formatSignificant(goodput.perGpu),
      "good requests per second and GPU",
      `<p>${formatSignificant(goodput.requestsPerSecond)} good requests/s in all; ${formatCount(attainment.good)} good of ${formatCount(attainment.judged)}</p>`,
    ),
    tile(
      "GPU time",
      formatSignificant(cost.gpuHours),
      "GPU-hours",
      `<p>${formatFixed(cost.averageGpus, 2)} GPUs on average, ${formatCount(cost.peakGpus)} at most; ${plural(scaling.events, "scaling event")}, ${scaling.up} up and ${scaling.down} down</p>`,
    ),
  ];
  const best = bestStatic?.atFloor ?? null;
  if (bestStatic !== null && best !== null) {
    made.push(
      tile(
        "Against the best static",
        `× ${formatFixed(goodput.perGpu / best.goodputPerGpu, 2)}`,
        "its goodput per GPU",
        `<p>${deploymentName(summary.mode, best)}, the best of ${bestStatic.tried} static deployments at ≥ ${formatPlain(bestStatic.floor * 100)} %, found in hindsight</p>`,
      ),
    );
  } else {
    made.push(
      tile(
        "Throughput",
        formatSignificant(summary.throughput.requestsPerSecond),
        "requests/s",
        `<p>${formatSignificant(summary.throughput.outputTokensPerSecond)} output tokens/s, ${formatSignificant(summary.throughput.inputTokensPerSecond)} input tokens/s</p>`,
      ),
    );
  }
  return made;
}

function bar(name: string, limit: string, share: number, role: string): string {
  const width = Number.isFinite(share) ? (share * 100).toFixed(2) : "0";
  const label = `${name} ≤ ${limit} ms`;
  return `<p class="bar"><span>${label}</span><span class="track" aria-hidden="true"><span style="width:${width}%;background:var(--${role})"></span></span><span class="number">${formatShare(share)}</span></p>`;
}

function leftOut({ requests, engine }: RunSummary): string {
  const parts: string[] = [];
  const missed = [
    [requests.rejected, "rejected"],
    [requests.failed, "failed"],
    [requests.unfinished, "unfinished"],
  ] as const;
  const some = missed.filter(([count]) => count > 0).map(([count, name]) => `${formatCount(count)} ${name}`);
  if (some.length > 0) parts.push(`Counted as missed: ${some.join(", ")}.`);
  if (requests.retried > 0) {
    parts.push(
      `${plural(requests.retried, "request")} took more than one attempt: ${plural(requests.attempts, "attempt")} in all.`,
    );
  }
  if (requests.infeasible > 0) {
    parts.push(
      `${plural(requests.infeasible, "request")} could not have kept the TTFT on an idle engine and ${requests.infeasible === 1 ? "was" : "were"} not judged.`,
    );
  }
  if (engine.extrapolations > 0) {
    parts.push(`The profile was asked outside its measured range ${plural(engine.extrapolations, "time")}.`);
  }
  return parts.length === 0 ? "" : `<p class="note">${parts.join(" ")}</p>`;
}

function expectations(summary: RunSummary): string {
  if (summary.expectations.length === 0) return "";
  const items = summary.expectations.map((expectation) => {
    const { name, expected, actual, passed, message, where } = expectation;
    const state = passed ? '<span class="good">✓ held</span>' : '<span class="bad">✗ failed</span>';
    const detail = [message, where].filter((part) => part !== undefined).map((part) => escapeHtml(part));
    const told = passed || detail.length === 0 ? "" : ` <span class="muted">${detail.join("; ")}</span>`;
    return [
      `<code>${escapeHtml(name)}</code>`,
      `<code>${escapeHtml(expected)}</code>`,
      escapeHtml(actual),
      state + told,
    ];
  });
  return `<h2>What was expected</h2>
${table("Expectations of the scenario", [{ heading: "Measure" }, { heading: "Expected" }, { heading: "Found", numeric: true }, { heading: "" }], items)}`;
}

function comparison(summary: RunSummary): string {
  const best = summary.bestStatic;
  if (best === null) return "";
  const most = Math.max(
    summary.goodput.perGpu,
    best.atFloor?.goodputPerGpu ?? 0,
    best.any?.goodputPerGpu ?? 0,
    Number.MIN_VALUE,
  );
  const goodput = (value: number, own: boolean) =>
    `<span class="inline-bar${own ? " own" : ""}" style="--share:${((value / most) * 100).toFixed(1)}%">${formatFixed(value, 2)}</span>`;
  const graded = (share: number) => `<span class="${gradeShare(share)}">${formatShare(share)}</span>`;
  const row = (label: string, found: StaticDeployment | null) => {
    if (found === null) return [label, "none", "", "", "", ""];
    return [
      label,
      deploymentName(summary.mode, found),
      goodput(found.goodputPerGpu, false),
      graded(found.attainment),
      formatFixed(found.gpuHours, 2),
      `× ${formatFixed(summary.goodput.perGpu / found.goodputPerGpu, 2)}`,
    ];
  };
  const rows = [
    [
      "<strong>This run</strong>",
      escapeHtml(summary.strategy ?? "static"),
      goodput(summary.goodput.perGpu, true),
      graded(summary.attainment.share),
      formatFixed(summary.cost.gpuHours, 2),
      "",
    ],
    row(`Best static at ≥ ${formatPlain(best.floor * 100)} %`, best.atFloor),
    row("Best static, any attainment", best.any),
  ];
  const columns = [
    { heading: "" },
    { heading: "Deployment" },
    { heading: "Goodput per GPU" },
    { heading: "Attainment", numeric: true },
    { heading: "GPU-hours", numeric: true },
    { heading: "This run has", numeric: true },
  ];
  return `<h2>Against static deployments</h2>
<p class="note">In hindsight: ${plural(best.tried, "deployment")} of at most ${plural(best.maxGpus, "GPU")} replayed on the very same traffic. Goodput without a floor of attainment rewards too few workers, so both are shown.</p>
${table("This run and the best static deployments", columns, rows)}`;
}
