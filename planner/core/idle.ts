import type { Observation, Role } from "./types.ts";

/**
 * How long a deployment has had nothing at all to do: no request came or ended, none runs or waits, and no worker is starting
 * (one that was called for must not be called off before it could serve). What is not known counts as work, and so does a request
 * that came when a role had no worker, until all have: it waits where no worker can tell of it, and whoever starts workers may be slow or
 * refuse for a while.
 */
export class IdleWatch {
  #busyUntilMs: number | null = null;
  #isWaitedFor = false;

  update(observation: Observation, roles: readonly Role[]): void {
    const { startedRequests, workers, nowMs } = observation;
    if (roles.every((role) => workers[role].active > 0)) this.#isWaitedFor = false;
    else if ((startedRequests ?? 0) > 0) this.#isWaitedFor = true;
    if (this.#busyUntilMs === null || this.#isWaitedFor || isBusy(observation, roles)) this.#busyUntilMs = nowMs;
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
