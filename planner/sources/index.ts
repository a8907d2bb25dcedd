export { prometheusSource } from "./prometheus/prometheus-source.ts";
export { PrometheusWorkers } from "./prometheus/prometheus-workers.ts";
export { loadProphet } from "./prophet-engine.ts";
export { scrapeSource } from "./scrape-source.ts";
export type { DeploymentSource, ScrapeSourceOptions, SourceWorker, SourceWorkers } from "./types.ts";
export { Fleet, type FleetOptions } from "./workers/fleet.ts";
export { Roster } from "./workers/roster.ts";
