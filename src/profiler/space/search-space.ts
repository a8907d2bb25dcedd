import type { Backend } from "#src/estimator";
import type { Dialect, HardwareRequest, Mapping, SkippedCandidate } from "../types.ts";
import { backendRuns, candidateMappings, checkMapping } from "./candidates.ts";
import { gpuBounds, gpuCounts } from "./gpu-counts.ts";
import type { SweepPhase } from "./mapping.ts";
import { type SweepModel, sweepsAsMoe } from "./model.ts";
import { type Note, note, warning } from "./note.ts";

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
  const bounds = gpuBounds(model, isMoe, hardware, dialect);
  const counts = gpuCounts(bounds, isMoe, dialect, hardware.gpusPerNode);
  const space: SearchSpace = {
    isMoe,
    gpuCounts: counts,
    prefill: [],
    decode: [],
    skipped: [],
    notes: [
      ...modelNotes(model, isMoe),
      ...clusterNotes(hardware),
      ...bounds.notes,
      countsNote(counts, isMoe, dialect),
    ],
  };
  const said = new Set<string>();
  for (const phase of ["prefill", "decode"] as const) {
    for (const mapping of candidateMappings(phase, counts, model, isMoe, dialect)) {
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
