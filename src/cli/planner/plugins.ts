import type { Clock } from "#common";
import type { PlannerServiceConfig } from "#planner/config";
import { type Planner, type PlannerContext, resourceLimits } from "#planner/core";
import { openPlugins, PluggedPlanner, type PluggedPlannerOptions, type TickingPlanner } from "#planner/service";

/**
 * The strategy with the plugins that the configuration names round it; the strategy itself where it names none.
 * @throws UserError PLANNER_PLUGIN_UNUSABLE
 */
export async function withPlugins(
  planner: Planner,
  config: PlannerServiceConfig,
  context: PlannerContext,
  clock: Clock,
  onAudit: PluggedPlannerOptions["onAudit"],
): Promise<TickingPlanner> {
  const plugins = await openPlugins(config.plugins);
  if (plugins.length === 0) return planner;
  const { budget, engine } = config;
  return new PluggedPlanner(planner, plugins, {
    deployment: {
      mode: config.mode,
      sla: config.sla,
      gpusPerWorker: context.gpusPerWorker,
      maxGpus: budget.maxGpus,
      minWorkers: budget.minEndpoints,
    },
    limits: resourceLimits(
      {
        maxGpus: budget.maxGpus,
        maxGpusOf: budget.maxGpusOf,
        maxPowerWatts: budget.powerLimitWatts,
        wattsPerWorker: engine.powerWatts,
      },
      context.gpusPerWorker,
    ),
    registeredMs: clock.nowMs(),
    requestTimeoutMs: config.plugins.requestTimeoutMs,
    tickMaxDurationMs: config.service.tickMaxDurationMs,
    ...(onAudit === undefined ? {} : { onAudit }),
  });
}
