import type { PlannerServiceConfig, PluginConfig } from "#planner/config";
import { httpPlugin } from "./http-plugin.ts";
import { loadModulePlugin } from "./module-plugin.ts";
import type { PluginSchedule } from "./seat.ts";
import type { Plugin } from "./types.ts";

/**
 * The plugins that a configuration names, in its order. Plugins over HTTP are reached when they are first asked.
 * @throws UserError PLANNER_PLUGIN_UNUSABLE for a module that can't be loaded
 */
export function openPlugins({
  configured,
}: PlannerServiceConfig["plugins"]): Promise<{ schedule: PluginSchedule; plugin: Plugin }[]> {
  return Promise.all(
    configured.map(async (config: PluginConfig) => ({
      schedule: config,
      plugin: config.transport === "http" ? httpPlugin(config) : await loadModulePlugin(config),
    })),
  );
}
