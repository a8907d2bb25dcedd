import { pickFromSweep } from "../picking/from-sweep.ts";
import { updatedSla } from "../picking/sla.ts";
import { decodeKvBounds, type PlannerBounds, prefillQueueBounds } from "../selection/bounds.ts";
import { BOUNDS_LABEL, recommendationLines } from "../selection/recommendations.ts";
import { mappingOfLayout } from "../space/mapping.ts";
import { type SweepModel, sweepModel } from "../space/model.ts";
import { type SearchSpace, searchSpace } from "../space/search-space.ts";
import { breathe } from "../sweep/breathe.ts";
import { sweepDecode } from "../sweep/decode.ts";
import { sweepPrefill } from "../sweep/prefill.ts";
import type { Mapping, Pick, SweepResults } from "../types.ts";
import { capacityOf } from "./capacity.ts";
import type { Chosen } from "./choose.ts";
import { buildCurves, checkContext } from "./curves.ts";
import { enginesOf, finalYaml } from "./documents.ts";
import { noDgd } from "./errors.ts";
import { estimatedPick } from "./estimated-pick.ts";
import { withinGpus } from "./gpus-there.ts";
import { drawCurves, drawSweep } from "./pictures.ts";
import type { Run } from "./run-context.ts";
import type { Outcome } from "./swept-run.ts";

const FINAL = "final_config.yaml";
/** How Python's YAML writes a document that is nothing. */
const NO_DOCUMENT = "null\n...\n";

/**
 * The pipeline since 1.0: pick engines from estimates or measurements, interpolate them where a planner or mocker reads a profile,
 * and write one file to deploy.
 */
export async function pickedRun(run: Run): Promise<Outcome> {
  const { request, log } = run;
  const target = { ttftMs: request.sla.ttftMs, itlMs: request.sla.itlMs };
  if (request.sweep.dryRun) {
    log.info("Skipping deployment creation in dry run mode");
    log.info("Skipping recommendations in dry run mode");
    run.enter("GeneratingDGD");
    run.folder.write(FINAL, NO_DOCUMENT);
    return { sweep: emptySweep(), chosen: {}, bounds: {}, sla: target, deployment: FINAL };
  }
  checkContext(run);
  const { pick, sweep } = await pickEngines(run);
  run.enter("SelectingConfig");
  run.heading("Phase 3: Selection");
  for (const text of pick.warnings) log.warning(text);
  const engines = withinGpus(run, enginesOf(pick));
  const achieved = updatedSla(request.sla, pick, request.workload.osl);
  for (const text of achieved.warnings) log.warning(text);
  const sla = { ttftMs: achieved.ttftMs, itlMs: achieved.itlMs };
  const chosen = rowsOf(pick, sweep);
  const bounds = boundsOf(chosen, target, request.workload);
  if (chosen.prefill !== undefined) {
    for (const line of recommendationLines(chosen, bounds, request.dialect)) log.info(line);
    log.detail(BOUNDS_LABEL);
  }
  await drawSweep(run, sweep, chosen);

  await breathe(run.services.signal);
  run.enter("BuildingCurves");
  const mappings = mappingsOf(run, pick);
  const { interpolation } = request.sweep;
  const reads = request.planner !== undefined || request.mocker.enabled;
  const profile =
    mappings !== undefined && reads && interpolation !== "none" && pick.by !== "naive"
      ? await buildCurves(run, interpolation, mappings)
      : undefined;
  if (profile !== undefined) await drawCurves(run, profile);
  const capacity =
    profile === undefined || mappings === undefined ? undefined : capacityOf(run, profile, mappings, sla);

  await breathe(run.services.signal);
  run.enter("GeneratingDGD");
  run.heading("Phase 6: DGD generation");
  const version = pick.backendVersion === undefined ? {} : { backendVersion: pick.backendVersion };
  const samples = profile === undefined ? {} : { profile };
  if (reads) {
    run.folder.write(
      "picked_dgd_config.yaml",
      finalYaml(run, engines, { planner: false, mocker: false, sla, ...version }),
    );
  }
  run.folder.write(
    FINAL,
    finalYaml(run, engines, {
      planner: request.planner !== undefined,
      mocker: request.mocker.enabled,
      sla,
      ...version,
      ...samples,
    }),
  );
  return {
    sweep,
    chosen,
    bounds,
    pick,
    sla,
    deployment: FINAL,
    ...samples,
    ...(capacity === undefined ? {} : { capacity }),
  };
}

async function pickEngines(run: Run): Promise<{ pick: Pick; sweep: SweepResults }> {
  const { request } = run;
  run.enter("SweepingPrefill");
  if (request.strategy === "rapid") {
    const pick = await estimatedPick(run);
    run.useBackend(pick.backend);
    // What nobody can estimate has no sweep to show either.
    return { pick, sweep: pick.by === "naive" ? emptySweep() : await sweepAll(run) };
  }
  const sweep = await sweepAll(run);
  const pick = pickFromSweep(request, sweep, run.backend);
  if (pick === null) throw noDgd(sweep.skipped);
  return { pick, sweep };
}

async function sweepAll(run: Run): Promise<SweepResults> {
  const { request, log } = run;
  const space = spaceOf(run);
  for (const { level, text } of space.notes) log[level](text);
  const source = await run.source(request.strategy);
  const prefill = await sweepPrefill(source, space.prefill, request.workload.isl, run.pipeline);
  run.enter("SweepingDecode");
  const target = { ...request.workload, granularity: request.sweep.decodeGranularity };
  const decode = await sweepDecode(source, space.decode, target, run.pipeline);
  return {
    prefill: prefill.results,
    decode: decode.results,
    skipped: [...space.skipped, ...prefill.skipped, ...decode.skipped],
  };
}

function spaceOf({ request, facts, backend }: Run): SearchSpace {
  const model: SweepModel = facts === null ? { id: request.model } : sweepModel(facts);
  const { isMoe } = request.engine;
  return searchSpace(model, { ...request, backend, ...(isMoe === undefined ? {} : { isMoe }) });
}

function mappingsOf({ request, facts }: Run, pick: Pick): { prefill: Mapping; decode: Mapping } | undefined {
  const prefill = pick.prefill ?? pick.agg;
  const decode = pick.decode ?? pick.agg;
  if (prefill === undefined || decode === undefined) return undefined;
  const mapping = (layout: typeof prefill.layout) => mappingOfLayout(layout, request.dialect, facts?.moe !== undefined);
  return { prefill: mapping(prefill.layout), decode: mapping(decode.layout) };
}

/** The rows of the sweep that are nearest to a pick: same layout, load as close as there is. */
function rowsOf(pick: Pick, sweep: SweepResults): Chosen {
  const same = (a: Mapping["layout"], b: Mapping["layout"] | undefined) =>
    b !== undefined && a.tp === b.tp && a.attentionDp === b.attentionDp && a.moeEp === b.moeEp;
  const prefillLayout = (pick.prefill ?? pick.agg)?.layout;
  const decodeEngine = pick.decode ?? pick.agg;
  const prefill = sweep.prefill.find(({ mapping }) => same(mapping.layout, prefillLayout));
  const wanted = decodeEngine === undefined ? 0 : decodeEngine.batchSize * decodeEngine.layout.attentionDp;
  const decode = sweep.decode
    .filter(({ mapping }) => same(mapping.layout, decodeEngine?.layout))
    .toSorted((a, b) => Math.abs(a.concurrency - wanted) - Math.abs(b.concurrency - wanted))[0];
  return {
    ...(prefill === undefined ? {} : { prefill }),
    ...(decode === undefined ? {} : { decode }),
  };
}

function boundsOf(
  { prefill, decode }: Chosen,
  target: { ttftMs: number },
  { isl, osl }: { isl: number; osl: number },
): PlannerBounds {
  return {
    ...(prefill === undefined ? {} : { prefillQueue: prefillQueueBounds(prefill.ttftMs, target.ttftMs) }),
    ...(decode === undefined ? {} : { decodeKvUtilisation: decodeKvBounds(decode, isl, osl) }),
  };
}

function emptySweep(): SweepResults {
  return { prefill: [], decode: [], skipped: [] };
}
