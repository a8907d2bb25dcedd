import { randomStream } from "#common";
import { KvRouter, type KvRouterOptions } from "./kv-router.ts";
import { LeastLoadedRouter } from "./least-loaded.ts";
import { RandomRouter } from "./random.ts";
import { RoundRobinRouter } from "./round-robin.ts";
import type { Router } from "./types.ts";

export const ROUTER_MODES = ["round-robin", "random", "least-loaded", "kv"] as const;
export type RouterMode = (typeof ROUTER_MODES)[number];

/** A router of one pool. What it draws at random comes from a stream named after mode and role. */
export function createRouter(mode: RouterMode, seed: number, kv: Omit<KvRouterOptions, "random">): Router {
  const random = () => randomStream(seed, `router/${mode}/${kv.role}`);
  switch (mode) {
    case "round-robin":
      return new RoundRobinRouter();
    case "random":
      return new RandomRouter(random());
    case "least-loaded":
      return new LeastLoadedRouter();
    case "kv":
      return new KvRouter({ ...kv, random: random() });
  }
}
