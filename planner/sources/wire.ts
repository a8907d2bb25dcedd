import { z } from "zod";

/**
 * A line of a frontend's `GET /requests?since=N`; members that are not read may be there. Times are Unix seconds (`at`) and
 * model ms.
 */
const head = { seq: z.number().int(), requestId: z.string(), model: z.string(), at: z.number() };
const nullableMs = z.number().nullable();

export const requestEventSchema = z.discriminatedUnion("kind", [
  z.object({ ...head, kind: z.literal("started"), isl: z.number() }),
  /** A prefill worker has computed the prompt; only of disaggregated requests, and not from every frontend. */
  z.object({ ...head, kind: z.literal("prefilled"), isl: z.number(), cachedTokens: z.number() }),
  z.object({ ...head, kind: z.literal("first_token"), ttftMs: z.number(), cachedTokens: z.number().optional() }),
  z.object({
    ...head,
    kind: z.literal("finished"),
    isl: z.number(),
    osl: z.number(),
    cachedTokens: z.number(),
    ttftMs: nullableMs,
    itlMs: nullableMs,
    durationMs: z.number(),
  }),
  z.object({ ...head, kind: z.literal("failed") }),
]);
export type RequestEvent = z.infer<typeof requestEventSchema>;

/** A worker's `GET /worker/load`. JSON has no NaN, so that a pass time that is not known yet is null. */
export const workerLoadSchema = z.object({
  ranks: z.array(
    z.object({
      running: z.number(),
      waiting: z.number(),
      queuedPrefillTokens: z.number(),
      kvTokens: z.number(),
      lastPassMs: nullableMs,
    }),
  ),
  prefillMs: z.number(),
});
/** `prefillMs` is null where the worker does not tell; `drafts` are those of speculative decoding since the last reading. */
export type WorkerLoad = Omit<z.infer<typeof workerLoadSchema>, "prefillMs"> & {
  prefillMs: number | null;
  drafts?: { count: number; acceptedTokens: number } | null;
};

const count = z.number().nonnegative();
const prefillQueue = { num_prefill_requests: count, sum_prefill_tokens: count, var_prefill_length: count };
const decodeQueue = { num_decode_requests: count, sum_decode_kv_tokens: count, var_decode_kv_tokens: count };

/** A line of a worker's `GET /fpm?since=N`; other versions are not read. */
export const forwardPassSchema = z.object({
  version: z.literal(1),
  dp_rank: z.int().nonnegative(),
  counter_id: z.int().nonnegative(),
  wall_time: z.number().nonnegative(),
  scheduled_requests: z.object({ ...prefillQueue, sum_prefill_kv_tokens: count, ...decodeQueue }),
  queued_requests: z.object({ ...prefillQueue, ...decodeQueue }),
  seq: z.int().positive(),
  at: z.number(),
});
export type ForwardPassLine = z.infer<typeof forwardPassSchema>;

/**
 * Events of a feed's answer.
 * @throws Error with the line's number for one that is none
 */
export function parseRequestEvents(text: string): RequestEvent[] {
  const events: RequestEvent[] = [];
  text.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    try {
      events.push(requestEventSchema.parse(JSON.parse(line)));
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error).replaceAll("\n", " ") : String(error);
      throw new Error(`line ${i + 1} is no request event: ${why}`);
    }
  });
  return events;
}
