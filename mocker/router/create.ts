import { randomStream } from "#common";
import { KvRouter, type KvRouterOptions } from "./kv-router.ts";
import { LeastLoadedRouter } from "./least-loaded.ts";
import { profileOf, type RouterPolicies } from "./policies.ts";
import type { QueuePolicy } from "./queue-rank.ts";
import { RandomRouter } from "./random.ts";
import { RoundRobinRouter } from "./round-robin.ts";
import { SessionAffinity } from "./session-affinity.ts";
import type { Router } from "./types.ts";

export const ROUTER_MODES = ["round-robin", "random", "least-loaded", "kv"] as const;
export type RouterMode = (typeof ROUTER_MODES)[number];

/** How requests find workers; what is left out has Dynamo's default. All but mode and affinity are about the KV router. */
export interface RouterSettings {
  mode: RouterMode;
  /** What a cached block takes off the prefill cost, in blocks. Default 1. */
  overlapCredit?: number | undefined;
  /** Weight of a prompt block to compute against a block in use. Default 1. */
  prefillLoadScale?: number | undefined;
  /** 0: always the cheapest worker. Default 0. */
  temperature?: number | undefined;
  /** Follow what workers tell of their caches. Default true; false: what was routed counts as cached for `cacheTtlMs`. */
  kvEvents?: boolean | undefined;
  /** Default 120 000. */
  cacheTtlMs?: number | undefined;
  /**
   * Requests wait in the router while every worker has more prompt tokens to compute than this × its token budget of a pass.
   * null, the default: they never wait.
   */
  queueThreshold?: number | null | undefined;
  /** Who goes first of those that wait. Default fcfs. */
  queuePolicy?: QueuePolicy | undefined;
  /** Queues of their own for classes of requests, in place of threshold and policy. null, the default: there is one. */
  policies?: RouterPolicies | null | undefined;
  /** Requests of a session stay with a worker until the session has been idle for so long. null, the default: they don't. */
  sessionAffinityMs?: number | null | undefined;
}

/** The pool that a router is for. */
export interface RoutedPool {
  role: "aggregated" | "prefill" | "decode";
  /** Tokens per block. */
  blockSize: number;
  /** Token budget of a worker's pass; null: not known, and no worker ever has too much to compute. */
  maxBatchedTokens: number | null;
  /** Whether its workers tell what they cache. */
  tellsEvents: boolean;
  /** Whose policy classes hold; absent: no model has its own. */
  model?: string;
}

/** A router of one pool. What it draws at random comes from a stream named after mode and role. */
export function createRouter(settings: RouterSettings, seed: number, pool: RoutedPool): Router {
  const router = plainRouter(settings, seed, pool);
  const { sessionAffinityMs = null } = settings;
  return sessionAffinityMs === null ? router : new SessionAffinity(router, sessionAffinityMs);
}

function plainRouter(settings: RouterSettings, seed: number, pool: RoutedPool): Router {
  const { mode } = settings;
  const random = () => randomStream(seed, `router/${mode}/${pool.role}`);
  switch (mode) {
    case "round-robin":
      return new RoundRobinRouter();
    case "random":
      return new RandomRouter(random());
    case "least-loaded":
      return new LeastLoadedRouter();
    case "kv":
      return new KvRouter({ ...kvRouterOptions(settings, pool), random: random() });
  }
}

/** The KV router's options by what was asked for; it draws nothing. */
export function kvRouterOptions(settings: RouterSettings, pool: RoutedPool): KvRouterOptions {
  const { overlapCredit, prefillLoadScale, temperature, kvEvents = true, cacheTtlMs } = settings;
  const { queueThreshold = null, queuePolicy } = settings;
  const { maxBatchedTokens } = pool;
  return {
    role: pool.role,
    blockSize: pool.blockSize,
    random: null,
    events: kvEvents && pool.tellsEvents,
    queueAboveTokens: queueThreshold === null || maxBatchedTokens === null ? null : queueThreshold * maxBatchedTokens,
    ...(overlapCredit === undefined ? {} : { overlapWeight: overlapCredit }),
    ...(prefillLoadScale === undefined ? {} : { prefillWeight: prefillLoadScale }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(cacheTtlMs === undefined ? {} : { ttlMs: cacheTtlMs }),
    ...(queuePolicy === undefined ? {} : { queuePolicy }),
    // Nobody waits for decode workers but for want of any.
    policies: pool.role === "decode" ? null : profileOf(settings.policies, pool.model),
    budgetTokens: maxBatchedTokens,
  };
}

/** The KV router itself, where there is one, beneath whatever is around it. */
export function kvRouterIn(router: Router | undefined): KvRouter | null {
  if (router instanceof SessionAffinity) return kvRouterIn(router.router);
  return router instanceof KvRouter ? router : null;
}
