import { schemaProblems } from "#common/documents";
import { inferSku, skuByName } from "../discovery/skus.ts";
import type { Draft } from "./draft.ts";
import { unwrap } from "./field.ts";
import { meant } from "./normalise.ts";
import type { ProfilingInput } from "./options.ts";
import type { PlannerGiven } from "./planner-settings.ts";
import { PROFILE_FLAGS } from "./profile-flags.ts";
import { settings } from "./settings.ts";

export interface FlagProblem {
  where: string;
  message: string;
  hint?: string | undefined;
}

const GPUS: ReadonlySet<string> = new Set(["gpuSku", "aicSystem"]);

/** On the command line `H200`, `h100-pcie` or a product name will do. */
function gpuNamed(text: string): string {
  return skuByName(text) ?? inferSku(text) ?? text;
}

/** Puts what flags say over what documents said. */
export function applyFlags(draft: Draft, input: ProfilingInput, problems: FlagProblem[]): void {
  for (const { flag, name, value } of input.flags) {
    const setting = PROFILE_FLAGS.find((each) => each.name === name)?.setting;
    // The original's flags default to empty texts, which mean nothing.
    if (setting === undefined || value === "") continue;
    const schema = settings[setting];
    const read = typeof value === "string" && GPUS.has(setting) ? gpuNamed(value) : meant(value, unwrap(schema));
    const { error } = schema.safeParse(read);
    if (error === undefined) draft.set(setting, read, flag);
    else {
      for (const { message, hint } of schemaProblems(schema, read, error))
        problems.push({ where: flag, message, hint });
    }
  }
}

/** Planner settings among the flags. */
export function plannerFlags(input: ProfilingInput): PlannerGiven[] {
  return input.flags
    .filter(({ name, value }) => name.startsWith("planner-") && value !== "")
    .map(({ flag, name, value }) => ({ key: name, value, where: flag }));
}
