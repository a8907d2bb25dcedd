import { DeploymentObserver } from "../observer.ts";
import type { DeploymentSource, ObserverOptions } from "../types.ts";
import { PrometheusTraffic, type PrometheusTrafficOptions } from "./prometheus-traffic.ts";

export interface PrometheusSourceOptions extends ObserverOptions {
  prometheus: PrometheusTrafficOptions;
}

/**
 * Observes a deployment by what a Prometheus has scraped of it: traffic by the expressions of Dynamo's planners, loads and
 * forward passes from the workers themselves, where they are known. What can't be had is null, which is not the same as zero.
 * @throws UserError PLANNER_PROMETHEUS_FILE for a CA bundle that can't be read
 */
export function prometheusSource(options: PrometheusSourceOptions): DeploymentSource {
  return new DeploymentObserver(options, new PrometheusTraffic(options.prometheus));
}
