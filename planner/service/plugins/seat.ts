import type { PluginConfig } from "#planner/config";
import { isDue, type Role } from "#planner/core";
import { checkedAnswer } from "./answers.ts";
import { CircuitBreaker, type CircuitState } from "./circuit.ts";
import type { Plugin, PluginAnswer, PluginEvaluation, PluginRequest } from "./types.ts";

/** When a plugin is heard. */
export type PluginSchedule = Pick<
  PluginConfig,
  "id" | "stage" | "priority" | "intervalMs" | "holdPolicy" | "needs" | "requires" | "observationWindowMs"
>;

export interface SeatOptions {
  /** Ms of the planner's clock when it was added. */
  registeredMs: number;
  requestTimeoutMs: number;
  roles: readonly Role[];
  /** Real ms, for how long answers take. */
  monotonicMs: () => number;
  timeoutSignal: (ms: number) => AbortSignal;
}

export interface Hearing {
  /** Null: no opinion. */
  answer: PluginAnswer | null;
  evaluation: PluginEvaluation;
}

/** A plugin's place in the pipeline: when it is asked, what it last said, and whether it is left alone for failing. */
export class PluginSeat {
  readonly schedule: PluginSchedule;
  readonly #plugin: Plugin;
  readonly #options: SeatOptions;
  readonly #circuit = new CircuitBreaker();
  #lastCallMs: number | null = null;
  #held: { answer: PluginAnswer; atMs: number } | null = null;

  constructor(schedule: PluginSchedule, plugin: Plugin, options: SeatOptions) {
    this.schedule = schedule;
    this.#plugin = plugin;
    this.#options = options;
  }

  circuitState(nowMs: number): CircuitState {
    return this.#circuit.state(nowMs);
  }

  /** Age of the override that it would hold, ms; null: none. */
  heldForMs(nowMs: number): number | null {
    return this.#held === null ? null : nowMs - this.#held.atMs;
  }

  /** Whether what it said last counts on where it says nothing. */
  holds(nowMs: number): boolean {
    return this.schedule.holdPolicy === "HOLD_LAST" && this.heldForMs(nowMs) !== null;
  }

  /** Hears it at a tick. Never throws. */
  async hear(request: () => PluginRequest, nowMs: number, isSatisfied: boolean, signal: AbortSignal): Promise<Hearing> {
    const { intervalMs } = this.schedule;
    const lastMs = this.#lastCallMs ?? this.#options.registeredMs;
    if (!isDue(nowMs, lastMs, intervalMs)) return this.#hold("between its calls");
    if (!isSatisfied) return this.#silent("unsatisfied", `${this.schedule.requires.join(", ")} is not there`);
    if (!this.#circuit.allows(nowMs)) return this.#silent("circuit_open", "failed too often: left alone for a while");
    this.#lastCallMs = nowMs;
    const beganMs = this.#options.monotonicMs();
    try {
      const answer = checkedAnswer(await this.#ask(request(), signal), this.schedule.stage, this.#options.roles);
      const tookMs = this.#options.monotonicMs() - beganMs;
      this.#circuit.succeeded();
      this.#held = answer.kind === "override" ? { answer, atMs: nowMs } : null;
      return { answer, evaluation: this.#evaluation(answer.kind, answer.reason ?? "", tookMs) };
    } catch (error) {
      const tookMs = this.#options.monotonicMs() - beganMs;
      return this.#failed(nowMs, (error as Error).message, tookMs);
    }
  }

  close(): Promise<void> {
    return this.#plugin.close();
  }

  /** The answer, or the failure of not answering in time: a plugin that does not heed the signal must not hold up the tick. */
  async #ask(request: PluginRequest, signal: AbortSignal): Promise<unknown> {
    const limit = AbortSignal.any([signal, this.#options.timeoutSignal(this.#options.requestTimeoutMs)]);
    const aborted = Promise.withResolvers<never>();
    const stop = () =>
      aborted.reject(
        new Error(
          signal.aborted ? "the tick's time was over" : `no answer within ${this.#options.requestTimeoutMs} ms`,
        ),
      );
    limit.addEventListener("abort", stop, { once: true });
    try {
      return await Promise.race([this.#plugin.ask(request, limit), aborted.promise]);
    } finally {
      limit.removeEventListener("abort", stop);
    }
  }

  /** A failure leaves the last override in force until the circuit opens: one lost answer must not lift a limit. */
  #failed(nowMs: number, reason: string, tookMs: number): Hearing {
    if (this.#circuit.failed(nowMs)) this.#held = null;
    const held = this.schedule.holdPolicy === "HOLD_LAST" ? this.#held : null;
    const then = held === null ? "" : "; what it said last counts on";
    return { answer: held?.answer ?? null, evaluation: this.#evaluation("failed", `${reason}${then}`, tookMs) };
  }

  #hold(reason: string): Hearing {
    if (this.#held === null || this.schedule.holdPolicy !== "HOLD_LAST") return this.#silent("idle", reason);
    return { answer: this.#held.answer, evaluation: this.#evaluation("held", reason, null) };
  }

  #silent(result: PluginEvaluation["result"], reason: string): Hearing {
    return { answer: null, evaluation: this.#evaluation(result, reason, null) };
  }

  #evaluation(result: PluginEvaluation["result"], reason: string, tookMs: number | null): PluginEvaluation {
    return { pluginId: this.schedule.id, stage: this.schedule.stage, result, reason, tookMs };
  }
}
