import type { FieldName } from "./layers.ts";
import type { RuleProblem } from "./rules.ts";
import type { PlannerDocument } from "./schema.ts";
import type { ByRole } from "./types.ts";

type Role = keyof ByRole<unknown>;

/** Roles of which there are workers; an aggregated deployment's are `decode`. */
export const ACTIVE_ROLES: Record<PlannerDocument["mode"], readonly Role[]> = {
  disagg: ["prefill", "decode"],
  prefill: ["prefill"],
  decode: ["decode"],
  agg: ["decode"],
};

/** Refusals of budgets, minimums and power that do not go together. */
export function budgetProblems(document: PlannerDocument, given: (field: FieldName) => boolean): RuleProblem[] {
  const problems: RuleProblem[] = [];
  const { mode, max_gpu_budget: max, min_gpu_budget: min } = document;
  if (max >= 0 && min > max) {
    problems.push({ field: "min_gpu_budget", message: `found ${min}, expected at most max_gpu_budget (${max})` });
  }
  for (const role of ["prefill", "decode"] as const) {
    const field = `${role}_min_endpoint` as const;
    if (document[field] === null) continue;
    if (mode === "agg") {
      problems.push({ field, message: `${field} is not for mode agg`, hint: "use min_endpoint" });
    } else if (!ACTIVE_ROLES[mode].includes(role)) {
      problems.push({ field, message: `${field} is not for mode ${mode}, which has no ${role} workers` });
    }
  }
  for (const role of ["prefill", "decode"] as const) {
    const field = `${role}_max_gpu_budget` as const;
    if (document[field] === null) continue;
    if (document.strategy !== "default") {
      problems.push({ field, message: `${field} is of strategy default, not of ${document.strategy}` });
    } else if (!ACTIVE_ROLES[mode].includes(role)) {
      problems.push({ field, message: `${field} is not for mode ${mode}, which has no ${role} workers` });
    }
  }
  problems.push(...powerProblems(document));
  const gpus = (role: Role) => document[`${role}_engine_num_gpu`] ?? 1;
  problems.push(...minimumProblems(document, given, { prefill: gpus("prefill"), decode: gpus("decode") }));
  return problems;
}

function powerProblems(document: PlannerDocument): RuleProblem[] {
  if (!document.enable_power_awareness) return [];
  const problems: RuleProblem[] = [];
  const { mode } = document;
  const stated = ACTIVE_ROLES[mode].every((role) => document[`${role}_engine_power_watts`] !== null);
  if (document.total_gpu_power_limit === null) {
    problems.push({ field: "total_gpu_power_limit", message: "enable_power_awareness needs total_gpu_power_limit" });
  }
  if (mode === "agg") {
    problems.push({ field: "enable_power_awareness", message: "enable_power_awareness is not for mode agg" });
  }
  if (document.environment !== "kubernetes" && !stated) {
    problems.push({
      field: "enable_power_awareness",
      message: `the power of workers is read from Kubernetes, not in environment ${document.environment}`,
      hint: "state prefill_engine_power_watts and decode_engine_power_watts",
    });
  }
  return problems;
}

/** A limit on all workers, or on those of one role. */
interface Limit {
  field: FieldName;
  most: number;
  unit: "GPU" | "W";
  roles: readonly Role[];
  /** What a worker of a role takes of it. */
  perWorker: ByRole<number>;
}

/** Strategies that keep within limits; `sla-compat` exceeds its budget instead, as the planner of 2025 does. */
const WITHIN_LIMITS: readonly unknown[] = ["default", "load-compat", "hpa", "keda"];

/**
 * Limits within which the least deployment does not fit: as many workers as always remain, or one of each role, for without it a role that
 * may go to zero would not come back. A limit of 0 is another thing: without a minimum it says that nothing is to run.
 * @param gpusPerWorker by role, as far as it is known; the least where it is not
 */
export function minimumProblems(
  document: PlannerDocument,
  given: (field: FieldName) => boolean,
  gpusPerWorker: ByRole<number>,
): RuleProblem[] {
  if (!WITHIN_LIMITS.includes(document.strategy)) return [];
  const roles = ACTIVE_ROLES[document.mode];
  const minimumOf = (role: Role) => document[`${role}_min_endpoint`] ?? document.min_endpoint;
  return limitsOf(document, gpusPerWorker).flatMap(({ field, most, unit, roles: concerned, perWorker }) => {
    const leastOf = (role: Role) => Math.max(most === 0 ? 0 : 1, minimumOf(role));
    const active = roles.filter((role) => concerned.includes(role));
    const least = active.reduce((sum, role) => sum + leastOf(role) * perWorker[role], 0);
    // Watts are fractions: what differs by rounding alone does not exceed.
    if (least <= most * (1 + 1e-9)) return [];
    const minimums = new Set(active.map((role) => minimumField(document, role)));
    const workers = active.map((role) => workersText(document.mode, role, leastOf(role), perWorker[role], unit));
    const amount = (value: number) => `${value}${unit === "W" ? " W" : ""}`;
    const blamed = given(field) ? field : ([...minimums].find(given) ?? field);
    return [
      {
        field: blamed,
        message: `${field} is ${amount(most)}, expected at least ${amount(least)}: ${workers.join(" and ")} must always fit`,
        hint: `raise ${field} or lower ${[...minimums].join(" or ")}`,
      },
    ];
  });
}

function limitsOf(document: PlannerDocument, gpusPerWorker: ByRole<number>): Limit[] {
  const limits: Limit[] = [];
  const both = ["prefill", "decode"] as const;
  if (document.strategy === "default") {
    for (const role of both) {
      const field = `${role}_max_gpu_budget` as const;
      const most = document[field];
      if (most !== null) limits.push({ field, most, unit: "GPU", roles: [role], perWorker: gpusPerWorker });
    }
  }
  if (document.strategy === "default" || document.strategy === "load-compat") {
    const watts = document.enable_power_awareness ? document.total_gpu_power_limit : null;
    if (watts !== null) {
      const { prefill_engine_power_watts: prefill, decode_engine_power_watts: decode } = document;
      const perWorker = { prefill: prefill ?? 0, decode: decode ?? 0 };
      limits.push({ field: "total_gpu_power_limit", most: watts, unit: "W", roles: both, perWorker });
    }
  }
  const most = document.max_gpu_budget;
  if (most >= 0) limits.push({ field: "max_gpu_budget", most, unit: "GPU", roles: both, perWorker: gpusPerWorker });
  return limits;
}

function minimumField(document: PlannerDocument, role: Role): FieldName {
  return document[`${role}_min_endpoint`] === null ? "min_endpoint" : `${role}_min_endpoint`;
}

function workersText(mode: PlannerDocument["mode"], role: Role, count: number, each: number, unit: string): string {
  const what = mode === "agg" ? "worker" : `${role} worker`;
  const units = unit === "GPU" && each !== 1 ? "GPUs" : unit;
  return `${count} ${what}${count === 1 ? "" : "s"} of ${each} ${units}`;
}
