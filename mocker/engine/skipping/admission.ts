import { keptFreeBlocks } from "../config.ts";
import { mostHitBlocks, reservesOutput } from "../no-evict.ts";
import { addDecode } from "../pass-time.ts";
import { recomputesLastHit, speculates } from "../speculation.ts";
import { Flag } from "./sequence-store.ts";
import type { SkippingEngine } from "./skipping.ts";

/**
 * Step 2 of a pass: waiting requests from the head, while seats, budget and blocks last.
 * @param held prompts that need more than one token wait, too
 * @param schedule is told of every admitted request and the tokens of its first chunk
 */
export function admitWaiting(
  engine: SkippingEngine,
  budget: number,
  held: boolean,
  schedule: (request: number, tokens: number) => void,
): void {
  const { waiting, store, config, handOff } = engine;
  const reservationsFirst = config.role === "decode" && config.quirks.reservationsFirst;
  const transferredAlone = reservationsFirst && handOff.reservationCount > 0;
  let index = 0;
  let headBlocked = false;
  let left = budget;
  const { freeTransferredToken } = config.quirks;
  // A prompt that is cached whole costs no budget; past it one alone finds a place.
  const goesOn = reservesOutput(config) || freeTransferredToken;
  while (index < waiting.length && engine.runningCount < config.maxNumSeqs && (left > 0 || goesOn)) {
    const request = waiting.at(index);
    const flags = store.flags[request]!;
    const transferred = (flags & Flag.transferred) !== 0;
    // Without abortOnStuck somebody must run for a transferred one to wait: nothing else would free what the head waits for.
    const inOrder = reservationsFirst && (config.quirks.abortOnStuck || engine.runningCount > 0);
    const waits = transferred ? headBlocked && inOrder : headBlocked || transferredAlone;
    if ((flags & Flag.inTransfer) !== 0 || waits) {
      index++;
      continue;
    }
    const isFree = transferred && freeTransferredToken;
    const tokens = isFree ? 1 : transferred ? Math.min(1, left) || WAITS : admit(engine, request, left, held);
    if (tokens === WAITS) {
      headBlocked = true;
      if (handOff.inTransferCount === 0 && config.role !== "decode") break;
      index++;
      continue;
    }
    waiting.removeAt(index);
    engine.pushRunning(request);
    const isCachedWhole = !transferred && (store.flags[request]! & Flag.transferred) !== 0;
    const reused = transferred ? 0 : isCachedWhole ? store.columns.isl[request]! : store.computed[request]!;
    engine.counters.prefixHitTokens += reused;
    const hostTokens = transferred ? 0 : engine.blocks.hostHitCount * config.blockSize;
    engine.listener.admitted(request, engine.nowMs, reused, hostTokens);
    // Its blocks are on their way.
    if (tokens === 0) continue;
    schedule(request, tokens);
    if (left === 0) break;
    if (!isCachedWhole && !isFree) left -= tokens;
  }
}

const WAITS = -1;

/**
 * Takes hits and blocks for the first chunk of a waiting request; its tokens, 0 where its blocks have to be loaded first, or
 * `WAITS`.
 */
function admit(engine: SkippingEngine, request: number, budget: number, held: boolean): number {
  const { store, blocks, config } = engine;
  const { blockSize } = config;
  const total = store.columns.isl[request]! + store.generated[request]!;
  blocks.lookup(request, mostHitBlocks(config, total));
  if (recomputesLastHit(config)) blocks.dropLastHit();
  const { hostHitCount } = blocks;
  const cached = (blocks.hitCount + hostHitCount) * blockSize;
  const missing = total - cached;
  // What is only loaded takes nothing of the budget.
  const loads = engine.loads.durationMs(hostHitCount) > 0;
  if (missing > budget && (budget === 0 || !(loads || config.chunkedPrefill))) return WAITS;
  if (!loads && held && missing > 1) return WAITS;
  const keptFree = keptFreeBlocks(config, engine.runningCount);
  if (blocks.neededRoom(request, Math.ceil(total / blockSize)) > blocks.pool.room - keptFree) return WAITS;
  if (hostHitCount > 0) blocks.readHost(request);
  blocks.takeHits(request);
  engine.loads.begin(request, hostHitCount, engine.nowMs);
  store.computed[request] = cached;
  blocks.promise(request);
  if (missing === 0) {
    // It only decodes, like a prompt that was computed elsewhere.
    store.computed[request] = total - 1;
    store.flags[request]! |= Flag.transferred;
    return 1;
  }
  if (store.generated[request]! > 0) store.flags[request]! |= Flag.recomputing;
  const tokens = loads ? 0 : Math.min(missing, budget);
  blocks.grow(request, config.quirks.gateWithoutReservation ? cached + tokens : total);
  if (hostHitCount > 0 && !loads) blocks.fill(request, 0, cached);
  return tokens;
}

/**
 * Adds a scheduled chunk to the pass: its time, its tokens, the blocks it fills. Returns the tokens that it decodes with, 0 where it adds
 * none by decoding.
 */
export function accountChunk(engine: SkippingEngine, request: number, tokens: number): number {
  const { store, work, config } = engine;
  const flags = store.flags[request]!;
  const isl = store.columns.isl[request]!;
  const before = store.computed[request]!;
  const end = before + tokens;
  engine.blocks.fill(request, before, end);
  engine.record?.chunk(request, tokens);
  if ((flags & Flag.transferred) !== 0) {
    if (config.role === "prefill") return 0;
    addDecode(work, isl);
    return isl;
  }
  if (before < isl) engine.counters.scheduledPrefillTokens += tokens;
  const { quirks } = config;
  const total = isl + store.generated[request]!;
  const promptEnd = (flags & Flag.recomputing) !== 0 && !quirks.freeOutputRecompute ? total : isl;
  if (before < promptEnd && !(config.role === "decode" && quirks.freeDecodeRecompute)) {
    work.prefillCount++;
    work.prefillEndSum += Math.min(end, promptEnd);
    work.prefillStartSum += before;
    work.chunkWorkMs += config.timing.chunkWorkMs(before, Math.min(end, promptEnd));
  }
  if (end < total || config.role === "prefill" || (end === promptEnd && !speculates(config))) return 0;
  addDecode(work, end);
  return end;
}
