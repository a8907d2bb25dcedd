import { UserError } from "#common";
import type { ResourceLimit } from "./limits.ts";

/** A strategy that does not know the deployment's mode. */
export function unsupportedMode(strategy: string, mode: string): UserError {
  return new UserError({
    code: "PLANNER_MODE_UNSUPPORTED",
    where: "planner.strategy",
    message: `found strategy "${strategy}" in mode ${mode}, expected a disaggregated deployment`,
    hint: 'use strategy "default", or deploy prefill and decode workers (mode: disagg)',
  });
}

/** A strategy that plans with measurements of engines, and none. */
export function profileMissing(strategy: string): UserError {
  return new UserError({
    code: "PLANNER_PROFILE_MISSING",
    where: "planner.strategy",
    message: `found no profile, which strategy "${strategy}" plans with`,
    hint: 'name a profile, or use strategy "load-compat", which learns from live forward passes',
  });
}

/** Cache usage without anything that says how large the caches are. */
export function kvCapacityMissing(): UserError {
  return new UserError({
    code: "PLANNER_KV_CAPACITY_MISSING",
    where: "planner.decode.kvPercent",
    message: "found neither a profile nor the KV capacity of a worker, of which it is a share",
    hint: "name a profile or the capacity",
  });
}

/** Not even the least deployment fits the budget. */
export function budgetTooSmall({ name, amount }: Pick<ResourceLimit, "name" | "amount">, needed: number): UserError {
  return new UserError({
    code: "PLANNER_BUDGET_TOO_SMALL",
    where: `planner.${name}`,
    message: `found ${amount}, expected at least ${needed}: minWorkers of each role, or one where that is 0, must fit`,
    hint: `raise ${name} or lower minWorkers`,
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
