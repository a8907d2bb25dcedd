import type { Role, Targets } from "../types.ts";
import type { Intent } from "./types.ts";

/**
 * What each pool's planner last wished for. A wish is kept whether it was granted or not, so that a later one of the opposite direction
 * can be granted together with it; a newer wish of the same pool takes its place; after `ttlMs` it counts no longer.
 */
export class IntentCache {
  readonly #ttlMs: number;
  readonly #intents = new Map<string, Intent>();

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  note(
    deployment: string,
    targets: Partial<Targets>,
    nowMs: number,
    predictedLoad: Readonly<Record<string, unknown>> | null = null,
  ): void {
    const told = predictedLoad === null ? {} : { predictedLoad };
    for (const [role, replicas] of Object.entries(targets) as [Role, number][]) {
      this.restore({ deployment, role, replicas, atMs: nowMs, ...told });
    }
  }

  /** As it was noted by somebody who went before. */
  restore(intent: Intent): void {
    this.#intents.set(`${intent.deployment}/${intent.role}`, intent);
  }

  /** Those that still count, in the order in which their pools first wished; the others are forgotten. */
  fresh(nowMs: number): Intent[] {
    for (const [key, { atMs }] of this.#intents) {
      // A clock that was put back must not keep an intent for longer than a clock that runs.
      if (Math.abs(nowMs - atMs) > this.#ttlMs) this.#intents.delete(key);
    }
    return [...this.#intents.values()];
  }
}
