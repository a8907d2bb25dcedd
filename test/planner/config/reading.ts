import { Command } from "commander";
import { UserError } from "#common";
import { addPlannerOptions, type PlannerConfigSources, plannerFlagsFrom, readPlannerConfig } from "#planner/config";

/** A reading with flags as typed. */
export function read(config: string | undefined, args: string[] = [], rest: Partial<PlannerConfigSources> = {}) {
  const command = addPlannerOptions(new Command()).exitOverride();
  command.parse(args, { from: "user" });
  return readPlannerConfig({
    ...(config === undefined ? {} : { config }),
    flags: plannerFlagsFrom(command),
    ...rest,
  });
}

/** The error that reading ends with. */
export function refusal(...args: Parameters<typeof read>): UserError {
  try {
    read(...args);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("was not refused");
}
