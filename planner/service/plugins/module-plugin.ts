import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { PluginConfig } from "#planner/config";
import { moduleUnusable } from "./errors.ts";
import type { Plugin, PluginModule, PluginRequest, PluginStage } from "./types.ts";

type ModuleConfig = Extract<PluginConfig, { transport: "module" }>;

/**
 * Loads an ES module: a file (from the working folder), or a package.
 * @throws UserError PLANNER_PLUGIN_UNUSABLE
 */
export async function loadModulePlugin({ id, stage, module, options }: ModuleConfig): Promise<Plugin> {
  const isFile = /^[./]|^file:/.test(module);
  const specifier = isFile && !module.startsWith("file:") ? pathToFileURL(resolve(module)).href : module;
  let loaded: { default?: unknown };
  try {
    loaded = (await import(specifier)) as { default?: unknown };
  } catch (error) {
    throw moduleUnusable(id, module, `can't be loaded: ${(error as Error).message.split("\n")[0]}`);
  }
  let made = loaded.default;
  if (typeof made === "function") {
    try {
      made = (await made(options)) as unknown;
    } catch (error) {
      throw moduleUnusable(id, module, `can't be made: ${(error as Error).message}`, "check its options");
    }
  }
  if (!implementsStage(made, stage)) {
    throw moduleUnusable(
      id,
      module,
      `found no method ${stage} in its default export, expected a plugin for stage ${stage}`,
      `export default { ${stage}(request) { return { kind: "accept" }; } }`,
    );
  }
  return modulePlugin(made, stage);
}

/** A plugin of this process. */
export function modulePlugin(module: PluginModule, stage: PluginStage): Plugin {
  return {
    ask: async (request: PluginRequest, signal: AbortSignal) => module[stage]!(request, signal),
    close: async () => module.close?.(),
  };
}

function implementsStage(made: unknown, stage: PluginStage): made is PluginModule {
  return typeof made === "object" && made !== null && typeof (made as PluginModule)[stage] === "function";
}
