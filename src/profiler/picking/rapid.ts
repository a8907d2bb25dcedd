import { UserError } from "#common";
import type { Backend, NativeEngine } from "#src/estimator";
import type { Pick } from "../types.ts";
import { aggregatedPoints } from "./aggregated.ts";
import { budgetOf, decide, type PickingRequest, pickingMode } from "./decision.ts";
import { type LayoutModel, simulatedLayouts } from "./layouts.ts";
import { FALLING_BACK, nothingMeasured, unmeasuredLeftOut } from "./messages.ts";
import { type NaiveModel, naivePick } from "./naive.ts";
import { type BackendRows, rankings } from "./search.ts";
import { decodeWorkers, prefillWorker } from "./workers.ts";

/** What a search over estimates needs to know and to ask. */
export interface RapidSources {
  model: NaiveModel & LayoutModel;
  /** The GPU by the estimator's name, and its memory; undefined where it knows none such. */
  system?: { name: string; memoryBytes: number };
  /** Whether estimates of this model on this GPU with that backend exist. */
  covers(backend: Backend): boolean;
  /** @throws UserError where the model cannot be laid out so */
  open(backend: Backend, parallelism: string): NativeEngine;
}

/** An estimated pick with the warnings that came up. */
export function pickRapid(request: PickingRequest, sources: RapidSources): Pick {
  const mode = pickingMode(request);
  const covered = wantedBackends(request, mode).filter((backend) => sources.covers(backend));
  if (sources.system === undefined || covered.length === 0) return fallBack(request, sources);
  const notes: string[] = [];
  const rows = covered.map((backend) => backendRows(request, sources, backend, notes));
  const pick = decide(request, mode, rankings(request, mode, rows));
  if (pick === null) return fallBack(request, sources);
  return { ...pick, warnings: [...notes, ...pick.warnings] };
}

/** The rows of every layout of a backend that fits. */
export function backendRows(
  request: PickingRequest,
  sources: RapidSources,
  backend: Backend,
  notes: string[],
): BackendRows {
  const { workload, hardware } = request;
  const found: BackendRows = { backend, prefill: [], decode: [], agg: [] };
  const candidates = simulatedLayouts(sources.model, {
    system: sources.system!.name,
    budget: hardware.totalGpus,
    ...(hardware.minGpusPerEngine === undefined ? {} : { minGpusPerEngine: hardware.minGpusPerEngine }),
    ...(hardware.maxGpusPerEngine === undefined ? {} : { maxGpusPerEngine: hardware.maxGpusPerEngine }),
  });
  for (const { parallelism } of candidates) {
    const engine = opened(sources, backend, parallelism);
    if (engine === null || engine.kvTokensPerRank < 1) continue;
    found.backendVersion = engine.facts.backendVersion;
    const prefill = prefillWorker(engine, workload);
    if (prefill !== null) found.prefill.push(prefill);
    found.decode.push(...decodeWorkers(engine, workload));
    found.agg.push(...aggregatedPoints(engine, workload, sources.model.layers));
  }
  return sources.model.moe === undefined ? found : withoutUnmeasured(found, notes);
}

/** A layout that the model or the tables do not allow is no candidate. */
function opened(sources: RapidSources, backend: Backend, parallelism: string): NativeEngine | null {
  try {
    return sources.open(backend, parallelism);
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

/**
 * For a mixture of experts an analytic estimate is good enough for a time, not for telling TP, TEP and DEP apart (26 % agreement
 * with measured tables): where some layouts were measured, the others do not compete.
 */
function withoutUnmeasured(rows: BackendRows, notes: string[]): BackendRows {
  const measured = { agg: keep(rows.agg), prefill: keep(rows.prefill), decode: keep(rows.decode) };
  if (measured.prefill.length === 0 || measured.decode.length === 0) {
    notes.push(nothingMeasured);
    return rows;
  }
  const names = (list: readonly { parallelism: string }[]) => new Set(list.map((row) => row.parallelism));
  const kept = new Set([...names(measured.prefill), ...names(measured.decode)]);
  const left = [...names([...rows.prefill, ...rows.decode])].filter((name) => !kept.has(name));
  if (left.length > 0) notes.push(unmeasuredLeftOut(left));
  return { ...rows, ...measured };
}

function keep<T extends { origin: string }>(rows: readonly T[]): T[] {
  return rows.filter((row) => row.origin === "table");
}

function wantedBackends({ backend }: PickingRequest, mode: string): Backend[] {
  if (backend !== "auto") return [backend];
  return mode === "autoscale" ? ["vllm"] : ["trtllm", "sglang", "vllm"];
}

function fallBack(request: PickingRequest, { model, system }: RapidSources): Pick {
  const { hardware, sla } = request;
  const memoryGib =
    hardware.vramMib !== undefined
      ? hardware.vramMib / 1024
      : system === undefined
        ? undefined
        : system.memoryBytes / 2 ** 30;
  const pick = naivePick({
    model,
    backend: request.backend,
    system: hardware.gpuSku,
    ...(memoryGib === undefined ? {} : { memoryGib }),
    gpusPerNode: hardware.gpusPerNode,
    totalGpus: budgetOf(request),
    sla,
    ...(sla.optimization === undefined ? {} : { optimization: sla.optimization }),
  });
  return { ...pick, warnings: [FALLING_BACK, ...pick.warnings] };
}
