import type { KubernetesObject } from "#src/deployment";
import { decodeKvBounds, prefillQueueBounds } from "../selection/bounds.ts";
import { BOUNDS_LABEL, recommendationLines } from "../selection/recommendations.ts";
import { mappingOf } from "../space/mapping.ts";
import { type SweepModel, sweepModel } from "../space/model.ts";
import { type SearchSpace, searchSpace } from "../space/search-space.ts";
import { breathe } from "../sweep/breathe.ts";
import { sweepDecode } from "../sweep/decode.ts";
import { sweepPrefill } from "../sweep/prefill.ts";
import type { SweepResults } from "../types.ts";
import { capacityOf } from "./capacity.ts";
import { choose } from "./choose.ts";
import { buildCurves, checkContext, copyUnderOldNames, DECODE_FOLDER, PREFILL_FOLDER } from "./curves.ts";
import { baseDeployment, candidateYaml, deploymentYaml, finalYaml, pairOf } from "./documents.ts";
import { withinGpus } from "./gpus-there.ts";
import { drawCurves, drawSweep } from "./pictures.ts";
import type { Run } from "./run-context.ts";
import type { ChoiceContent, ProfilingResult } from "./types.ts";

const REAL = "config_with_planner.yaml";
const MOCK = "mocker_config_with_planner.yaml";

export type Outcome = Omit<
  ProfilingResult,
  "request" | "backend" | "costs" | "gpuHourPrice" | "files" | "warnings" | "elapsedMs"
>;

/**
 * The pipeline until 0.8: sweep prefill, sweep decode, select, interpolate the selected engines, make the deployment with planner.
 */
export async function sweptRun(run: Run): Promise<Outcome> {
  const { request, log, services } = run;
  const { isl, osl } = request.workload;
  const model: SweepModel = run.facts === null ? { id: request.model } : sweepModel(run.facts);
  const space = searchSpace(model, { ...request, backend: run.backend, ...moeOf(request.engine) });
  for (const { level, text } of space.notes) log[level](text);
  checkContext(run);
  const smallest = mappingOf("TP", space.gpuCounts[0] ?? 1);
  const smallestPair = withinGpus(run, pairOf(smallest, smallest));
  const base = baseDeployment(run, smallestPair);
  run.folder.write(
    "disagg_config.yaml",
    deploymentYaml(run, smallestPair, { planner: false, mocker: false, sla: request.sla }),
  );
  const sla = { ttftMs: request.sla.ttftMs, itlMs: request.sla.itlMs };

  if (request.sweep.dryRun) return dryRun(run, space, base);

  run.enter("SweepingPrefill");
  const source = await run.source(request.strategy);
  const prefill = await sweepPrefill(source, space.prefill, isl, run.pipeline);
  run.enter("SweepingDecode");
  const target = { isl, osl, granularity: request.sweep.decodeGranularity };
  const decode = await sweepDecode(source, space.decode, target, run.pipeline);
  const sweep: SweepResults = {
    prefill: prefill.results,
    decode: decode.results,
    skipped: [...space.skipped, ...prefill.skipped, ...decode.skipped],
  };

  run.enter("SelectingConfig");
  run.heading("Phase 3: Selection");
  const configOf: ChoiceContent["configOf"] = (p, d) =>
    deploymentYaml(run, pairOf(p, d), { planner: true, mocker: false, sla });
  const content: ChoiceContent = {
    results: sweep,
    sla,
    isl,
    osl,
    model: request.model,
    backend: run.backend,
    configOf,
    warnings: log.warnings,
  };
  if (request.dialect === "0.8" && services.page !== undefined)
    run.folder.write("webui_data.json", services.page.data(content));
  const chosen = await choose(run, sweep, content);
  const bounds = {
    prefillQueue: prefillQueueBounds(chosen.prefill.ttftMs, sla.ttftMs),
    decodeKvUtilisation: decodeKvBounds(chosen.decode, isl, osl),
  };
  for (const line of recommendationLines(chosen, bounds, request.dialect)) log.info(line);
  log.detail(BOUNDS_LABEL);
  await drawSweep(run, sweep, chosen);

  await breathe(run.services.signal);
  run.enter("BuildingCurves");
  const mappings = { prefill: chosen.prefill.mapping, decode: chosen.decode.mapping };
  const { interpolation } = request.sweep;
  const profile = interpolation === "none" ? undefined : await buildCurves(run, interpolation, mappings);
  if (profile !== undefined) await drawCurves(run, profile);
  if (request.dialect === "0.3") copyUnderOldNames(run, mappings);

  await breathe(run.services.signal);
  run.enter("GeneratingDGD");
  run.heading("Phase 6: DGD generation");
  const capacity = profile === undefined ? undefined : capacityOf(run, profile, mappings, sla);
  // Without a rate to serve, one of each is what the planner starts from.
  const rated = request.workload.requestRate === undefined ? undefined : capacity;
  const engines = withinGpus(run, pairOf(mappings.prefill, mappings.decode, rated));
  const parts = { planner: true, sla, ...(profile === undefined ? {} : { profile }) };
  run.folder.write(REAL, finalYaml(run, engines, { ...parts, mocker: false }));
  if (request.dialect === "0.8") run.folder.write(MOCK, finalYaml(run, engines, { ...parts, mocker: true }));
  const deployment = request.dialect === "0.8" && request.mocker.enabled ? MOCK : REAL;
  return {
    sweep,
    chosen,
    bounds,
    sla,
    deployment,
    ...(profile === undefined ? {} : { profile }),
    ...(capacity === undefined ? {} : { capacity }),
  };
}

/** Deploys and measures nothing: candidates' configurations, and a deployment of the smallest engines without a profile. */
function dryRun(run: Run, space: SearchSpace, base: KubernetesObject): Outcome {
  const { request, log, folder } = run;
  for (const phase of ["prefill", "decode"] as const) {
    run.enter(phase === "prefill" ? "SweepingPrefill" : "SweepingDecode");
    for (const mapping of space[phase]) {
      folder.write(`${run.pipeline.folderOf(phase, mapping)}/config.yaml`, candidateYaml(run, base, phase, mapping));
      log.detail("Skipping deployment creation in dry run mode");
    }
  }
  run.enter("SelectingConfig");
  log.info("Skipping recommendations in dry run mode");
  const smallest = mappingOf("TP", space.gpuCounts[0] ?? 1);
  const sla = { ttftMs: request.sla.ttftMs, itlMs: request.sla.itlMs };
  run.enter("BuildingCurves");
  folder.write(`${PREFILL_FOLDER}/config.yaml`, candidateYaml(run, base, "prefill", smallest));
  folder.write(`${DECODE_FOLDER}/config.yaml`, candidateYaml(run, base, "decode", smallest));
  run.enter("GeneratingDGD");
  const deployment = REAL;
  folder.write(deployment, deploymentYaml(run, pairOf(smallest, smallest), { planner: true, mocker: false, sla }));
  return { sweep: { prefill: [], decode: [], skipped: space.skipped }, chosen: {}, bounds: {}, sla, deployment };
}

function moeOf({ isMoe }: { isMoe?: boolean }): { isMoe?: boolean } {
  return isMoe === undefined ? {} : { isMoe };
}
