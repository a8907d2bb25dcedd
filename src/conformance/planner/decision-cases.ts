import type { z } from "zod";
import { createPlanner, type Observation, slaReplicas } from "#planner/core";
import type { Surface } from "#profiles";
import { unseen } from "#src/simulator";
import type { RecordedPlannerConfig, RecordedSequence, replicaFile } from "./case-schemas.ts";
import { Comparison } from "./comparison.ts";

const FACTOR_RELATIVE = 1e-9;

/** One computation of replicas. */
export function compareReplicas(surface: Surface, recorded: z.output<typeof replicaFile>["cases"][number]): Comparison {
  const comparison = new Comparison();
  const { load, correction, expected } = recorded;
  const found = slaReplicas(
    surface,
    { requests: load.next_num_req, isl: load.next_isl, osl: load.next_osl },
    { prefill: correction.p_correction_factor, decode: correction.d_correction_factor },
    sizing(recorded.config),
  );
  comparison.same("failed", found === null, expected.error !== null);
  comparison.same("prefill replicas", found?.targets.prefill ?? null, expected.prefill);
  comparison.same("decode replicas", found?.targets.decode ?? null, expected.decode);
  return comparison;
}

/** A run of observations through the planner: correction factors and targets after each. */
export function compareSequence(surface: Surface, { config, steps }: RecordedSequence): Comparison {
  const comparison = new Comparison();
  const planner = createPlanner(
    {
      strategy: "sla-compat",
      interval: config.adjustment_interval * 1000,
      maxGpus: config.max_gpu_budget,
      minWorkers: config.min_endpoint,
      predictor: { type: "constant" },
      correction: config.no_correction !== true,
      requestCount: "completed",
    },
    {
      mode: "disagg",
      sla: { ttftMs: config.ttft, itlMs: config.itl },
      gpusPerWorker: sizing(config).gpusPerWorker,
      startupMs: { prefill: 0, decode: 0 },
      transferMsPerToken: 0,
    },
    surface,
  );
  steps.forEach((step, index) => {
    const decision = planner.tick(observationOf(step, (index + 1) * config.adjustment_interval * 1000, config));
    const at = `step ${index}`;
    const { prefillCorrection, decodeCorrection } = decision.values;
    comparison.near(`${at} prefill correction`, prefillCorrection!, step.p_correction_factor, FACTOR_RELATIVE);
    comparison.near(`${at} decode correction`, decodeCorrection!, step.d_correction_factor, FACTOR_RELATIVE);
    comparison.same(`${at} prefill target`, decision.targets?.prefill ?? null, step.target?.prefill.replicas ?? null);
    comparison.same(`${at} decode target`, decision.targets?.decode ?? null, step.target?.decode.replicas ?? null);
  });
  return comparison;
}

/** Recorded planner settings as the sizing formulas take them. */
export function sizing(config: RecordedPlannerConfig) {
  return {
    intervalS: config.adjustment_interval,
    itlMs: config.itl,
    minEndpoint: config.min_endpoint,
    maxGpus: config.max_gpu_budget,
    gpusPerWorker: { prefill: config.prefill_engine_num_gpu, decode: config.decode_engine_num_gpu },
  };
}

/** Recorded averages as an observation: NaN is "no data". */
function observationOf(
  { observed, workers }: RecordedSequence["steps"][number],
  nowMs: number,
  config: RecordedPlannerConfig,
): Observation {
  const known = (value: number) => (Number.isNaN(value) ? null : value);
  const idle = { starting: 0, draining: 0 };
  return {
    ...unseen({
      nowMs,
      windowMs: config.adjustment_interval * 1000,
      workers: { prefill: { active: workers.prefill, ...idle }, decode: { active: workers.decode, ...idle } },
    }),
    completedRequests: known(observed.num_req),
    meanIsl: known(observed.isl),
    meanOsl: known(observed.osl),
    meanTtftMs: known(observed.ttft_s * 1000),
    meanItlMs: known(observed.itl_s * 1000),
    meanRequestDurationMs: known(observed.request_duration_s * 1000),
  };
}
