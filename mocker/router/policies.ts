import type { QueuePolicy } from "./queue-rank.ts";

/** How many may wait in a class, for each worker of the pool; null: without limit. */
export interface QueueLimits {
  requests: number | null;
  /** Prompt tokens of those that wait, and those of them that were cached when they came. */
  promptTokens: number | null;
  cachedTokens: number | null;
}

/** A queue of its own within the router, with its share of what is sent on. */
export interface PolicyClass {
  name: string;
  /** It takes a family's requests of a bucket; null: those that name the class itself. */
  family: string | null;
  bucket: string | null;
  queuePolicy: QueuePolicy;
  /** Uncached prompt tokens that its requests may have in each round. */
  quantum: number;
  /** Its requests wait while every worker has more uncached prompt tokens to compute than this; null: for no such reason. */
  busyTokens: number | null;
  /** The same as a multiple of a worker's token budget of a pass. */
  busyBudgets: number | null;
  limits: QueueLimits;
}

/** Dynamo's policy classes of a router (`--router-policy-config`; docs, "Policy-Class Queues"). */
export interface PolicyProfile {
  /** The family of requests that name none, or none that there is. */
  defaultFamily: string;
  /** By the uncached prompt tokens from which on they hold, ascending from 0. */
  buckets: readonly { minTokens: number; name: string }[];
  classes: readonly PolicyClass[];
}

export interface RouterPolicies {
  /** Of models without a profile of their own; null: there are no classes. */
  root: PolicyProfile | null;
  models: Readonly<Record<string, PolicyProfile>>;
}

/** A model's own profile, whole, else the root's; null: no classes. */
export function profileOf(
  policies: RouterPolicies | null | undefined,
  model: string | undefined,
): PolicyProfile | null {
  if (!policies) return null;
  const own = model !== undefined && Object.hasOwn(policies.models, model) ? policies.models[model] : undefined;
  return own ?? policies.root;
}

/**
 * The place of the class that a request waits in: the class without family of that name, else that of the family of that name (or the
 * default one) and the bucket of what it has to compute.
 * @param asked what the request names, if anything
 * @param uncachedTokens asked where there is more than one bucket
 */
export function classOf(profile: PolicyProfile, asked: string | undefined, uncachedTokens: () => number): number {
  const { classes, buckets, defaultFamily } = profile;
  const direct = classes.findIndex(({ name, family }) => family === null && name === asked);
  if (direct >= 0) return direct;
  const family = classes.some((of) => of.family !== null && of.family === asked) ? asked : defaultFamily;
  const tokens = buckets.length > 1 ? uncachedTokens() : 0;
  const bucket = buckets.findLast(({ minTokens }) => minTokens <= tokens)?.name;
  return classes.findIndex((of) => of.family === family && of.bucket === bucket);
}

/** Above how many uncached prompt tokens on every worker a class waits; null: never. @param budgetTokens null: not known */
export function busyAbove({ busyTokens, busyBudgets }: PolicyClass, budgetTokens: number | null): number | null {
  const limits = [busyTokens, busyBudgets === null || budgetTokens === null ? null : busyBudgets * budgetTokens].filter(
    (limit) => limit !== null,
  );
  return limits.length === 0 ? null : Math.min(...limits);
}
