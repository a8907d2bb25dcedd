import { type Clock, UserError } from "#common";
import { engineConfig, IdlePrefill, profileTiming } from "#mocker/engine";
import { isGiven, type ReadPlannerConfig } from "#planner/config";
import type { ObservationSource, ServiceLog } from "#planner/service";
import {
  type Fleet,
  PrometheusWorkers,
  prometheusSource,
  type ScrapeSourceOptions,
  scrapeSource,
} from "#planner/sources";
import { buildSurface, type Profile } from "#profiles";
import { localAddress, roleQuestion } from "./connector.ts";
import { LocalSight } from "./local.ts";

/** Range of Prometheus' averages for strategies that decide more often than that: four scrapes at the usual 15 s. */
const USUAL_RANGE_MS = 60_000;

export interface SourceParts {
  clock: Clock;
  fleet: Fleet;
  /** Null: there is none. */
  profile: Profile | null;
  log: ServiceLog;
}

/**
 * What the planner observes its deployment by: frontends where some are named, else Prometheus where it is, else the frontends that the runner of
 * a local deployment tells of; and the workers that frontends, the configuration, Prometheus or the runner name, for their loads
 * and forward passes.
 * @throws UserError PLANNER_NO_SOURCE where there is nothing to observe; those of the sources
 */
export function sourceOf(
  { config, origins }: Pick<ReadPlannerConfig, "config" | "origins">,
  parts: SourceParts,
): ObservationSource {
  const { metrics, environment } = config;
  if (metrics.frontendUrls.length > 0) return told(namedFrontends(config, parts), parts.log);
  // The preset is the address of a service in a cluster.
  const isNamed = isGiven(origins, "metric_pulling_prometheus_endpoint");
  if (!isNamed && config.connector.local !== null) return told(localSource(config, parts), parts.log);
  if (!isNamed && (environment === "virtual" || environment === "none")) throw nothingToObserve(environment);
  return told(clusterSource(config, parts), parts.log);
}

type Config = ReadPlannerConfig["config"];

function namedFrontends(config: Config, parts: SourceParts): ObservationSource {
  const { fleet } = parts;
  return frontendSource(config, parts, {
    frontends: config.metrics.frontendUrls,
    workers: () => fleet.read(),
    whyNoWorkers: () => fleet.problems,
  });
}

function localSource(config: Config, parts: SourceParts): ObservationSource {
  const sight = new LocalSight({ ...localAddress(config), question: roleQuestion(config) });
  const workers = config.metrics.workerUrls.length > 0 ? parts.fleet : sight;
  const source = frontendSource(config, parts, {
    frontends: () => sight.frontends(),
    workers: () => workers.read(),
    whyNoWorkers: () => workers.problems,
  });
  void sight.read();
  return {
    observe: (nowMs) => source.observe(nowMs),
    get problems() {
      return source.problems;
    },
    async close() {
      await Promise.all([source.close(), sight.close()]);
    },
  };
}

function frontendSource(
  config: Config,
  { clock, profile }: SourceParts,
  places: Pick<ScrapeSourceOptions, "frontends" | "workers" | "whyNoWorkers">,
): ObservationSource {
  const { sla, modelName } = config;
  return scrapeSource({
    clock,
    ...places,
    disaggregated: config.mode === "disagg",
    forwardPasses: forwardPasses(config),
    benchmarks: benchmarks(config, profile),
    sla,
    ...(profile === null ? {} : idleEngine(profile, sla.ttftMs)),
    ...(modelName === null ? {} : { model: modelName }),
  });
}

/** What an engine with nothing to do would take for a prompt, as it was profiled. */
function idleEngine(profile: Profile, ttftMs: number): Pick<ScrapeSourceOptions, "feasible" | "idlePrefillMs"> {
  const idle = new IdlePrefill(engineConfig({ timing: profileTiming(buildSurface(profile, "robust")) }));
  return {
    feasible: (isl) => idle.ms(isl, 0) <= ttftMs,
    idlePrefillMs: (isl, cachedTokens) => idle.ms(isl, cachedTokens),
  };
}

function clusterSource(config: Config, { clock, fleet, profile }: SourceParts): ObservationSource {
  const { metrics, modelName: model, namespace, throughput, backend, sla, service } = config;
  const isCompat = config.strategy === "sla-compat" || config.strategy === "load-compat";
  const workers =
    metrics.workerUrls.length > 0 ? fleet : new PrometheusWorkers({ ...metrics.prometheus, model, namespace });
  const source = prometheusSource({
    clock,
    workers: () => workers.read(),
    whyNoWorkers: () => workers.problems,
    disaggregated: config.mode === "disagg",
    forwardPasses: forwardPasses(config),
    benchmarks: benchmarks(config, profile),
    prometheus: {
      ...metrics.prometheus,
      model,
      namespace,
      metricsSource: throughput.metricsSource,
      backend,
      means: isCompat ? "unweighted" : "weighted",
      sla,
      rangeMs: isCompat
        ? throughput.intervalMs
        : Math.max(service.tickIntervalMs, Math.min(USUAL_RANGE_MS, throughput.intervalMs)),
    },
  });
  return {
    observe: (nowMs) => source.observe(nowMs),
    get problems() {
      return source.problems;
    },
    async close() {
      await Promise.all([source.close(), workers === fleet ? undefined : workers.close()]);
    },
  };
}

/** The strategy `default` shows what passes tell, and goes without where engines do not. */
function forwardPasses({ strategy, scaling, plugins }: Config): boolean | "where-told" {
  const asked = plugins.configured.some(({ needs }) => needs.some((need) => need === "forward_passes"));
  if (asked || strategy === "load-compat") return true;
  return strategy === "default" ? "where-told" : scaling.load;
}

/** What passes take is known by a profile or an estimator; else workers may tell what they were tried with. */
function benchmarks({ strategy, optimizationTarget, profile: known }: Config, profile: Profile | null): boolean {
  return strategy === "load-compat" && optimizationTarget === "sla" && profile === null && known.aicPerfModel === null;
}

/** The log tells what begins to be missing, and when all is there again: once, not at every tick. */
function told(source: ObservationSource, log: ServiceLog): ObservationSource {
  let known = new Set<string>();
  return {
    async observe(nowMs) {
      const observation = await source.observe(nowMs);
      const problems = new Set(source.problems);
      for (const problem of problems) if (!known.has(problem)) log.warn(`not observed: ${problem}`);
      if (problems.size === 0 && known.size > 0) log.info("everything is observed again");
      known = problems;
      return observation;
    },
    get problems() {
      return source.problems;
    },
    close: () => source.close(),
  };
}

function nothingToObserve(environment: string): UserError {
  return new UserError({
    code: "PLANNER_NO_SOURCE",
    where: "frontend_urls",
    message: `found neither frontends nor a Prometheus to observe, expected one of them in the environment ${environment}`,
    hint: "--frontend-urls http://127.0.0.1:8000, or --metric-pulling-prometheus-endpoint http://127.0.0.1:9090",
  });
}
