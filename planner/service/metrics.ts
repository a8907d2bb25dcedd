import { type Registry, registry } from "#common/prometheus";
import {
  estimatedLatencyMs,
  LOAD_STATES,
  loopState,
  type Observation,
  type Role,
  THROUGHPUT_STATES,
  workerCapacityPerS,
} from "#planner/core";
import { EngineMetrics } from "./engine-metrics.ts";
import type { PlannerService } from "./service.ts";
import type { TickSnapshot } from "./types.ts";

const ACTIONS = [
  "applied",
  "unchanged",
  "not-ready",
  "pending",
  "refused",
  "failed",
  "no-decision",
  "advisory",
  "standby",
  "state-unknown",
  "timeout",
] as const;

const TICK_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

/** Gauges by their names without prefix; null, undefined or NaN: not known, and then not shown. */
type Values = Record<
  string,
  {
    help: string;
    value: (snapshot: TickSnapshot) => number | null | undefined;
    /** A strategy says it when it sizes, and it stands until the next time. */
    isHeld?: true;
  }
>;

const GAUGES: Values = {
  num_prefill_replicas: { help: "Prefill replicas that are ready", value: ({ state }) => state?.roles.prefill?.ready },
  num_decode_replicas: { help: "Decode replicas that are ready", value: ({ state }) => state?.roles.decode?.ready },
  observed_ttft_ms: { help: "Mean time to first token, ms", value: ({ observed }) => observed?.meanTtftMs },
  observed_itl_ms: { help: "Mean inter-token latency, ms", value: ({ observed }) => observed?.meanItlMs },
  observed_requests_per_second: {
    help: "Requests per second",
    value: ({ observed, decision }) =>
      decision?.observedRate ??
      (observed?.startedRequests === null || observed === null
        ? null
        : observed.startedRequests / (observed.windowMs / 1000)),
  },
  observed_request_duration_seconds: {
    help: "Mean duration of a request, seconds",
    value: ({ observed }) => seconds(observed?.meanRequestDurationMs),
  },
  observed_input_sequence_tokens: { help: "Mean input tokens", value: ({ observed }) => observed?.meanIsl },
  observed_output_sequence_tokens: { help: "Mean output tokens", value: ({ observed }) => observed?.meanOsl },
  predicted_requests_per_second: {
    help: "Requests per second that are expected",
    value: ({ decision }) => decision?.forecast?.requestRate,
  },
  predicted_input_sequence_tokens: {
    help: "Input tokens that are expected",
    value: ({ decision }) => decision?.forecast?.isl,
  },
  predicted_output_sequence_tokens: {
    help: "Output tokens that are expected",
    value: ({ decision }) => decision?.forecast?.osl,
  },
  predicted_num_prefill_replicas: {
    help: "Prefill replicas that were decided",
    value: (snapshot) => decidedReplicas(snapshot, "prefill"),
  },
  predicted_num_decode_replicas: {
    help: "Decode replicas that were decided",
    value: (snapshot) => decidedReplicas(snapshot, "decode"),
  },
  estimated_ttft_ms: { help: "TTFT by the model, ms", value: ({ decision }) => estimatedLatencyMs(decision, "ttft") },
  estimated_itl_ms: { help: "ITL by the model, ms", value: ({ decision }) => estimatedLatencyMs(decision, "itl") },
  engine_prefill_capacity_requests_per_second: {
    help: "Requests per second that a prefill engine serves within the SLA",
    value: ({ decision }) => workerCapacityPerS(decision, "prefill"),
    isHeld: true,
  },
  engine_decode_capacity_requests_per_second: {
    help: "Requests per second that a decode engine serves within the SLA",
    value: ({ decision }) => workerCapacityPerS(decision, "decode"),
    isHeld: true,
  },
};

export interface PlannerMetricsOptions {
  sla: { ttftMs: number; itlMs: number };
  /** Null: no notice is taken of power, and nothing is shown. */
  power: { limitWatts: number; perWorker: { prefill: number | null; decode: number | null } } | null;
}

/** The planner's own metrics under Dynamo's names, and what it says of itself. */
export class PlannerMetrics {
  readonly registry: Registry;
  readonly #record: (snapshot: TickSnapshot, observation: Observation | null) => void;

  constructor(service: () => PlannerService, { sla, power }: PlannerMetricsOptions) {
    const metrics = registry();
    const name = (short: string) => `dynamo_planner_${short}`;
    // A gauge whose value is not known must not show another one: it has no sample until there is one.
    const gauges = Object.entries(GAUGES).map(([short, { help, value: read, isHeld = false }]) => ({
      read,
      isHeld,
      gauge: metrics.gauge(name(short), help),
    }));
    const gpuHours = metrics.gauge(name("gpu_hours"), "GPU-hours of ready workers since the planner began");
    metrics.gauge(name("sla_target_ttft_ms"), "TTFT target, ms").set(sla.ttftMs);
    metrics.gauge(name("sla_target_itl_ms"), "ITL target, ms").set(sla.itlMs);
    const engines = new EngineMetrics(metrics);
    const recordPower = powerMetrics(metrics, power);
    // As prometheus_client has its Enums: the label that tells the states apart has the metric's own name.
    const states = (short: string, help: string) => metrics.gauge(name(short), help, [name(short)]);
    const loadState = states("load_scaling_decision", "1 for what load-based scaling did last");
    const throughputState = states("throughput_scaling_decision", "1 for what throughput-based scaling did last");
    const actions = metrics.counter(name("actions_total"), "Ticks by what came of their decision", ["status"]);
    const ticks = metrics.counter(name("ticks_total"), "Ticks");
    const skipped = metrics.counter(name("tick_skipped_total"), "Ticks left out because one before took too long");
    const timeouts = metrics.counter(name("tick_timeout_total"), "Ticks whose observation came too late");
    const lag = metrics.gauge(name("tick_lag_seconds"), "How late the last tick began, seconds");
    const took = metrics.histogram(name("tick_duration_seconds"), "Duration of ticks, seconds", [], TICK_SECONDS);
    const leads = metrics.gauge(name("is_leader"), "1 where this planner acts");
    const nextTick = metrics.gauge(
      name("next_tick_timestamp_seconds"),
      "When the next tick is due, Unix time in seconds",
    );
    const problems = metrics.gauge(name("source_problems"), "What the last observation could not get");
    for (const state of LOAD_STATES) loadState.labels(state).set(state === "unset" ? 1 : 0);
    for (const state of THROUGHPUT_STATES) throughputState.labels(state).set(state === "unset" ? 1 : 0);
    for (const action of ACTIONS) actions.labels(action).inc(0);
    metrics.collect(() => {
      const { counters, gpuHours: hours, isLeader, nextTickUnixMs } = service();
      nextTick.clear();
      if (nextTickUnixMs !== null) nextTick.set(nextTickUnixMs / 1000);
      ticks.setTotal(counters.ticks);
      skipped.setTotal(counters.skipped);
      timeouts.setTotal(counters.timeouts);
      gpuHours.set(hours);
      leads.set(isLeader ? 1 : 0);
    });
    this.registry = metrics;
    this.#record = (snapshot, observation) => {
      for (const { read, gauge, isHeld } of gauges) {
        const known = read(snapshot) ?? Number.NaN;
        if (isHeld && Number.isNaN(known)) continue;
        gauge.clear();
        if (!Number.isNaN(known)) gauge.set(known);
      }
      engines.record(observation);
      recordPower(snapshot);
      setState(loadState, LOAD_STATES, loopState(snapshot.decision, "load"));
      setState(throughputState, THROUGHPUT_STATES, loopState(snapshot.decision, "throughput"));
      actions.labels(snapshot.action.status).inc();
      lag.set(snapshot.lagMs / 1000);
      took.labels().observe(snapshot.tookMs / 1000);
      problems.set(snapshot.problems.length);
    };
  }

  /** @param observation what the snapshot is made of, with single engines; null where there was none */
  record(snapshot: TickSnapshot, observation: Observation | null): void {
    this.#record(snapshot, observation);
  }
}

function setState(gauge: ReturnType<Registry["gauge"]>, states: readonly string[], current: string): void {
  for (const state of states) gauge.labels(state).set(state === current ? 1 : 0);
}

/** The power limit, and what all workers take that are wanted (else those that there are). */
function powerMetrics(metrics: Registry, power: PlannerMetricsOptions["power"]): (snapshot: TickSnapshot) => void {
  const gauge = (short: string, help: string) => metrics.gauge(`dynamo_planner_power_${short}`, help);
  const total = gauge("budget_total_watts", "Power that all workers may take, W");
  const projected = gauge("projected_watts", "Power of all workers that are wanted, W");
  const utilization = gauge("budget_utilization", "Share of the power limit that they take");
  for (const each of [total, projected, utilization]) each.clear();
  if (power === null) return () => {};
  const { limitWatts, perWorker } = power;
  total.set(limitWatts);
  return ({ decision, state }) => {
    const watts = (["prefill", "decode"] as const).reduce((sum, role) => {
      const known = state?.roles[role];
      const replicas = known === undefined ? 0 : (decision?.targets?.[role] ?? known.desired);
      return sum + (replicas === 0 ? 0 : replicas * (perWorker[role] ?? Number.NaN));
    }, 0);
    for (const each of [projected, utilization]) each.clear();
    if (state === null || Number.isNaN(watts)) return;
    projected.set(watts);
    utilization.set(watts / limitWatts);
  };
}

/** A decision without targets leaves what is asked for; where there is none at all, nothing is known. */
function decidedReplicas({ decision, state }: TickSnapshot, role: Role): number | undefined {
  const known = state?.roles[role];
  return known === undefined || decision === null ? undefined : (decision.targets?.[role] ?? known.desired);
}

function seconds(ms: number | null | undefined): number | null {
  return ms === null || ms === undefined ? null : ms / 1000;
}
