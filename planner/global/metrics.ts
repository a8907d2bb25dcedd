import { type Registry, registry } from "#common/prometheus";
import type { GlobalPlanner } from "./global-planner.ts";
import type { DecisionRecord } from "./types.ts";

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];
const VERDICTS = ["unlimited", "paired", "standalone", "towards-band", "denied", "undecided"] as const;
const STATUSES = ["success", "error", "rejected"] as const;
const PREFIX = "understudy_global_planner_";

/** What the global planner says of itself and of the budget. */
export class GlobalPlannerMetrics {
  readonly registry: Registry;
  readonly #record: (record: DecisionRecord) => void;

  constructor(planner: () => GlobalPlanner) {
    const metrics = registry();
    const name = (short: string) => `${PREFIX}${short}`;
    const requests = metrics.counter(name("requests_total"), "Scale requests by how they were answered", ["status"]);
    const decisions = metrics.counter(name("decisions_total"), "Decisions by their verdict", ["verdict"]);
    const legs = metrics.counter(name("legs_total"), "Changes of deployments by what came of them", ["status"]);
    const took = metrics.histogram(
      name("request_duration_seconds"),
      "From a request's turn to its answer",
      [],
      SECONDS,
    );
    const reads = metrics.counter(name("state_reads_total"), "States of deployments that were read");
    const waiting = metrics.gauge(name("waiting_requests"), "Requests that wait for their turn");
    const deployments = metrics.gauge(name("deployments"), "Deployments under the budget");
    const intents = metrics.gauge(name("intents"), "Wishes of pools that still count");
    const total = metrics.gauge(name("gpus"), "GPUs that are asked for by all deployments");
    const floor = metrics.gauge(name("min_total_gpus"), "GPUs at least; -1: no floor");
    const ceiling = metrics.gauge(name("max_total_gpus"), "GPUs at most; -1: no ceiling");
    const leads = metrics.gauge(name("is_leader"), "1 where this global planner acts");
    const replicas = metrics.gauge(name("replicas"), "Replicas that are asked for", ["deployment", "role"]);
    for (const verdict of VERDICTS) decisions.labels(verdict).inc(0);
    for (const status of STATUSES) requests.labels(status).inc(0);
    metrics.collect(() => {
      const { settings, deployments: all, waiting: queued, totalGpus } = planner();
      reads.setTotal(all.reads);
      leads.set(planner().isLeader ? 1 : 0);
      waiting.set(queued);
      deployments.set(all.all.length);
      intents.set(planner().freshIntents.length);
      // Where some are not known there is no total: it has no sample then.
      total.set(totalGpus ?? Number.NaN);
      floor.set(settings.band.minGpus ?? -1);
      ceiling.set(settings.band.maxGpus ?? -1);
      for (const { known, state } of all.all) {
        for (const { role, desired } of Object.values(state?.roles ?? {})) replicas.labels(known.id, role).set(desired);
      }
    });
    this.registry = metrics;
    this.#record = ({ answer, decision, legs: outcomes, tookMs }) => {
      requests.labels(answer.status).inc();
      decisions.labels(decision?.verdict ?? "undecided").inc();
      for (const { status } of outcomes) legs.labels(status).inc();
      took.labels().observe(tookMs / 1000);
    };
  }

  record(record: DecisionRecord): void {
    this.#record(record);
  }
}
