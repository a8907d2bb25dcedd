import type { Backend, ModelFacts } from "#src/estimator";
import type { SweepPhase } from "../space/mapping.ts";
import { candidateFolder } from "../space/mapping.ts";
import type { PipelineContext } from "../sweep/hooks.ts";
import type { EngineSource, Mapping, ProfilingPhase, ProfilingRequest, SearchStrategy } from "../types.ts";
import { candidateStore } from "./candidate-store.ts";
import type { RunLog } from "./log.ts";
import type { OutputFolder } from "./output-folder.ts";
import { candidateMessage, PHASE_MESSAGES, THOROUGH_MESSAGES, writeStatus } from "./status.ts";
import type { RunServices } from "./types.ts";

/** One run under way: what all of its steps share. */
export interface Run {
  readonly request: ProfilingRequest;
  /** The one asked for; the picked one, once there is a pick, where any was. */
  readonly backend: Backend;
  useBackend(backend: Backend): void;
  readonly facts: ModelFacts | null;
  readonly services: RunServices;
  readonly folder: OutputFolder;
  readonly log: RunLog;
  readonly phase: ProfilingPhase;
  /** Enters a phase: the status file says so. */
  enter(phase: ProfilingPhase): void;
  /** A heading for people who watch, such as `Phase 1: Prefill profiling (4 GPUs)`. */
  heading(text: string): void;
  /** The engines of a strategy; made once, closed at the end whatever comes. */
  source(kind: SearchStrategy): Promise<EngineSource>;
  readonly pipeline: PipelineContext;
}

export interface RunParts {
  request: ProfilingRequest;
  backend: Backend;
  facts: ModelFacts | null;
  services: RunServices;
  folder: OutputFolder;
  log: RunLog;
  openSource: (kind: SearchStrategy, run: Run) => Promise<EngineSource>;
}

/** @returns the run, and what closes every source that it opened */
export function makeRun(parts: RunParts): { run: Run; closeSources: () => Promise<void> } {
  const { request, services, folder, log } = parts;
  let { backend } = parts;
  const sources = new Map<SearchStrategy, Promise<EngineSource>>();
  let phase: ProfilingPhase = "Initializing";
  const status = (message: string) => writeStatus(folder.path, { status: "running", phase, message }, services.now());
  const measured = request.strategy === "thorough";
  let swept = "";
  const run: Run = {
    request,
    services,
    folder,
    log,
    facts: parts.facts,
    get backend() {
      return backend;
    },
    useBackend: (picked) => {
      backend = picked;
    },
    get phase() {
      return phase;
    },
    enter: (next) => {
      phase = next;
      status((measured ? THOROUGH_MESSAGES[next] : undefined) ?? PHASE_MESSAGES[next]);
    },
    heading: (text) => log.info(text),
    source: (kind) => {
      const made = sources.get(kind) ?? parts.openSource(kind, run);
      sources.set(kind, made);
      return made;
    },
    pipeline: {
      log,
      signal: services.signal,
      folderOf: (which: SweepPhase, mapping: Mapping) => candidateFolder(which, mapping, request.dialect),
      store: candidateStore(folder, subjectOf(request, backend), request.sweep.skipExisting),
      onCandidate: (which, mapping, index, total) => {
        const { gpus } = mapping.layout;
        const heading = `Phase ${which === "prefill" ? 1 : 2}: ${which === "prefill" ? "Prefill" : "Decode"} profiling (${gpusText(gpus)})`;
        if (heading !== swept) log.info(heading);
        swept = heading;
        if (measured) status(candidateMessage(which, index, total, mapping.label, gpus));
      },
    },
  };
  return {
    run,
    closeSources: async () => {
      // One that could not be opened has nothing to close.
      const opened = await Promise.allSettled(sources.values());
      await Promise.all(
        opened.map(async (source) => (source.status === "fulfilled" ? source.value.close() : undefined)),
      );
    },
  };
}

export function gpusText(gpus: number): string {
  return gpus === 1 ? "1 GPU" : `${gpus} GPUs`;
}

/** What results of an earlier run must have been about to count for this one. */
function subjectOf(request: ProfilingRequest, backend: Backend): Record<string, unknown> {
  const { model, strategy, estimator, aic, hardware } = request;
  return { model, backend, strategy, estimator, aic, gpu: hardware.gpuSku ?? null };
}
