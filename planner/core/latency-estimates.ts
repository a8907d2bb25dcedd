import { mean } from "#common";
import type { Surface } from "#profiles";
import type { RequestShapes } from "./request-shapes.ts";
import { ranksOf, workerKvTokens } from "./roles.ts";
import type { Observation, PlannerContext } from "./types.ts";
import type { WorkerNeeds } from "./worker-needs.ts";

/** What the model expects of one request more, on the worker where it is worst, ms; absent where something is not known. */
export interface LatencyEstimates {
  estimatedTtftMs?: number;
  estimatedItlMs?: number;
}

/** As `load-compat` estimates them: TTFT of the queue and one prompt more, ITL of the batch and one sequence more. Aggregated workers do both at once: none. */
export function latencyEstimates(
  observation: Pick<Observation, "prefillLoad" | "decodeLoad">,
  needs: WorkerNeeds,
  shapes: RequestShapes,
  surface: Surface,
  context: PlannerContext,
): LatencyEstimates {
  const { mode, sla } = context;
  if (mode === "agg") return {};
  const estimates: LatencyEstimates = {};
  const { prefillLoad, decodeLoad } = observation;
  if (mode !== "decode" && prefillLoad !== null && prefillLoad.length > 0) {
    const { patienceS, batchedMeanS } = needs.prompts;
    // What a prompt has to spare is the SLA less all that it takes alone.
    const aloneMs = sla.ttftMs - 1000 * mean(patienceS);
    const queuedTokens = Math.max(...prefillLoad.map((load) => load.queuedTokens)) / ranksOf(context).prefill;
    estimates.estimatedTtftMs = aloneMs + 1000 * batchedMeanS * (queuedTokens / shapes.meanIsl());
  }
  if (mode !== "prefill" && needs.decode !== null && decodeLoad !== null && decodeLoad.length > 0) {
    const kvTokens = Math.max(...decodeLoad.map((load) => load.kvTokens)) + needs.meanContext;
    const usage = Math.min(1, kvTokens / workerKvTokens(context, surface.maxKvTokens));
    estimates.estimatedItlMs = shapes.decodeCorrection * surface.itlMs(usage, needs.meanContext);
  }
  return estimates;
}
