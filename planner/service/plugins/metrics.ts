import type { Registry } from "#common/prometheus";
import type { Decision } from "#planner/core";
import type { PluginSeat } from "./seat.ts";
import type { PluginAudit } from "./types.ts";

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

/** Metrics of plugins under Dynamo's names, in a registry of the planner's. */
export class PluginMetrics {
  /** For `onAudit` of a `PluggedPlanner`. */
  readonly record: (audit: PluginAudit, planner: { seats: readonly PluginSeat[] }, decision: Decision) => void;

  constructor(metrics: Registry) {
    const name = (short: string) => `dynamo_planner_${short}`;
    const evaluations = metrics.counter(name("plugin_evaluations_total"), "Plugins by what came of asking them", [
      "plugin_id",
      "stage",
      "result",
    ]);
    const latency = metrics.histogram(
      name("plugin_latency_seconds"),
      "Time until a plugin answers, seconds",
      ["plugin_id", "stage"],
      SECONDS,
    );
    const circuit = metrics.gauge(
      name("plugin_circuit_state"),
      "0: asked, 1: left alone for failing, 0.5: about to be tried again",
      ["plugin_id"],
    );
    const heldOver = metrics.counter(
      name("plugin_held_over_total"),
      "Ticks at which what a plugin said before counted on",
      ["plugin_id"],
    );
    const age = metrics.gauge(name("plugin_cache_age_seconds"), "Age of what a plugin said last, seconds", [
      "plugin_id",
    ]);
    const active = metrics.gauge(name("plugin_override_active"), "1 where a plugin's override counts", ["plugin_id"]);
    const clamped = metrics.counter(name("reconcile_clamped_total"), "Targets that plugins bounded");
    const capped = metrics.counter(name("constrain_capped_total"), "Targets that plugins bounded in the last stage");
    const rejected = metrics.counter(name("reject_short_circuited_total"), "Ticks that a plugin rejected");
    const unsatisfied = metrics.counter(
      name("tick_requires_unsatisfied_total"),
      "Times that a plugin was not asked because what it needs was not there",
    );
    const late = metrics.counter(name("plugin_tick_timeout_total"), "Ticks given up because plugins took too long");
    this.record = (audit, { seats }, { atMs: nowMs, reasons }) => {
      const holding = new Set(seats.filter((seat) => seat.holds(nowMs)).map(({ schedule: { id } }) => id));
      for (const { pluginId, stage, result, tookMs } of audit.evaluations) {
        evaluations.labels(pluginId, stage, result).inc();
        if (tookMs !== null) latency.labels(pluginId, stage).observe(tookMs / 1000);
        if (result === "held") heldOver.labels(pluginId).inc();
        if (result === "unsatisfied") unsatisfied.inc();
        const counts = result === "override" || result === "held" || (result === "failed" && holding.has(pluginId));
        active.labels(pluginId).set(counts ? 1 : 0);
      }
      for (const seat of seats) {
        const heldMs = seat.heldForMs(nowMs);
        circuit.labels(seat.schedule.id).set(seat.circuitState(nowMs));
        age.labels(seat.schedule.id).set(heldMs === null ? Number.NaN : heldMs / 1000);
      }
      clamped.inc(reasons.filter(({ code }) => code.startsWith("reconcile_clamped_to_")).length);
      capped.inc(reasons.filter(({ code }) => code === "constrain_capped").length);
      if (audit.action === "skip_short_circuit") rejected.inc();
      if (audit.action === "skip_tick_timeout") late.inc();
    };
  }
}
