import { z } from "zod";
import type { Content, Pattern } from "../traffic.ts";
import { distribution } from "./distributions.ts";
import { duration, positive, positiveDuration, share, tokens } from "./values.ts";

const isl = distribution(tokens, "Input sequence length: prompt tokens, shared prefix included", positive);
const osl = distribution(tokens, "Output sequence length, tokens", positive);

const patternShare = z
  .union([
    share,
    z.strictObject({ min: share, max: share, period: positiveDuration("Time from one minimum to the next") }),
  ])
  .meta({ description: "Share of the requests 0..1, fixed or on a sinusoid that starts at its minimum" });

const prefix = z
  .strictObject({
    groups: z.int().min(1).max(1e6).default(1).meta({ description: "Number of different prefixes" }),
    tokens: tokens.optional().meta({ description: "Length of the shared prefix, in whole blocks" }),
    ratio: share.optional().meta({ description: "Shared share of the prompt's blocks" }),
    pool: z.int().min(1).max(1e9).optional().meta({ description: "Blocks are drawn from a pool of this size instead" }),
  })
  .refine((p) => [p.tokens, p.ratio, p.pool].filter((given) => given !== undefined).length === 1, {
    error: "expected exactly one of tokens, ratio and pool",
  })
  .meta({ description: "What prompts have in common at their beginning" });

const sessions = z
  .strictObject({
    turns: distribution(z.int().min(1).max(100_000), "Requests of a session", positive),
    thinkTime: distribution(duration("Wait"), "Wait between the end of an answer and the next request").prefault(0),
    history: z.enum(["grow", "none"]).default("grow").meta({
      description: "grow: a later prompt repeats the conversation and adds isl tokens; none: prompts are independent",
    }),
    maxIsl: tokens.optional().meta({ description: "A session ends before a prompt would get longer than this" }),
  })
  .meta({ description: "Several requests one after the other; the rate then counts sessions" });

/** Keys that say what requests are made of; part of every shape. */
export const contentShape = {
  isl: isl.optional(),
  osl: osl.optional(),
  patterns: z
    .array(z.strictObject({ share: patternShare.optional(), isl, osl }))
    .min(1)
    .optional()
    .meta({ description: "Kinds of requests with their shares; one may leave its share out and takes the rest" }),
  sessions: sessions.optional(),
  prefix: prefix.optional(),
  blockSize: z
    .int()
    .min(1)
    .max(65_536)
    .default(64)
    .meta({ description: "Tokens per content block of prompts with common parts" }),
};

type Written = z.output<z.ZodObject<typeof contentShape>>;

/** Checks what zod's types cannot say: lengths or patterns, and shares that add up. */
export function checkContent(written: Written, context: z.RefinementCtx): void {
  const { patterns } = written;
  if (patterns === undefined) {
    for (const key of ["isl", "osl"] as const) {
      if (written[key] === undefined) {
        context.addIssue({
          code: "custom",
          path: [key],
          message: "found nothing, expected a length in tokens",
          params: { missing: true },
        });
      }
    }
    return;
  }
  for (const key of ["isl", "osl"] as const) {
    if (written[key] !== undefined) {
      context.addIssue({
        code: "custom",
        path: [key],
        message: `expected no ${key} beside patterns, which bring their own`,
      });
    }
  }
  const open = patterns.filter((pattern) => pattern.share === undefined).length;
  if (open > 1) {
    context.addIssue({
      code: "custom",
      path: ["patterns"],
      message: `found ${open} patterns without a share, expected at most one`,
    });
  }
  const most = patterns.reduce(
    (sum, { share: s }) => sum + (s === undefined ? 0 : typeof s === "number" ? s : Math.max(s.min, s.max)),
    0,
  );
  if (open === 1 && most > 1 + 1e-9) {
    context.addIssue({
      code: "custom",
      path: ["patterns"],
      message: `found shares that add up to ${most}, expected at most 1 beside an open share`,
    });
  }
  if (open === 0 && most === 0) {
    context.addIssue({ code: "custom", path: ["patterns"], message: "found no pattern with a share above 0" });
  }
}

export function toContent(written: Written): Content {
  const { prefix: p, sessions: s } = written;
  return {
    patterns: written.patterns?.map(toPattern) ?? [{ share: null, isl: written.isl!, osl: written.osl! }],
    sessions:
      s === undefined ? null : { turns: s.turns, thinkMs: s.thinkTime, history: s.history, maxIsl: s.maxIsl ?? null },
    prefix:
      p === undefined
        ? null
        : p.pool !== undefined
          ? { kind: "pool", blocks: p.pool }
          : p.tokens !== undefined
            ? { kind: "groups", groups: p.groups, tokens: p.tokens }
            : { kind: "ratio", groups: p.groups, ratio: p.ratio! },
    blockTokens: written.blockSize,
  };
}

function toPattern({ share: s, isl: i, osl: o }: NonNullable<Written["patterns"]>[number]): Pattern {
  const shared = typeof s === "object" ? { min: s.min, max: s.max, periodMs: s.period } : s;
  return { share: shared ?? null, isl: i, osl: o };
}
