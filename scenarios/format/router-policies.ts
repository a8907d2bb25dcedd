import { readFileSync } from "node:fs";
import { z } from "zod";
import { schemaProblems } from "#common/documents";
import { policiesUnreadable, scenarioInvalid } from "../errors.ts";
import { readYaml } from "../yaml-source.ts";

/** Policy classes of a router, as Dynamo's `--router-policy-config` has them; tokens are uncached prompt tokens unless told otherwise. */
export interface PolicyDocument {
  /** Of models without a profile of their own; null: there are no classes. */
  root: PolicyProfileDocument | null;
  models: Record<string, PolicyProfileDocument>;
}

interface PolicyProfileDocument {
  defaultFamily: string;
  buckets: { minTokens: number; name: string }[];
  classes: {
    name: string;
    family: string | null;
    bucket: string | null;
    queuePolicy: "fcfs" | "lcfs" | "wspt";
    quantum: number;
    busyTokens: number | null;
    busyBudgets: number | null;
    limits: { requests: number | null; promptTokens: number | null; cachedTokens: number | null };
  }[];
}

const name = (description: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9_.-]+$/, { error: "expected letters, digits, dots, dashes and underscores" })
    .meta({ description });
const whole = (description: string) => z.int().min(0).meta({ description });

const policyClass = z.strictObject({
  name: name("Name of the class"),
  policy_family: name("Family whose requests it takes; with cache_bucket, or neither").optional(),
  cache_bucket: name("Bucket of what they have to compute").optional(),
  queue_policy: z
    .enum(["fcfs", "wspt"])
    .default("fcfs")
    .meta({ description: "Who goes first in it: who came first, or who has least to compute" }),
  quantum: z.int().min(1).meta({ description: "Its share: uncached prompt tokens that it may send in each round" }),
  prefill_busy_threshold: whole("It waits while every worker has more prompt tokens to compute").optional(),
  prefill_busy_threshold_frac: z
    .number()
    .min(0)
    .optional()
    .meta({ description: "The same as a multiple of a worker's token budget of a pass" }),
  request_queue_limit_per_worker: whole("Requests that may wait in it, for each worker").optional(),
  raw_isl_token_queue_limit_per_worker: whole("Prompt tokens that may wait in it, for each worker").optional(),
  cached_token_queue_limit_per_worker: whole("Cached prompt tokens that may wait in it, for each worker").optional(),
});

const profileShape = {
  default_policy_family: name("Family of requests that name none, or none that there is").optional(),
  uncached_isl_buckets: z
    .array(
      z.strictObject({ min_tokens: whole("Uncached prompt tokens from which on it holds"), bucket: name("Its name") }),
    )
    .min(1)
    .optional()
    .meta({ description: "Requests by what they have to compute; ascending from 0" }),
  policy_classes: z.array(policyClass).min(1).max(1000).optional().meta({ description: "The queues" }),
};
type Profile = z.output<z.ZodObject<typeof profileShape>>;

const profile = z.strictObject(profileShape).superRefine(checkProfile);

/** Dynamo's document, with its names. */
export const policyDocumentSchema = z
  .strictObject({
    ...profileShape,
    models: z
      .record(z.string(), profile)
      .default({})
      .meta({ description: "Models with a profile of their own, which replaces the one above whole" }),
  })
  .superRefine((written, context) => {
    const { models, ...root } = written;
    if (isThere(root)) checkProfile(root, context);
    else if (Object.keys(models).length === 0) {
      context.addIssue({
        code: "custom",
        message: "expected default_policy_family, uncached_isl_buckets and policy_classes",
      });
    }
  })
  .transform(
    ({ models, ...root }): PolicyDocument => ({
      root: isThere(root) ? toProfile(root) : null,
      models: Object.fromEntries(Object.entries(models).map(([model, own]) => [model, toProfile(own)])),
    }),
  )
  .meta({ description: "Policy classes, as Dynamo's --router-policy-config" });

/** Reads a file of policy classes. @throws UserError SCENARIOS_UNREADABLE, SCENARIOS_YAML_…, SCENARIOS_INVALID */
export function readRouterPolicies(file: string): PolicyDocument {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw policiesUnreadable(file, code === "ENOENT" ? "no such file" : `a file that cannot be read (${code})`);
  }
  const source = readYaml(text, file);
  const parsed = policyDocumentSchema.safeParse(source.value);
  if (parsed.success) return parsed.data;
  const problems = schemaProblems(policyDocumentSchema, source.value, parsed.error).map(
    ({ path, key, message, hint }) => ({
      where: key === undefined ? source.locate(path) : source.locateKey(path, key),
      message,
      ...(hint === undefined ? {} : { hint }),
    }),
  );
  throw scenarioInvalid(problems.slice(0, MAX_SHOWN), Math.max(0, problems.length - MAX_SHOWN));
}

/** Policy classes as a file of Dynamo's has them, in JSON: what `readRouterPolicies` reads. */
export function routerPoliciesFile({ root, models }: PolicyDocument): string {
  const own = Object.entries(models).map(([model, of]) => [model, writtenProfile(of)]);
  const written = root === null ? {} : writtenProfile(root);
  return JSON.stringify({ ...written, ...(own.length === 0 ? {} : { models: Object.fromEntries(own) }) });
}

/** What is null in a class is left out of its file. */
function writtenProfile({ defaultFamily, buckets, classes }: PolicyProfileDocument): object {
  return {
    default_policy_family: defaultFamily,
    uncached_isl_buckets: buckets.map(({ minTokens, name: bucket }) => ({ min_tokens: minTokens, bucket })),
    policy_classes: classes.map((of) => ({
      name: of.name,
      policy_family: of.family ?? undefined,
      cache_bucket: of.bucket ?? undefined,
      queue_policy: of.queuePolicy,
      quantum: of.quantum,
      prefill_busy_threshold: of.busyTokens ?? undefined,
      prefill_busy_threshold_frac: of.busyBudgets ?? undefined,
      request_queue_limit_per_worker: of.limits.requests ?? undefined,
      raw_isl_token_queue_limit_per_worker: of.limits.promptTokens ?? undefined,
      cached_token_queue_limit_per_worker: of.limits.cachedTokens ?? undefined,
    })),
  };
}

const MAX_SHOWN = 8;

function isThere(root: Profile): boolean {
  return Object.values(root).some((value) => value !== undefined);
}

/** The rules of ai-dynamo 1.6.1. */
function checkProfile(written: Profile, context: z.RefinementCtx): void {
  const wrong = (path: (string | number)[], message: string) => context.addIssue({ code: "custom", path, message });
  const { default_policy_family: defaultFamily, uncached_isl_buckets: buckets, policy_classes: classes } = written;
  if (defaultFamily === undefined || buckets === undefined || classes === undefined) {
    wrong([], "expected default_policy_family, uncached_isl_buckets and policy_classes together");
    return;
  }
  buckets.forEach(({ min_tokens: min }, i) => {
    const before = buckets[i - 1]?.min_tokens ?? -1;
    if (i === 0 ? min !== 0 : min <= before) {
      wrong(["uncached_isl_buckets", i, "min_tokens"], `expected ${i === 0 ? "0" : `more than ${before}`}`);
    }
  });
  const families = new Set(classes.flatMap(({ policy_family: family }) => (family === undefined ? [] : [family])));
  const names = new Set<string>();
  const cells = new Set<string>();
  classes.forEach(({ name: of, policy_family: family, cache_bucket: bucket }, i) => {
    const path = ["policy_classes", i];
    if (names.has(of)) wrong([...path, "name"], `found ${of} twice, expected names that differ`);
    names.add(of);
    if ((family === undefined) !== (bucket === undefined)) {
      wrong(path, "expected policy_family and cache_bucket together, or neither");
    } else if (family === undefined) {
      if (families.has(of)) wrong([...path, "name"], `found ${of}, which is a family, too`);
    } else {
      if (!buckets.some((known) => known.bucket === bucket)) {
        wrong([...path, "cache_bucket"], `found ${bucket}, expected one of uncached_isl_buckets`);
      }
      const cell = `${family} ${bucket}`;
      if (cells.has(cell)) wrong(path, `found a second class of family ${family} and bucket ${bucket}`);
      cells.add(cell);
    }
  });
  if (!families.has(defaultFamily)) {
    wrong(["default_policy_family"], `found ${defaultFamily}, expected the policy_family of a class`);
  }
  for (const family of families) {
    const missing = buckets.find(({ bucket }) => !cells.has(`${family} ${bucket}`));
    if (missing !== undefined) {
      wrong(["policy_classes"], `expected a class of family ${family} and bucket ${missing.bucket}, too`);
    }
  }
}

function toProfile(written: Profile): PolicyProfileDocument {
  return {
    defaultFamily: written.default_policy_family!,
    buckets: written.uncached_isl_buckets!.map(({ min_tokens, bucket }) => ({ minTokens: min_tokens, name: bucket })),
    classes: written.policy_classes!.map((of) => ({
      name: of.name,
      family: of.policy_family ?? null,
      bucket: of.cache_bucket ?? null,
      queuePolicy: of.queue_policy,
      quantum: of.quantum,
      busyTokens: of.prefill_busy_threshold ?? null,
      busyBudgets: of.prefill_busy_threshold_frac ?? null,
      limits: {
        requests: of.request_queue_limit_per_worker ?? null,
        promptTokens: of.raw_isl_token_queue_limit_per_worker ?? null,
        cachedTokens: of.cached_token_queue_limit_per_worker ?? null,
      },
    })),
  };
}
