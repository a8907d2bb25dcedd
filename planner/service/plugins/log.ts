import type { Decision } from "#planner/core";
import { AWAY_MS } from "../recurring.ts";
import type { ServiceLog } from "../types.ts";
import type { PluginAudit } from "./types.ts";

/** Tells of plugins that begin to fail, are left alone for it, and answer again: once, not at every tick. */
export class PluginLog {
  readonly #log: ServiceLog;
  /** When each failed last, ms of the planner's clock, and whether it is left alone. */
  readonly #failing = new Map<string, { lastMs: number; isAlone: boolean }>();

  constructor(log: ServiceLog) {
    this.#log = log;
  }

  /** For `onAudit` of a `PluggedPlanner`. */
  record({ evaluations }: PluginAudit, { atMs: nowMs }: Pick<Decision, "atMs">): void {
    for (const { pluginId, stage, result, reason } of evaluations) {
      const who = `plugin ${pluginId} (${stage})`;
      const failing = this.#failing.get(who);
      if (result === "failed") {
        if (failing === undefined) this.#log.warn(`${who} failed: ${reason}`);
        this.#failing.set(who, { lastMs: nowMs, isAlone: failing?.isAlone ?? false });
      } else if (result === "circuit_open") {
        if (failing?.isAlone !== true) this.#log.warn(`${who} ${reason}`);
        this.#failing.set(who, { lastMs: failing?.lastMs ?? nowMs, isAlone: true });
      } else if (failing !== undefined && ANSWERS.has(result) && nowMs - failing.lastMs > AWAY_MS) {
        this.#log.info(`${who} answers again`);
        this.#failing.delete(who);
      }
    }
  }
}

const ANSWERS: ReadonlySet<string> = new Set(["override", "accept", "reject"]);
