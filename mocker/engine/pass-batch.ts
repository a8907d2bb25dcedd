import type { ScheduledItem, Sequence } from "./sequence.ts";
import type { EngineRole, PassBatch } from "./types.ts";

/** Number, sum and population variance of a series, in one pass (Welford). */
export class Spread {
  count = 0;
  sum = 0;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    this.count++;
    this.sum += value;
    const before = value - this.#mean;
    this.#mean += before / this.count;
    this.#squares += before * (value - this.#mean);
  }

  get variance(): number {
    return this.count === 0 ? 0 : this.#squares / this.count;
  }
}

/**
 * What a pass computes and what it leaves waiting, told apart as Dynamo's instrumented schedulers do: a prompt that is not
 * computed whole is prefill, whatever else is scheduled is decode. Of the queue, what has run before or comes with its prompt
 * computed elsewhere waits to decode, with the context that it is going to hold; on a decode worker with its prompt alone, as in DynoSim.
 */
export function passBatch(
  scheduled: readonly ScheduledItem[],
  waiting: readonly Sequence[],
  reservations: readonly Sequence[],
  role: EngineRole = "aggregated",
): PassBatch {
  const prompts = new Spread();
  const decoding = new Spread();
  let prefillTokens = 0;
  let prefillKvTokens = 0;
  for (const { sequence, tokens, computedBefore } of scheduled) {
    const total = sequence.isl + sequence.generated;
    const promptEnd = sequence.recomputing ? total : sequence.isl;
    if (sequence.transferred) decoding.add(sequence.isl);
    else if (computedBefore >= promptEnd) decoding.add(computedBefore + tokens);
    else {
      prompts.add(sequence.isl);
      prefillTokens += tokens;
      prefillKvTokens += computedBefore;
    }
  }
  const queuedPrompts = new Spread();
  const queuedDecoding = new Spread();
  for (const sequence of waiting) {
    const decodes = sequence.generated > 0 || sequence.inTransfer || sequence.transferred;
    const tokens = sequence.isl + (role === "decode" ? 0 : sequence.generated);
    (decodes ? queuedDecoding : queuedPrompts).add(tokens);
  }
  for (const sequence of reservations) queuedDecoding.add(sequence.isl);
  return {
    scheduled: {
      prefillRequests: prompts.count,
      prefillTokens,
      prefillLengthVariance: prompts.variance,
      prefillKvTokens,
      decodeRequests: decoding.count,
      decodeKvTokens: decoding.sum,
      decodeKvVariance: decoding.variance,
    },
    queued: {
      prefillRequests: queuedPrompts.count,
      prefillTokens: queuedPrompts.sum,
      prefillLengthVariance: queuedPrompts.variance,
      decodeRequests: queuedDecoding.count,
      decodeKvTokens: queuedDecoding.sum,
      decodeKvVariance: queuedDecoding.variance,
    },
  };
}
