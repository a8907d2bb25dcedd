import { computedShare, type EngineLimits, type PassModel, splitOverRanks } from "./pass-model.ts";

/** One engine as capacity is asked of it. */
export interface QueriedEngine {
  model: PassModel;
  limits: EngineLimits;
  /** Data-parallel ranks of its attention. */
  ranks: number;
}

/** The request whose rate is sought, and what it may take; a bound that is null does not count. */
export interface CapacityRequest {
  /** Whole tokens. */
  isl: number;
  osl: number;
  /** Share of the prompt found in the cache; null: unknown. */
  kvHitRate: number | null;
  /** Tokens per decode pass and sequence. */
  acceptLength: number;
  sla: { ttftMs: number | null; itlMs: number | null; e2eMs: number | null };
  /** Among batches that keep the SLA (or among all, where none does): most requests or least latency. */
  prefer: "throughput" | "latency";
}

/** The best batch of an engine. What its kind of worker does not tell is null. */
export interface EngineCapacity {
  requestsPerS: number;
  ttftMs: number | null;
  itlMs: number | null;
  e2eMs: number | null;
  /** It keeps every bound of the SLA; a bound on something unknown is not kept. */
  isEligible: boolean;
}

/** Batches looked at, where there are more. */
const MOST_CANDIDATES = 128;

/**
 * Time to compute a queue of prompt tokens in passes of `maxBatchedTokens`, ms; null where the model does not know.
 * @param decode what decodes in each of these passes
 */
export function queuedPrefillMs(
  { model, limits, ranks }: QueriedEngine,
  queuedTokens: number,
  decode: { requests: number; kvTokens: number } = { requests: 0, kvTokens: 0 },
): number | null {
  const pass = (prefillTokens: number) =>
    model.passMs(
      splitOverRanks({ prefillTokens, decodeRequests: decode.requests, decodeKvTokens: decode.kvTokens }, ranks),
    );
  const fullPasses = Math.floor(queuedTokens / limits.maxBatchedTokens);
  const tail = queuedTokens - fullPasses * limits.maxBatchedTokens;
  const full = fullPasses === 0 ? 0 : pass(limits.maxBatchedTokens);
  const last = tail === 0 ? 0 : pass(tail);
  return full === null || last === null ? null : fullPasses * full + last;
}

/**
 * Requests/s of an engine that only computes prompts, several at once where they fit one pass: the best batch ÷ its time.
 * @returns null where the model does not know, or for a request without a prompt
 */
export function prefillCapacity(engine: QueriedEngine, request: CapacityRequest): EngineCapacity | null {
  if (request.isl <= 0) return null;
  const { maxBatchedTokens, maxSequences } = engine.limits;
  const isl = computedIsl(request);
  const most = isl > maxBatchedTokens ? 1 : Math.min(maxSequences, Math.floor(maxBatchedTokens / isl));
  return best(request, most, (batch) => {
    const ttftMs = queuedPrefillMs(engine, isl * batch);
    if (ttftMs === null || ttftMs <= 0) return null;
    return { requestsPerS: (batch / ttftMs) * 1000, ttftMs, itlMs: null, e2eMs: ttftMs };
  });
}

/**
 * Requests/s of an engine that only decodes: batch ÷ (OSL × ITL), each sequence at half its output.
 * @returns null where the model does not know, for a request without a prompt or an output, or where not one sequence fits the cache
 */
export function decodeCapacity(engine: QueriedEngine, request: CapacityRequest): EngineCapacity | null {
  const { osl, acceptLength } = request;
  if (osl <= 0 || request.isl <= 0) return null;
  const context = meanContext(request);
  return best(request, mostDecoding(engine, context), (batch) => {
    const passMs = decodePassMs(engine, 0, batch, context);
    if (passMs === null) return null;
    const itlMs = passMs / acceptLength;
    return { requestsPerS: (batch / (osl * itlMs)) * 1000, ttftMs: null, itlMs, e2eMs: null };
  });
}

/**
 * Requests/s of an engine that does both in the same passes: each pass of `batch` decoding sequences carries the prompt tokens
 * that replace those that end, and a new prompt waits for its own chunks amid them.
 * @returns null where the model does not know, or where nothing fits
 */
export function aggregatedCapacity(engine: QueriedEngine, request: CapacityRequest): EngineCapacity | null {
  const { osl, acceptLength } = request;
  if (osl <= 0 || request.isl <= 0) return null;
  const { maxBatchedTokens } = engine.limits;
  const isl = computedIsl(request);
  const context = meanContext(request);
  const most = Math.min(mostDecoding(engine, context), maxBatchedTokens - 1);
  return best(request, most, (batch) => {
    const prefillTokens = Math.ceil((batch * acceptLength * isl) / osl);
    if (prefillTokens > maxBatchedTokens - batch) return null;
    const passMs = decodePassMs(engine, prefillTokens, batch, context);
    const decode = { requests: batch, kvTokens: batch * context };
    const ttftMs = queuedPrefillMs(engine, prefillTokens + isl, decode);
    if (passMs === null || ttftMs === null) return null;
    const itlMs = passMs / acceptLength;
    return { requestsPerS: (batch / (osl * itlMs)) * 1000, ttftMs, itlMs, e2eMs: ttftMs + itlMs * (osl - 1) };
  });
}

function computedIsl({ isl, kvHitRate }: CapacityRequest): number {
  return Math.max(1, Math.ceil(isl * computedShare(kvHitRate)));
}

function meanContext({ isl, osl }: CapacityRequest): number {
  return Math.max(1, isl + Math.floor(osl / 2));
}

function mostDecoding({ limits }: QueriedEngine, context: number): number {
  return Math.min(limits.maxSequences, Math.floor(limits.maxKvTokens / context));
}

function decodePassMs(engine: QueriedEngine, prefillTokens: number, batch: number, context: number): number | null {
  const load = { prefillTokens, decodeRequests: batch, decodeKvTokens: batch * context };
  return engine.model.passMs(splitOverRanks(load, engine.ranks));
}

/** Batches that are looked at: all, or 128 spread over the range. */
function candidates(most: number): number[] {
  const count = Math.min(most, MOST_CANDIDATES);
  if (most <= MOST_CANDIDATES) return Array.from({ length: Math.max(0, count) }, (_, i) => i + 1);
  return Array.from({ length: count }, (_, i) => 1 + Math.floor((i * (most - 1)) / (MOST_CANDIDATES - 1)));
}

function best(
  { sla, prefer }: CapacityRequest,
  most: number,
  evaluate: (batch: number) => Omit<EngineCapacity, "isEligible"> | null,
): EngineCapacity | null {
  const keeps = (value: number | null, bound: number | null) => bound === null || (value !== null && value <= bound);
  const latency = ({ e2eMs, ttftMs, itlMs }: EngineCapacity) => e2eMs ?? ttftMs ?? itlMs ?? Number.POSITIVE_INFINITY;
  let chosen: EngineCapacity | null = null;
  for (const batch of candidates(most)) {
    const found = evaluate(batch);
    if (found === null) continue;
    const isEligible =
      keeps(found.ttftMs, sla.ttftMs) && keeps(found.itlMs, sla.itlMs) && keeps(found.e2eMs, sla.e2eMs);
    const candidate = { ...found, isEligible };
    const isBetter =
      chosen === null ||
      (isEligible !== chosen.isEligible
        ? isEligible
        : prefer === "throughput"
          ? found.requestsPerS > chosen.requestsPerS
          : latency(candidate) < latency(chosen));
    if (isBetter) chosen = candidate;
  }
  return chosen;
}
