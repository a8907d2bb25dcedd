import type { CachedBlocks, RouteContext } from "./types.ts";

/**
 * Who goes first among requests that wait in the router (`--router-queue-policy` of Dynamo's frontend): `fcfs` who came first, `lcfs`
 * who came last, `wspt` (weighted shortest processing time) who has least to compute.
 */
export const QUEUE_POLICIES = ["fcfs", "lcfs", "wspt"] as const;
export type QueuePolicy = (typeof QUEUE_POLICIES)[number];

/** A place in line: the higher tier goes first, then the higher key, then who came first. */
export interface QueueRank {
  tier: number;
  key: number;
  /** Of routers that know caches: what was cached of it as it came, by which it is routed when it goes (as by ai-dynamo 1.6.1). */
  seen?: CachedBlocks;
  /** Of routers with policy classes, as of the moment at which it comes. */
  standing?: ClassStanding;
}

/** What a request counts for in its policy class. */
export interface ClassStanding {
  /** Place of its class. */
  place: number;
  promptTokens: number;
  /** Of those, cached on the worker that has most of them. */
  cachedTokens: number;
}

/** Of those that a router ranks in no way. */
export const FIRST_COME: Readonly<QueueRank> = { tier: 0, key: 0 };

/** Prompt tokens to compute, at least 1: what `wspt` and the shares of classes go by. */
export function computeTokens(promptTokens: number, cachedTokens: number): number {
  return Math.max(1, promptTokens - cachedTokens);
}

/**
 * As Dynamo's router ranks (docs, "Router queue policy"): `fcfs` by priority − arrival, `lcfs` by priority + arrival, both in seconds, so
 * that a priority is a head start; `wspt` by (1 + priority) ÷ max(1, prompt tokens − those cached where most are). Priorities below 0
 * count as 0.
 */
export function queueRank(
  policy: QueuePolicy,
  context: Omit<RouteContext, "workers">,
  cachedTokens: number,
): QueueRank {
  const { isl, strictPriority = 0, nowMs = 0 } = context;
  const priority = Math.max(0, context.priority ?? 0);
  switch (policy) {
    case "fcfs":
      return { tier: strictPriority, key: priority - nowMs / 1000 };
    case "lcfs":
      return { tier: strictPriority, key: priority + nowMs / 1000 };
    case "wspt":
      return { tier: strictPriority, key: (1 + priority) / computeTokens(isl, cachedTokens) };
  }
}
