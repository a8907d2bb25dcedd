import { UserError } from "#common";

/** An ES module that can't be loaded as a plugin. */
export function moduleUnusable(id: string, module: string, reason: string, hint?: string): UserError {
  return new UserError({
    code: "PLANNER_PLUGIN_UNUSABLE",
    where: `plugin ${id} (${module})`,
    message: reason,
    ...(hint === undefined ? {} : { hint }),
  });
}
