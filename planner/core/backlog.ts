import type { RequestShapes } from "./request-shapes.ts";
import { ranksOf } from "./roles.ts";
import type { Observation, PlannerContext } from "./types.ts";
import type { WorkerNeeds } from "./worker-needs.ts";

/** Prompts wait for workers to start where these are short and more than this share is late. */
const WAITING_SHARE = 0.5;
/** No more than this share is late once they have gone. */
const CLEARED_SHARE = 0.05;
/** Queues that last for longer are how things are, s. */
const LONGEST_S = 300;
/** For so long after the last late prompt decode workers have what came to them at once, s. */
const DECODED_FOR_S = 60;

/**
 * Prompts that had to wait while workers were short. They are late when workers are there, too, and then come to decode workers faster than
 * requests arrive. Nothing is known of them where queues are not reported.
 */
export class BacklogWatch {
  #shortS: number | null = null;
  #lastS = Number.NEGATIVE_INFINITY;
  #wasLong = false;

  /**
   * @param isShort fewer workers compute prompts than the present load needs
   * @param lateShare of the first tokens since the last tick; null: none was judged
   * @param isLong some prompt that waits will be late (`isQueueLong`)
   * @returns whether what is late now had to wait for workers
   */
  update(nowS: number, isShort: boolean, lateShare: number | null, isLong: boolean): boolean {
    // What was late since the last tick has waited before it.
    const waited = isLong || this.#wasLong;
    this.#wasLong = isLong;
    if (isShort && (this.#shortS !== null || (lateShare ?? 0) > WAITING_SHARE)) this.#shortS = nowS;
    else if (!waited || (lateShare !== null && lateShare <= CLEARED_SHARE)) this.#shortS = null;
    if (!waited || this.#shortS === null) return false;
    this.#lastS = nowS;
    return nowS - this.#shortS <= LONGEST_S;
  }

  /** Whether decode workers answer more requests than have arrived meanwhile: their tokens and times tell of no others. */
  isDecoded(nowS: number): boolean {
    return nowS - this.#lastS <= DECODED_FOR_S;
  }
}

/** Whether the longest queue of prompts takes longer by itself than a first token may. */
export function isQueueLong(
  { prefillLoad }: Pick<Observation, "prefillLoad">,
  { prompts }: Pick<WorkerNeeds, "prompts">,
  shapes: Pick<RequestShapes, "meanIsl">,
  context: PlannerContext,
): boolean {
  if (prefillLoad === null) return false;
  const longest = Math.max(0, ...prefillLoad.map(({ queuedTokens }) => queuedTokens)) / ranksOf(context).prefill;
  return 1000 * prompts.batchedMeanS * (longest / shapes.meanIsl()) > context.sla.ttftMs;
}
