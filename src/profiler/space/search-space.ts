import type { Backend } from "#src/estimator";
import { measuredLayouts } from "../picking/layouts.ts";
import type { Dialect, HardwareRequest, Mapping, SkippedCandidate } from "../types.ts";
import { backendRuns, candidateMappings, checkMapping } from "./candidates.ts";
import { gpuBounds, gpuCounts } from "./gpu-counts.ts";
import { type SweepPhase, tupleMapping } from "./mapping.ts";
import { keepsPlainTp, type SweepModel, sweepsAsMoe } from "./model.ts";
import { type Note, note, warning } from "./note.ts";

const MIB = 2 ** 20;

/** What the profiler is going to try, and what it will say about it. */
export interface SearchSpace {
  isMoe: boolean;
  gpuCounts: number[];
  prefill: Mapping[];
  decode: Mapping[];
  /** Mappings that the model or the backend rules out. */
  skipped: SkippedCandidate[];
  notes: Note[];
}

export interface SpaceRequest {
  dialect: Dialect;
  backend: Backend;
  hardware: HardwareRequest;
  isMoe?: boolean;
}

/** @throws UserError where no number of GPUs is allowed and large enough */
export function searchSpace(model: SweepModel, request: SpaceRequest): SearchSpace {
  const { dialect, hardware } = request;
  const isMoe = sweepsAsMoe(model, dialect, request.isMoe);
  const candidates =
    dialect === "1.0" ? enumeratedCandidates(model, isMoe, request) : sweptCandidates(model, isMoe, request);
  const { counts } = candidates;
  const space: SearchSpace = {
    isMoe,
    gpuCounts: counts,
    prefill: [],
    decode: [],
    skipped: [],
    notes: [
      ...modelNotes(model, isMoe),
      ...clusterNotes(hardware),
      ...candidates.notes,
      countsNote(counts, isMoe, dialect),
    ],
  };
  const said = new Set<string>();
  for (const phase of ["prefill", "decode"] as const) {
    for (const mapping of candidates[phase]) {
      const reason = rejection(mapping, model, isMoe, request, (name) => {
        if (said.has(name)) return;
        said.add(name);
        space.notes.push(
          warning(`The model's configuration does not say ${name}: mappings are not checked against it`),
        );
      });
      if (reason === undefined) space[phase].push(mapping);
      else skip(space, phase, mapping, reason, said);
    }
  }
  return space;
}

interface Candidates {
  counts: number[];
  prefill: Mapping[];
  decode: Mapping[];
  notes: Note[];
}

/** Until 0.8: GPU counts first, then mappings of each. */
function sweptCandidates(model: SweepModel, isMoe: boolean, { dialect, hardware }: SpaceRequest): Candidates {
  const bounds = gpuBounds(model, isMoe, hardware, dialect);
  const counts = gpuCounts(bounds, isMoe, dialect, hardware.gpusPerNode);
  return {
    counts,
    prefill: candidateMappings("prefill", counts, isMoe, dialect),
    decode: candidateMappings("decode", counts, isMoe, dialect),
    notes:
      counts.length > 0
        ? bounds.notes
        : [...bounds.notes, warning(`No number of GPUs to sweep lies between ${bounds.min} and ${bounds.max}`)],
  };
}

/** Since 1.0: layouts that are worth deploying, the same for both phases; none is a result, not an error. */
function enumeratedCandidates(model: SweepModel, isMoe: boolean, { hardware }: SpaceRequest): Candidates {
  const { gpusPerNode, totalGpus, vramMib, minGpusPerEngine, maxGpusPerEngine } = hardware;
  const mappings = measuredLayouts(
    { moe: isMoe, mla: !keepsPlainTp(model), weightBytes: (model.sizeMib ?? 0) * MIB },
    {
      system: hardware.gpuSku ?? "",
      gpusPerNode,
      memoryBytes: vramMib === undefined ? Number.POSITIVE_INFINITY : vramMib * MIB,
      budget: totalGpus,
      ...(minGpusPerEngine === undefined ? {} : { minGpusPerEngine }),
      ...(maxGpusPerEngine === undefined ? {} : { maxGpusPerEngine }),
    },
  ).map(({ layout }) => tupleMapping(layout, isMoe));
  const counts = [...new Set(mappings.map(({ layout }) => layout.gpus))];
  return { counts, prefill: mappings, decode: mappings, notes: [] };
}

function rejection(
  mapping: Mapping,
  model: SweepModel,
  isMoe: boolean,
  { dialect, backend }: SpaceRequest,
  onUnknown: (name: string) => void,
): string | undefined {
  const verdict = checkMapping(mapping, model, isMoe, dialect);
  for (const name of verdict.unknown) onUnknown(name);
  if (verdict.reason !== undefined) return verdict.reason;
  return dialect === "1.0" && !backendRuns(backend, mapping)
    ? `${mapping.label}: ${backend} has no such mapping`
    : undefined;
}

function skip(space: SearchSpace, phase: SweepPhase, mapping: Mapping, reason: string, said: Set<string>): void {
  space.skipped.push({ phase, label: mapping.label, reason });
  if (said.has(reason)) return;
  said.add(reason);
  space.notes.push(warning(`Skipping mapping ${reason}`));
}

function modelNotes(model: SweepModel, isMoe: boolean): Note[] {
  const size = model.sizeMib === undefined ? "unknown" : `${Math.round(model.sizeMib)} MiB`;
  const parts = [`size ${size}`, `is_moe=${isMoe ? "True" : "False"}`];
  const context = `max_context_length=${model.maxContextLength ?? "unknown"}`;
  const experts = isMoe && model.experts !== undefined ? `, num_experts=${model.experts}` : "";
  return [note(`Model ${model.id} has ${parts.join(", ")}, and ${context}${experts}`)];
}

function clusterNotes({ gpuSku, gpusPerNode, vramMib, discovered }: HardwareRequest): Note[] {
  if (!discovered || vramMib === undefined) return [];
  return [note(`Cluster has ${gpusPerNode}x${gpuSku ?? "GPU"} GPUs per node with ${Math.round(vramMib)} MiB VRAM`)];
}

function countsNote(counts: readonly number[], isMoe: boolean, dialect: Dialect): Note {
  const list = `[${counts.join(", ")}]`;
  if (dialect === "0.8" || dialect === "1.0") return note(`Profiling GPU counts: ${list}`);
  return note(isMoe ? `Profiling MoE GPU counts (TEP/DEP): ${list}` : `Profiling dense model GPU counts (TP): ${list}`);
}
