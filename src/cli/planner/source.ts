import { type Clock, UserError } from "#common";
import type { ReadPlannerConfig } from "#planner/config";
import type { ObservationSource } from "#planner/service";
import { type Fleet, prometheusSource, scrapeSource } from "#planner/sources";
import { buildSurface, type Profile } from "#profiles";

/** Range of Prometheus' averages where a strategy decides more often than that: four scrapes at the usual 15 s. */
const SHORTEST_RANGE_MS = 60_000;

/**
 * What the planner observes its deployment by: frontends where some are named, else Prometheus; and the workers of either for
 * their loads and forward passes.
 * @throws UserError PLANNER_NO_SOURCE where there is nothing to observe; those of the sources
 */
export function sourceOf(
  { config, origins }: Pick<ReadPlannerConfig, "config" | "origins">,
  clock: Clock,
  fleet: Fleet,
  profile: Profile,
): ObservationSource {
  const { metrics, sla, modelName, environment } = config;
  const common = {
    clock,
    workers: () => fleet.read(),
    whyNoWorkers: () => fleet.problems,
    disaggregated: config.mode === "disagg",
    forwardPasses: needsForwardPasses(config),
  };
  if (metrics.frontendUrls.length > 0) {
    const surface = buildSurface(profile, "robust");
    return scrapeSource({
      ...common,
      frontends: metrics.frontendUrls,
      sla,
      feasible: (isl) => surface.ttftMs(isl) <= sla.ttftMs,
      idlePrefillMs: (isl) => surface.ttftMs(isl),
      ...(modelName === null ? {} : { model: modelName }),
    });
  }
  // The preset is the address of a service in a cluster.
  const isNamed = origins.get("metric_pulling_prometheus_endpoint") !== "default";
  if (!isNamed && (environment === "virtual" || environment === "none")) throw nothingToObserve(environment);
  const isCompat = config.strategy === "sla-compat" || config.strategy === "load-compat";
  return prometheusSource({
    ...common,
    prometheus: {
      ...metrics.prometheus,
      model: modelName,
      namespace: config.namespace,
      metricsSource: config.throughput.metricsSource,
      backend: config.backend,
      means: isCompat ? "unweighted" : "weighted",
      sla,
      rangeMs: isCompat ? config.throughput.intervalMs : Math.max(SHORTEST_RANGE_MS, config.service.tickIntervalMs),
    },
  });
}

function needsForwardPasses({ strategy, scaling, plugins }: ReadPlannerConfig["config"]): boolean {
  const asked = plugins.configured.some(({ needs }) => needs.some((need) => need === "forward_passes"));
  return strategy === "default" || strategy === "load-compat" || scaling.load || asked;
}

function nothingToObserve(environment: string): UserError {
  return new UserError({
    code: "PLANNER_NO_SOURCE",
    where: "frontend_urls",
    message: `found neither frontends nor a Prometheus to observe, expected one of them in the environment ${environment}`,
    hint: "--frontend-urls http://127.0.0.1:8000, or --metric-pulling-prometheus-endpoint http://127.0.0.1:9090",
  });
}
