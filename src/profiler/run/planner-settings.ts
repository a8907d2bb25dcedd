import type { Run } from "./run-context.ts";

/**
 * Settings of the planner: the targets, and over them what the user set. Since 1.0 it has targets of its own, so that they are said
 * only where the user gave some. Defaults and engine sizes are the deployment's to add.
 */
export function plannerSettings({ request }: Run, sla: { ttftMs: number; itlMs: number }): Record<string, unknown> {
  const own = request.planner?.settings ?? {};
  if (request.dialect !== "1.0") return { ttft: sla.ttftMs, itl: sla.itlMs, ...own };
  const { given, e2eLatencyMs } = request.sla;
  return {
    ...(given.ttft || e2eLatencyMs !== undefined ? { ttft_ms: sla.ttftMs } : {}),
    ...(given.itl || e2eLatencyMs !== undefined ? { itl_ms: sla.itlMs } : {}),
    ...own,
  };
}
