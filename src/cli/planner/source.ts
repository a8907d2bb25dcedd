import { type Clock, UserError } from "#common";
import type { PlannerServiceConfig } from "#planner/config";
import type { ObservationSource } from "#planner/service";
import { type Fleet, scrapeSource } from "#planner/sources";
import { buildSurface, type Profile } from "#profiles";

/**
 * What the planner observes its deployment by.
 * @throws UserError PLANNER_NO_SOURCE where there is nothing to observe
 */
export function sourceOf(
  config: PlannerServiceConfig,
  clock: Clock,
  fleet: Fleet,
  profile: Profile,
): ObservationSource {
  const { frontendUrls } = config.metrics;
  if (frontendUrls.length === 0) {
    throw new UserError({
      code: "PLANNER_NO_SOURCE",
      where: "frontend_urls",
      message: "found no frontend to observe, expected at least one address",
      hint: "--frontend-urls http://127.0.0.1:8000",
    });
  }
  const surface = buildSurface(profile, "robust");
  const none = { active: 0, starting: 0, draining: 0 };
  return scrapeSource({
    clock,
    frontends: frontendUrls,
    workers: async () => (await fleet.read()) ?? { workers: [], counts: { prefill: none, decode: none } },
    sla: config.sla,
    feasible: (isl) => surface.ttftMs(isl) <= config.sla.ttftMs,
    idlePrefillMs: (isl) => surface.ttftMs(isl),
    disaggregated: config.mode === "disagg",
    ...(config.modelName === null ? {} : { model: config.modelName }),
  });
}
