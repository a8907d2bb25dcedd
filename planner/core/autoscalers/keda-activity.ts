import type { Observation, Role } from "../types.ts";

export interface KedaActivityOptions {
  /** Time between looks at whether the role is active, ms. */
  pollingMs: number;
  /** How long it must have been inactive before its last worker goes, ms. */
  cooldownMs: number;
  /** It is active while its queue is longer than this. */
  activation: number;
}

/**
 * Whether a role is active, as KEDA's scale loop asks at each poll, whatever the number of workers; between polls nothing comes or goes.
 * The cooldown begins with the last poll that found it active, at first with the first one.
 */
export class KedaActivity {
  /** Requests of the role at the last look; null: not known. */
  queue: number | null = 0;
  readonly #role: Role;
  readonly #options: KedaActivityOptions;
  /** Requests that came since the role has had no worker; null: there may have been some. */
  #waiting: number | null = 0;
  #lastPollMs = Number.NEGATIVE_INFINITY;
  #lastActiveMs: number | null = null;
  /** What the poll of this look says; none where there was none. */
  #verdict: "wake" | "sleep" | "none" = "none";

  constructor(role: Role, options: KedaActivityOptions) {
    this.#role = role;
    this.#options = options;
  }

  look(observation: Observation): void {
    const { nowMs, startedRequests, workers } = observation;
    const { pollingMs, cooldownMs, activation } = this.#options;
    if (workers[this.#role].active > 0) {
      this.#waiting = 0;
      this.queue = measuredQueue(this.#role, observation);
    } else {
      // Nobody has taken what came: all of it waits, not what came since the last look alone.
      this.#waiting = this.#waiting === null || startedRequests === null ? null : this.#waiting + startedRequests;
      this.queue = this.#waiting;
    }
    this.#verdict = "none";
    if (nowMs - this.#lastPollMs < pollingMs) return;
    this.#lastPollMs = nowMs;
    // What is not known is no reason to go, and none to come.
    const isActive = this.queue === null || this.queue > activation;
    if (isActive || this.#lastActiveMs === null) this.#lastActiveMs = nowMs;
    if (isActive && startedRequests !== null) this.#verdict = "wake";
    else if (nowMs - this.#lastActiveMs >= cooldownMs) this.#verdict = "sleep";
  }

  /** @param wanted of the autoscaler; 0 where the role has no workers */
  replicas(wanted: number): number {
    if (wanted > 0) return this.#verdict === "sleep" ? 0 : wanted;
    return this.#verdict === "wake" ? 1 : 0;
  }
}

function measuredQueue(role: Role, { prefillLoad, decodeLoad, workers }: Observation): number | null {
  const lengths =
    role === "prefill"
      ? prefillLoad?.map(({ queuedRequests }) => queuedRequests)
      : decodeLoad?.map(({ batch }) => batch);
  // A queue that is known in part is not known.
  if (lengths === undefined || lengths.length < workers[role].active || !lengths.every(Number.isFinite)) return null;
  return lengths.reduce((sum, length) => sum + length, 0);
}
