import type { z } from "zod";
import { CandidateFailed } from "../errors.ts";
import type { SweepPhase } from "../space/mapping.ts";
import type { EngineSource, Mapping, OpenEngine, SkippedCandidate } from "../types.ts";
import { breathe } from "./breathe.ts";
import type { PipelineContext } from "./hooks.ts";

export type CandidateOutcome<Result> = { result: Result } | { skipped: SkippedCandidate };

/**
 * Opens one candidate, asks it, and closes it whatever comes. A result of an earlier run that answers the same question is taken
 * instead where the context keeps such.
 */
export async function withCandidate<Result>(
  source: EngineSource,
  phase: SweepPhase,
  mapping: Mapping,
  question: Record<string, number>,
  schema: z.ZodType<Result>,
  context: PipelineContext,
  ask: (engine: OpenEngine) => Promise<Result>,
): Promise<CandidateOutcome<Result>> {
  const { signal, store, log } = context;
  await breathe(signal);
  const folder = context.folderOf(phase, mapping);
  const asked = { phase, mapping: mapping.label, ...question };
  const earlier = schema.safeParse(store.load(folder, asked));
  if (earlier.success) {
    log.info(`Skipping ${phase} ${mapping.label}: results of an earlier run in ${folder}`);
    return { result: earlier.data };
  }
  let engine: OpenEngine | undefined;
  try {
    engine = await source.open(phase, mapping, folder, signal);
    const result = await ask(engine);
    store.save(folder, asked, result);
    return { result };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CandidateFailed)) throw error;
    log.warning(`Skipping ${phase} candidate ${mapping.label} (${mapping.layout.gpus} GPUs): ${error.message}`);
    const { message: reason, remedy } = error;
    return { skipped: { phase, label: mapping.label, reason, ...(remedy !== undefined && { remedy }) } };
  } finally {
    await engine?.close();
  }
}
