import type { Surface } from "#profiles";
import {
  aggregatedCapacity,
  type DecodeCapacity,
  decodeCapacity,
  decodeWorkers,
  isFeasible,
  type PromptClasses,
  prefillWorkers,
  promptClasses,
} from "./capacity.ts";
import type { SafetyMargins } from "./pressure.ts";
import type { RequestShapes } from "./request-shapes.ts";
import { ranksOf } from "./roles.ts";
import type { PlannerContext, Role, Targets } from "./types.ts";

/** How many workers a request rate asks for, with the requests' present shapes; made anew each tick. */
export interface WorkerNeeds {
  prompts: PromptClasses;
  /** null while no output length is known. */
  decode: DecodeCapacity | null;
  islScv: number;
  effectiveOsl: number;
  meanContext: number;
  ttftFeasible: boolean;
  /** Workers of a role for `rate` requests/s, at least its minimum; null while it cannot be said. */
  workers(role: Role, rate: number, margins: SafetyMargins): number | null;
}

/** A first token from a decode worker waits for half a pass on average and takes one. */
const FIRST_DECODE_PASSES = 1.5;
/** vLLM's and the mocker's default. */
const ASSUMED_BATCHED_TOKENS = 8192;
const MISS_PRICE_POWER = 0.75;
const MISS_PRICE_LIMIT = 3;
/** Where no ITL was seen yet, this share of the SLA stands in. */
const ASSUMED_ITL_SHARE = 0.7;

/**
 * @param rateNow by which tokens that are produced tell of longer answers, requests/s; null: they tell of a backlog (`BacklogWatch`), and so do
 * decode workers that are slow with it
 */
export function workerNeeds(
  shapes: RequestShapes,
  surface: Surface,
  context: PlannerContext,
  minimum: Targets,
  rateNow: number | null,
): WorkerNeeds {
  const { mode } = context;
  const ranks = ranksOf(context);
  const islScv = shapes.islScv();
  const effectiveOsl = rateNow === null ? shapes.meanOsl : shapes.effectiveOsl(rateNow);
  const itlMs = rateNow === null ? keptItlMs(shapes, context) : liveItlMs(shapes, context);
  const prompts = promptClassesOf(shapes, surface, context, shapes.prefillCorrection, itlMs);
  const decode = shapes.isReady
    ? decodeCapacityOf(shapes, surface, context, effectiveOsl, shapes.decodeCorrection, prompts.meanS)
    : null;

  const usualRate = shapes.usualRate();
  // A worker deals its prompts out to its ranks in turn, so each rank has its share of them, with a queue of its own.
  const prefillNeed = (rate: number, margins: SafetyMargins) =>
    prefillWorkers(
      rate / ranks[mode === "agg" ? "decode" : "prefill"],
      prompts,
      margins.waitShare * missPrice(rate, usualRate),
    );
  const decodeNeed = (rate: number, margins: SafetyMargins) =>
    decode === null ? null : decodeWorkers(rate, decode, batchScv(shapes), margins.batchDeviations);
  return {
    prompts,
    decode,
    islScv,
    effectiveOsl,
    meanContext: shapes.meanContext(),
    ttftFeasible: isFeasible(prompts),
    workers(role, rate, margins) {
      if (role === "prefill") return Math.max(minimum.prefill, prefillNeed(rate, margins));
      const forDecode = decodeNeed(rate, margins);
      if (forDecode === null) return null;
      const needed = mode === "agg" ? Math.max(forDecode, prefillNeed(rate, margins)) : forDecode;
      return Math.max(minimum.decode, needed);
    },
  };
}

/**
 * A worker more spares few requests a miss where few come, and many where many come: the tolerated share falls with the rate
 * (the optimum would be its inverse, and leave quiet hours without any care).
 */
function missPrice(rate: number, usualRate: number): number {
  if (!(rate > 0) || !(usualRate > 0)) return 1;
  return Math.min(MISS_PRICE_LIMIT, Math.max(1 / MISS_PRICE_LIMIT, (usualRate / rate) ** MISS_PRICE_POWER));
}

/**
 * What a decode (or aggregated) worker carries of requests with `osl` output tokens, all its ranks together.
 * @param correction measured ÷ profiled time @param promptS mean time of a prompt alone; counts for aggregated workers, s
 */
export function decodeCapacityOf(
  shapes: RequestShapes,
  surface: Surface,
  context: PlannerContext,
  osl: number,
  correction: number,
  promptS: number,
): DecodeCapacity {
  const ranks = ranksOf(context);
  const kvTokens = context.kvTokensPerRank ?? surface.maxKvTokens;
  const meanContext = shapes.meanContext();
  const question = {
    itlMs: (batch: number) => correction * surface.itlMs(Math.min(1, (batch * meanContext) / kvTokens), meanContext),
    slaItlMs: context.sla.itlMs,
    mostSequences: Math.min(
      kvTokens / meanContext,
      (context.maxDecodeSequences ?? Number.POSITIVE_INFINITY) / ranks.decode,
    ),
    osl,
  };
  const ofRank =
    context.mode === "agg" ? aggregatedCapacity(question, promptS, ranks.decode) : decodeCapacity(question);
  // Ranks decode apart. Which of them a request comes to is not chosen by load, so their batches don't even out.
  return { ...ofRank, requestsPerS: ofRank.requestsPerS * ranks.decode };
}

/** ITL where none was seen, ms. */
export function assumedItlMs({ sla }: PlannerContext): number {
  return ASSUMED_ITL_SHARE * sla.itlMs;
}

function liveItlMs(shapes: RequestShapes, context: PlannerContext): number {
  return shapes.currentItlMs ?? assumedItlMs(context);
}

/** ITL as it is, and as it should be where decode workers are overfull: no number of prefill workers makes up for that, ms. */
export function keptItlMs(shapes: RequestShapes, context: PlannerContext): number {
  return Math.min(liveItlMs(shapes, context), context.sla.itlMs);
}

/** Prompts as prefill (or aggregated) workers see them. @param correction measured ÷ profiled time @param itlMs of the decode passes */
export function promptClassesOf(
  shapes: RequestShapes,
  surface: Surface,
  context: PlannerContext,
  correction: number,
  itlMs: number,
): PromptClasses {
  const { sla, mode, transferMsPerToken } = context;
  const apart = mode !== "agg";
  const firstDecodeMs = apart && context.firstTokenFrom !== "prefill" ? FIRST_DECODE_PASSES * itlMs : 0;
  const transferred = apart ? transferMsPerToken : 0;
  // An aggregated worker decodes its batch in the same pass as the prompt.
  const besidesMs = apart ? 0 : itlMs;
  const isl = shapes.islQuantiles();
  return promptClasses({
    isl,
    aloneS: isl.map((tokens) => (surface.ttftMs(tokens) * correction + besidesMs) / 1000),
    passS: (Math.max(0, surface.ttftMs(0)) * correction + besidesMs) / 1000,
    slackS: isl.map((tokens) => (sla.ttftMs - firstDecodeMs - tokens * transferred) / 1000),
    maxBatchedTokens: context.maxBatchedTokens ?? ASSUMED_BATCHED_TOKENS,
    dispersion: shapes.arrivalDispersion,
  });
}

/** What makes a worker's batch fluctuate beyond one of equal requests that come one by one: their lengths, and that they come clumped. */
export function batchScv(shapes: RequestShapes): number {
  return shapes.islScv() + (shapes.arrivalDispersion - 1);
}
