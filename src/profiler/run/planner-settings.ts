import { PLANNER_GPU_BUDGET } from "../config/planner-schema.ts";
import type { ProfilingRequest } from "../types.ts";
import type { Run } from "./run-context.ts";

/**
 * Settings of the planner: the targets, and over them what the user set. Since 1.0 it has targets of its own, so that they are said
 * only where the user gave some. Defaults and engine sizes are the deployment's to add.
 */
export function plannerSettings({ request }: Run, sla: { ttftMs: number; itlMs: number }): Record<string, unknown> {
  const budget = excessBudget(request);
  const own = { ...request.planner?.settings, ...(budget === null ? {} : { max_gpu_budget: budget.there }) };
  if (request.dialect !== "1.0") return { ttft: sla.ttftMs, itl: sla.itlMs, ...own };
  const { given, e2eLatencyMs } = request.sla;
  return {
    ...(given.ttft || e2eLatencyMs !== undefined ? { ttft_ms: sla.ttftMs } : {}),
    ...(given.itl || e2eLatencyMs !== undefined ? { itl_ms: sla.itlMs } : {}),
    ...own,
  };
}

/**
 * The planner's GPU budget, where there are fewer GPUs than it (null: no limit), and how many there are. A planner that asks for more
 * waits for ever for workers that can't start.
 */
export function excessBudget({ planner, hardware }: ProfilingRequest): { budget: number | null; there: number } | null {
  const { totalGpus: there } = hardware;
  if (planner === undefined || there === undefined) return null;
  const { max_gpu_budget: said } = planner.settings;
  const budget = typeof said === "number" ? said : PLANNER_GPU_BUDGET;
  if (budget >= 0 && budget <= there) return null;
  return { budget: budget < 0 ? null : budget, there };
}
