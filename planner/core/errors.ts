import { UserError } from "#common";

/** A strategy that does not know the deployment's mode. */
export function unsupportedMode(strategy: string, mode: string): UserError {
  return new UserError({
    code: "PLANNER_MODE_UNSUPPORTED",
    where: "planner.strategy",
    message: `found strategy "${strategy}" with an aggregated deployment (mode: ${mode}), expected a disaggregated one`,
    hint: 'use strategy "default", or deploy prefill and decode workers (mode: disagg)',
  });
}

/** Not even the least deployment fits the budget. */
export function budgetTooSmall(maxGpus: number, neededGpus: number): UserError {
  return new UserError({
    code: "PLANNER_BUDGET_TOO_SMALL",
    where: "planner.maxGpus",
    message: `found ${maxGpus} GPUs, expected at least ${neededGpus} for minWorkers of each role`,
    hint: "raise maxGpus or lower minWorkers",
  });
}

/** Target `load` without the limits that it works towards. */
export function limitsMissing(field: string, mode: string): UserError {
  return new UserError({
    code: "PLANNER_LIMITS_MISSING",
    where: `planner.${field}`,
    message: `found nothing, expected {up, down}: target load needs it in mode ${mode}`,
    hint: `such as ${field}: ${field === "prefillQueueTokens" ? "{up: 4000, down: 500}" : "{up: 80, down: 40}"}, or another target`,
  });
}
