import { join } from "node:path";
import type { DecodeResult, Pick, PrefillResult, ProfilingResult } from "#src/profiler";
import { BOUNDS_LABEL, bestWithin, gpuHoursPer1000, recommendationLines, SLA_REMEDIES } from "#src/profiler";
import { textTable } from "../text-table.ts";
import { caveats } from "./caveats.ts";

/** What a run found, for people: the answer first, then the sweep it comes from, then what to make of it. */
export function summaryText(result: ProfilingResult): string {
  const { request, chosen, bounds } = result;
  const blocks: string[] = [];
  if (result.pick !== undefined) blocks.push(pickText(result.pick));
  if (result.sweep.prefill.length > 0) blocks.push(`Prefill (ISL ${request.workload.isl})\n${prefillTable(result)}`);
  if (result.sweep.decode.length > 0)
    blocks.push(`Decode (ISL ${request.workload.isl}, OSL ${request.workload.osl})\n${decodeTable(result)}`);
  if (result.pick === undefined && chosen.prefill !== undefined) {
    const [, ...lines] = recommendationLines(chosen, bounds, request.dialect);
    blocks.push(`${lines.join("\n")}\n${BOUNDS_LABEL}\n`);
  }
  blocks.push(
    ...capacityText(result),
    ...costText(result),
    targetText(result),
    caveats(result)
      .map((text) => `Note: ${text}\n`)
      .join(""),
    filesText(result),
  );
  return blocks.filter((block) => block !== "").join("\n");
}

function prefillTable({ sweep, chosen, request }: ProfilingResult): string {
  const rows = sweep.prefill.map((row) => [
    mark(row, chosen.prefill),
    row.mapping.label,
    String(row.mapping.layout.gpus),
    row.ttftMs.toFixed(2),
    row.throughputPerGpu.toFixed(2),
    row.ttftMs <= request.sla.ttftMs ? "yes" : "no",
    row.origin,
  ]);
  return textTable(["", "mapping", "GPUs", "TTFT ms", "tokens/s/GPU", "meets SLA", "origin"], rows);
}

/** Of each mapping the chosen point, or the best one within the target, or the fastest one. */
function decodeTable({ sweep, chosen, request }: ProfilingResult): string {
  const mappings = [...new Set(sweep.decode.map(({ mapping }) => mapping.label))];
  const rows = mappings.map((label) => {
    const points = sweep.decode.filter(({ mapping }) => mapping.label === label);
    const row =
      points.find((point) => point === chosen.decode) ??
      bestWithin(points, ({ itlMs }) => itlMs, request.sla.itlMs)?.row ??
      points[0]!;
    return [
      mark(row, chosen.decode),
      label,
      String(row.mapping.layout.gpus),
      String(row.concurrency),
      row.itlMs.toFixed(2),
      row.throughputPerGpu.toFixed(2),
      row.itlMs <= request.sla.itlMs ? "yes" : "no",
      String(row.maxKvTokens),
      row.origin,
    ];
  });
  return textTable(
    ["", "mapping", "GPUs", "requests", "ITL ms", "tokens/s/GPU", "meets SLA", "KV tokens", "origin"],
    rows,
  );
}

function mark(row: PrefillResult | DecodeResult, chosen: PrefillResult | DecodeResult | undefined): string {
  return row === chosen ? "→" : "";
}

function pickText(pick: Pick): string {
  const rows = [pick, ...pick.alternatives].map((row, i) => [
    i === 0 ? "→" : "",
    row.mode,
    row.backend,
    enginesText(row),
    String(row.gpus),
    known(row.ttftMs),
    known(row.itlMs),
    known(row.tokensPerSecondPerGpu),
    known(row.tokensPerSecondPerUser),
    known(row.requestsPerSecond),
  ]);
  // The pick stands among its alternatives too.
  const [first, ...others] = rows;
  const shown = [first!, ...others.filter((row) => row.slice(1).join() !== first!.slice(1).join())];
  const head = [
    "",
    "mode",
    "backend",
    "engines",
    "GPUs",
    "TTFT ms",
    "ITL ms",
    "tokens/s/GPU",
    "tokens/s/user",
    "requests/s",
  ];
  return `Pick (${pick.by})\n${textTable(head, shown)}`;
}

function enginesText({ prefill, decode, agg }: Omit<Pick, "alternatives" | "warnings">): string {
  const one = (name: string, engine: Pick["agg"]) =>
    engine === undefined ? [] : [`${engine.replicas} × ${name} on ${engine.layout.gpus} (batch ${engine.batchSize})`];
  return [...one("prefill", prefill), ...one("decode", decode), ...one("engine", agg)].join(", ");
}

/** Nobody estimated what is 0. */
function known(value: number): string {
  return value > 0 ? value.toFixed(2) : "–";
}

function capacityText(result: ProfilingResult): string[] {
  const { capacity, request } = result;
  if (capacity === undefined) return [];
  const within = missedTargets(result).length === 0 ? " within the targets" : "";
  const { prefillReplicas, decodeReplicas, gpus, requestRate } = capacity;
  const wanted = request.workload.requestRate;
  const serves = `serve ${requestRate.toFixed(2)} requests/s${wanted === undefined ? "" : ` (wanted ${wanted})`}`;
  return [`${prefillReplicas} prefill and ${decodeReplicas} decode replicas (${gpus} GPUs) ${serves}${within}.\n`];
}

/** Of the chosen pair. */
function costText({ chosen, request, gpuHourPrice }: ProfilingResult): string[] {
  const { prefill, decode } = chosen;
  if (prefill === undefined || decode === undefined) return [];
  const { isl, osl } = request.workload;
  const { total } = gpuHoursPer1000(isl, osl, prefill.throughputPerGpu, decode.throughputPerGpu);
  const price = (total * gpuHourPrice).toFixed(2);
  return [`1000 requests take ${total.toFixed(3)} GPU-hours ($${price} at $${gpuHourPrice} a GPU-hour).\n`];
}

/** The targets that the choice does not keep. */
function missedTargets({ request, sla, chosen, pick }: ProfilingResult): string[] {
  const ttft = chosen.prefill?.ttftMs ?? pick?.ttftMs;
  const itl = chosen.decode?.itlMs ?? pick?.itlMs;
  return [
    (ttft ?? 0) > request.sla.ttftMs || sla.ttftMs > request.sla.ttftMs ? "TTFT" : [],
    (itl ?? 0) > request.sla.itlMs || sla.itlMs > request.sla.itlMs ? "ITL" : [],
  ].flat();
}

function targetText(result: ProfilingResult): string {
  const missed = missedTargets(result);
  if (missed.length === 0 || result.request.sweep.dryRun) return "";
  return `The ${missed.join(" and ")} target is not kept: ${SLA_REMEDIES}.\n`;
}

function filesText({ request, files, deployment }: ProfilingResult): string {
  const lines = [`${files.length} files in ${request.outputDir}`];
  if (deployment !== undefined && !request.sweep.dryRun) {
    lines.push(`Deploy it: kubectl apply -f ${join(request.outputDir, deployment)}`);
  }
  return `${lines.join("\n")}\n`;
}
