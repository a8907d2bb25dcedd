import type { ForwardPass } from "../types.ts";
import { type QueriedEngine, queuedPrefillMs } from "./engine-capacity.ts";
import type { EngineLoad } from "./engine-load.ts";
import { computedShare, type RankLoad } from "./pass-model.ts";
import { MovingAverage } from "./regression/moving-average.ts";

/** What the passes of a pool have shown of its requests. */
export class SeenRequests {
  /** Prompt tokens per request that a pass computes; passes without prompts count as 0. */
  readonly #promptTokens: MovingAverage;
  /** Prompt tokens that a pass computes, all requests together. */
  readonly #passPromptTokens: MovingAverage;
  /** Context tokens of a decoding sequence. */
  readonly #sequenceTokens: MovingAverage;

  constructor(window: number) {
    this.#promptTokens = new MovingAverage(window);
    this.#passPromptTokens = new MovingAverage(window);
    this.#sequenceTokens = new MovingAverage(window);
  }

  add({ scheduled }: ForwardPass): void {
    const { prefillRequests, prefillTokens, decodeRequests, decodeKvTokens } = scheduled;
    this.#promptTokens.add(prefillRequests > 0 ? prefillTokens / prefillRequests : 0);
    this.#passPromptTokens.add(prefillTokens);
    if (decodeRequests > 0) this.#sequenceTokens.add(decodeKvTokens / decodeRequests);
  }

  get promptTokens(): number {
    return this.#promptTokens.mean;
  }

  get passPromptTokens(): number {
    return this.#passPromptTokens.mean;
  }

  get sequenceTokens(): number {
    return this.#sequenceTokens.mean;
  }
}

/** Sizes of a question that are multiplied: what an engine would hold if one fewer had to hold all. */
export interface Scales {
  queue: number;
  decode: number;
}

const AS_IS: Scales = { queue: 1, decode: 1 };

/**
 * TTFT of the next request on an engine: its queue and that request, computed pass by pass, ms. Null where the model does not
 * know.
 * @param withDecode an aggregated engine's sequences decode beside every pass: those scheduled, or with those queued as well
 */
export function nextTtftMs(
  engine: QueriedEngine,
  load: EngineLoad,
  seen: SeenRequests,
  kvHitRate: number | null,
  { scales = AS_IS, withDecode }: { scales?: Scales; withDecode?: "scheduled" | "all" } = {},
): number | null {
  const share = computedShare(kvHitRate);
  const queued = load.reduce((sum, pass) => sum + pass.queued.prefillTokens, 0);
  const tokens = Math.ceil((queued * scales.queue + seen.promptTokens) * share);
  const decode = { requests: 0, kvTokens: 0 };
  if (withDecode !== undefined) {
    for (const { scheduled, queued: waiting } of load) {
      decode.requests += scheduled.decodeRequests + (withDecode === "all" ? waiting.decodeRequests : 0);
      decode.kvTokens += scheduled.decodeKvTokens + (withDecode === "all" ? waiting.decodeKvTokens : 0);
    }
    decode.kvTokens = Math.ceil(decode.kvTokens * scales.decode);
  }
  return queuedPrefillMs({ ...engine, ranks: Math.max(1, load.length) }, tokens, decode);
}

/**
 * ITL of an engine with one more average sequence, ms. Null where the model does not know.
 * @param aggregated the prompts that its passes usually carry are counted, whatever this one happens to carry
 * @param withQueuedPrompts prompts that wait are counted as sequences that hold cache
 */
export function nextItlMs(
  engine: QueriedEngine,
  load: EngineLoad,
  seen: SeenRequests,
  acceptLength: number,
  {
    scale = 1,
    aggregated = false,
    withQueuedPrompts = false,
  }: { scale?: number; aggregated?: boolean; withQueuedPrompts?: boolean } = {},
): number | null {
  // Wherever the new sequence lands, the slowest rank sets the pace: it is asked of each. Without any known size there is none.
  const more = seen.sequenceTokens > 0 ? 1 : 0;
  const ranks = load.map(({ scheduled, queued }): RankLoad => {
    const held = scheduled.decodeKvTokens + queued.decodeKvTokens + (withQueuedPrompts ? queued.prefillTokens : 0);
    return {
      prefillTokens: aggregated ? Math.ceil(seen.passPromptTokens) : 0,
      decodeRequests: scheduled.decodeRequests + queued.decodeRequests + more,
      decodeKvTokens: Math.ceil(held * scale + seen.sequenceTokens),
    };
  });
  const passMs = engine.model.passMs(ranks);
  return passMs === null ? null : passMs / acceptLength;
}
