import type { Observation, Role } from "./types.ts";

/**
 * How long a deployment has had nothing at all to do: no request came or ended, none runs or waits, and no worker is starting
 * (one that was called for must not be called off before it could serve). What is not known counts as work.
 */
export class IdleWatch {
  #busyUntilMs: number | null = null;

  update(observation: Observation, roles: readonly Role[]): void {
    if (this.#busyUntilMs === null || isBusy(observation, roles)) this.#busyUntilMs = observation.nowMs;
  }

  /** Time since the last sign of work, ms. */
  idleMs(nowMs: number): number {
    return this.#busyUntilMs === null ? 0 : nowMs - this.#busyUntilMs;
  }
}

function isBusy(observation: Observation, roles: readonly Role[]): boolean {
  const { startedRequests, completedRequests, prefillLoad, decodeLoad, workers } = observation;
  if (startedRequests === null || startedRequests > 0 || (completedRequests ?? 0) > 0) return true;
  if (roles.some((role) => workers[role].starting > 0)) return true;
  if (prefillLoad?.some(({ queuedRequests }) => queuedRequests > 0)) return true;
  return decodeLoad?.some(({ batch }) => batch > 0) ?? false;
}
