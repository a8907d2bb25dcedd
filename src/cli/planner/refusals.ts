import { UserError } from "#common";

/** Settings of strategies, as refusals name them, and the fields of the service's configuration that they come from. */
const FIELDS: Record<string, string> = {
  "planner.maxGpus.prefill": "prefill_max_gpu_budget",
  "planner.maxGpus.decode": "decode_max_gpu_budget",
  "planner.maxGpus": "max_gpu_budget",
  "planner.maxPowerWatts": "total_gpu_power_limit",
  minWorkers: "min_endpoint",
};

/** Does `work`; what a strategy refuses names the fields of the service's configuration. @throws UserError */
export function refusingFields<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== "PLANNER_BUDGET_TOO_SMALL") throw error;
    const { code, where, message, hint, exitCode } = error;
    throw new UserError({
      code,
      where: renamed(where ?? ""),
      message: renamed(message),
      ...(hint === undefined ? {} : { hint: renamed(hint) }),
      exitCode,
      cause: error,
    });
  }
}

function renamed(text: string): string {
  let changed = text;
  for (const [setting, field] of Object.entries(FIELDS)) {
    changed = changed.replaceAll(setting, field).replaceAll(setting.replace("planner.", ""), field);
  }
  return changed;
}
