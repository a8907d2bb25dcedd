/**
 * Published results of Dynamo's planner, tried in our simulator: `npm run bench -- --anchors` (docs/validation.md explains both).
 * The sinusoid is the performance test of its SLA planner, the start-up times are its sensitivity study.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { plannerConfigSchema } from "#planner/core";
import { loadProphet } from "#planner/sources";
import { parseScenario } from "#scenarios";
import type { RunRecord } from "#src/record";
import { prepareRehearsal } from "#src/rehearsal";
import { summarize } from "#src/report";
import { referencePath } from "../test/reference-path.ts";

export interface AnchorRow {
  anchor: "sinusoid" | "start-up";
  deployment: string;
  startupS: number;
  goodputPerS: number;
  averageGpus: number;
  goodputPerGpu: number;
  attainment: number;
  scaleEvents: number;
  meanItlMs: number;
  p90TtftMs: number;
}

export interface AnchorsOptions {
  only: string;
  json: string | null;
  progress: (text: string) => void;
}

const PROFILE = referencePath("profiles", "h200-llama31-8b-fp8-tp1");
const CONVERSATION = referencePath("traces", "mooncake_conversation.jsonl");
const SINUSOID = [
  { sinusoid: { requestRate: { min: 5, max: 45, period: "10m" }, isl: 3000, osl: 300, duration: "30m" } },
];
/** As the published run was started: a minute between decisions, ARIMA, no correction factors. */
const PUBLISHED = { strategy: "sla-compat", interval: "60s", predictor: "arima", correction: false, maxGpus: 12 };
const STARTED = { ...PUBLISHED, requestCount: "started" };
const DEFAULT = { strategy: "default", interval: "5s", maxGpus: 12 };
const STATICS = [
  { prefill: 3, decode: 1 },
  { prefill: 2, decode: 2 },
  { prefill: 3, decode: 3 },
  { prefill: 4, decode: 4 },
];
const START_UPS_S = [0, 20, 40, 60, 80, 100, 120, 180, 240, 300];
/** Policies of Dynamo's replay study by their names there: seconds between decisions of the two loops. */
const POLICIES = {
  load_180_5: { scaling: { load: true, throughput: false }, interval: "5s" },
  hybrid_180_5: { scaling: { load: true, throughput: true }, interval: "5s", throughputInterval: "180s" },
};

/** The document whose tables are these rows. */
const DOCUMENT = new URL("../docs/validation.md", import.meta.url);

/**
 * Measures, prints the rows as they come, and writes them where asked.
 * @param only what anchor and deployment of the rows contain
 * @returns the rows
 */
export async function runAnchors({ only, json, progress }: AnchorsOptions): Promise<AnchorRow[]> {
  const tools = { prophet: await loadProphet() };
  const rows: AnchorRow[] = [];
  const add = (anchor: AnchorRow["anchor"], deployment: string, startupS: number, scenario: object) => {
    if (!`${anchor} ${deployment}`.includes(only)) return;
    const text = JSON.stringify({ name: anchor, seed: 42, ...scenario });
    const rehearsal = prepareRehearsal(
      parseScenario(text, "anchor.yaml", { plannerSchema: plannerConfigSchema }),
      tools,
    );
    const row = rowOf(anchor, deployment, startupS, rehearsal.run());
    rows.push(row);
    progress(markdownRow(row));
  };

  const disaggregated = (prefill: number, decode: number, startup: string) => ({
    deployment: {
      profile: PROFILE,
      surfaces: "compat",
      mode: "disagg",
      prefill: { workers: prefill, startup },
      decode: { workers: decode, startup },
    },
    sla: { ttft: "200ms", itl: "10ms" },
    traffic: SINUSOID,
  });
  for (const { prefill, decode } of STATICS) {
    add("sinusoid", `static ${prefill}P${decode}D`, 0, disaggregated(prefill, decode, "0s"));
  }
  for (const startupS of [0, 30, 60]) {
    const start = disaggregated(1, 1, `${startupS}s`);
    add("sinusoid", "sla-compat, completed requests", startupS, { ...start, planner: PUBLISHED });
    add("sinusoid", "sla-compat, started requests", startupS, { ...start, planner: STARTED });
    add("sinusoid", "default", startupS, { ...start, planner: DEFAULT });
  }
  for (const startupS of START_UPS_S) {
    const aggregated = {
      deployment: { profile: PROFILE, mode: "agg", agg: { workers: 1, startup: `${startupS}s` } },
      sla: { ttft: "1500ms", itl: "50ms" },
      traffic: [{ trace: { file: CONVERSATION, speedup: 2 } }],
    };
    for (const [name, policy] of Object.entries(POLICIES)) {
      const planner = { strategy: "load-compat", target: "sla", maxGpus: 16, predictor: "arima", ...policy };
      add("start-up", name, startupS, { ...aggregated, planner });
    }
    add("start-up", "default", startupS, { ...aggregated, planner: { ...DEFAULT, maxGpus: 16 } });
  }
  if (json !== null) writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`);
  return rows;
}

/** Rows that docs/validation.md has not, as it would have them: simulations give the same digits on every machine. */
export function undocumentedAnchors(rows: readonly AnchorRow[], document = readFileSync(DOCUMENT, "utf8")): string[] {
  const lines = new Set(document.split("\n"));
  return rows.map(documentRow).filter((row) => !lines.has(row));
}

function documentRow(row: AnchorRow): string {
  const figure = (value: number, digits: number) => value.toFixed(digits);
  const kept = `${figure(100 * row.attainment, 1)} %`;
  const perGpu = [figure(row.averageGpus, 2), figure(row.goodputPerGpu, 2)];
  const cells =
    row.anchor === "sinusoid"
      ? [row.deployment, row.startupS, figure(row.goodputPerS, 2), ...perGpu, kept, row.scaleEvents]
      : [
          ...[row.startupS, row.deployment, kept, row.scaleEvents],
          ...[figure(row.meanItlMs, 1), figure(row.p90TtftMs, 0), ...perGpu],
        ];
  return `| ${cells.join(" | ")} |`;
}

function rowOf(anchor: AnchorRow["anchor"], deployment: string, startupS: number, record: RunRecord): AnchorRow {
  const { attainment, cost, goodput, scaling, metrics, gapsMs } = summarize(record);
  return {
    anchor,
    deployment,
    startupS,
    // Of the whole run, as the published figures are.
    goodputPerS: attainment.good / (record.endMs / 1000),
    averageGpus: cost.averageGpus,
    goodputPerGpu: goodput.perGpu,
    attainment: attainment.share,
    scaleEvents: scaling.events,
    meanItlMs: gapsMs.mean,
    p90TtftMs: metrics.ttftMs.p90,
  };
}

function markdownRow(row: AnchorRow): string {
  const cells = [
    row.anchor,
    row.deployment,
    `${row.startupS}`,
    row.goodputPerS.toFixed(2),
    row.averageGpus.toFixed(2),
    row.goodputPerGpu.toFixed(2),
    `${(100 * row.attainment).toFixed(1)} %`,
    `${row.scaleEvents}`,
    row.meanItlMs.toFixed(1),
    row.p90TtftMs.toFixed(0),
  ];
  return `| ${cells.join(" | ")} |`;
}
