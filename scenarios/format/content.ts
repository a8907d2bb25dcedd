import { z } from "zod";
import { hasQuantiles } from "../distributions.ts";
import { type LengthsName, namedLengths, PUBLISHED_LENGTHS } from "../presets.ts";
import type { Content, Distribution, Pattern, PrefixSharing } from "../traffic.ts";
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

function rankCorrelation(description: string) {
  return z.number().min(-1).max(1).meta({ description });
}

const prefix = z
  .strictObject({
    groups: z.int().min(1).max(1e6).default(1).meta({ description: "Number of different prefixes" }),
    tokens: tokens.optional().meta({ description: "Length of the shared prefix, in whole blocks" }),
    ratio: share.optional().meta({ description: "Shared share of the prompt's blocks" }),
    pool: z.int().min(1).max(1e9).optional().meta({ description: "Blocks are drawn from a pool of this size instead" }),
    reuse: distribution(share, "Share of a first prompt's blocks that an earlier prompt began with, too").optional(),
    window: z
      .int()
      .min(1)
      .max(1e6)
      .default(1000)
      .meta({ description: "With reuse: the latest prompts, of which one is that" }),
    correlation: rankCorrelation("With reuse: Spearman's correlation of the share with the prompt's length").default(0),
  })
  .refine((p) => [p.reuse ?? p.tokens, p.ratio, p.pool].filter((given) => given !== undefined).length === 1, {
    error: "expected exactly one of tokens, ratio, pool and reuse (which may have tokens, too)",
  })
  .refine((p) => p.reuse === undefined || hasQuantiles(p.reuse), {
    error: "expected no list and no mixture, of which there are no quantiles",
    path: ["reuse"],
  })
  .meta({ description: "What prompts have in common at their beginning" });

const sessions = z
  .strictObject({
    turns: distribution(z.int().min(1).max(100_000), "Requests of a session", positive),
    thinkTime: distribution(duration("Wait"), "Wait between the end of an answer and the next request").prefault(0),
    growth: distribution(
      tokens,
      "Tokens that a later prompt adds; as many as a first prompt has by default",
      positive,
    ).optional(),
    history: z.enum(["grow", "none"]).default("grow").meta({
      description: "grow: a later prompt repeats the conversation and adds isl tokens; none: prompts are independent",
    }),
    maxIsl: tokens.optional().meta({ description: "A session ends before a prompt would get longer than this" }),
  })
  .meta({ description: "Several requests one after the other; the rate then counts sessions" });

const agents = z
  .strictObject({
    turns: distribution(z.int().min(1).max(100_000), "Requests of the agent itself", positive),
    toolWait: distribution(duration("Wait"), "Tools, between an answer and the next request").prefault(0),
    growth: distribution(tokens, "Tokens that a tool's result adds to the prompt, beside the answer before", positive),
    maxIsl: tokens.optional().meta({ description: "A run ends before a prompt would get longer than this" }),
    subagents: z
      .strictObject({
        share: share.meta({ description: "Share of the agent's requests that begin sub-agents" }),
        count: distribution(z.int().min(1).max(1000), "How many at once", positive).prefault(1),
        turns: distribution(z.int().min(1).max(100_000), "Requests of a sub-agent", positive).prefault(1),
        isl: distribution(tokens, "Prompt tokens of its first request; as the agent's by default", positive).optional(),
      })
      .optional()
      .meta({ description: "Sub-agents, for whose ends the agent's next request waits" }),
  })
  .meta({ description: "Runs of agents: requests that wait for tools and sub-agents; the rate then counts runs" });

/** Keys that say what requests are made of; part of every shape. */
export const contentShape = {
  isl: isl.optional(),
  osl: osl.optional(),
  correlation: rankCorrelation("Spearman's rank correlation of isl and osl").optional(),
  lengths: z
    .enum(Object.keys(PUBLISHED_LENGTHS) as [LengthsName, ...LengthsName[]])
    .optional()
    .meta({ description: "Lengths with published statistics, instead of isl and osl" }),
  tenant: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: "Whose traffic it is: reports tell tenants apart" }),
  patterns: z
    .array(
      z.strictObject({ share: patternShare.optional(), isl, osl, correlation: rankCorrelation("As above").optional() }),
    )
    .min(1)
    .optional()
    .meta({ description: "Kinds of requests with their shares; one may leave its share out and takes the rest" }),
  sessions: sessions.optional(),
  agents: agents.optional(),
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
  const { patterns, lengths } = written;
  checkCorrelations(written, context);
  if (written.agents !== undefined && written.sessions !== undefined) {
    context.addIssue({ code: "custom", path: ["agents"], message: "expected no agents beside sessions" });
  }
  if (lengths !== undefined) {
    for (const key of ["isl", "osl", "patterns"] as const) {
      if (written[key] === undefined) continue;
      context.addIssue({
        code: "custom",
        path: [key],
        message: `expected no ${key} beside lengths, which bring their own`,
      });
    }
    return;
  }
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
  for (const key of ["isl", "osl", "correlation"] as const) {
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

/** Correlated draws need quantiles. */
function checkCorrelations(written: Written, context: z.RefinementCtx): void {
  const byLength = written.prefix?.reuse !== undefined && written.prefix.correlation !== 0;
  const growth = [written.sessions?.growth, written.agents?.growth, written.agents?.subagents?.isl];
  const check = (correlation: number | undefined, distributions: (Distribution | undefined)[], path: string[]) => {
    if (correlation === undefined && !byLength) return;
    if ([...distributions, ...growth].every((of) => of === undefined || hasQuantiles(of))) return;
    context.addIssue({
      code: "custom",
      path,
      message: "expected lengths without lists and mixtures, which cannot be correlated",
    });
  };
  if (written.patterns === undefined) check(written.correlation, [written.isl, written.osl], ["correlation"]);
  written.patterns?.forEach((pattern, i) => {
    check(pattern.correlation, [pattern.isl, pattern.osl], ["patterns", String(i)]);
  });
}

export function toContent(written: Written): Content {
  const { sessions: s, agents: a, lengths, correlation } = written;
  const pair = lengths === undefined ? { isl: written.isl!, osl: written.osl! } : namedLengths(lengths);
  const single = { share: null, ...pair, ...(correlation === undefined ? {} : { correlation }) };
  return {
    patterns: written.patterns?.map(toPattern) ?? [single],
    sessions:
      s === undefined
        ? null
        : {
            turns: s.turns,
            thinkMs: s.thinkTime,
            ...(s.growth === undefined ? {} : { growth: s.growth }),
            history: s.history,
            maxIsl: s.maxIsl ?? null,
          },
    ...(a === undefined
      ? {}
      : {
          agents: {
            turns: a.turns,
            toolWaitMs: a.toolWait,
            growth: a.growth,
            maxIsl: a.maxIsl ?? null,
            subagents: a.subagents ?? null,
          },
        }),
    prefix: written.prefix === undefined ? null : toPrefix(written.prefix),
    blockTokens: written.blockSize,
  };
}

function toPrefix(p: NonNullable<Written["prefix"]>): PrefixSharing {
  if (p.reuse !== undefined) {
    return { kind: "reuse", tokens: p.tokens ?? 0, share: p.reuse, window: p.window, correlation: p.correlation };
  }
  if (p.pool !== undefined) return { kind: "pool", blocks: p.pool };
  if (p.tokens !== undefined) return { kind: "groups", groups: p.groups, tokens: p.tokens };
  return { kind: "ratio", groups: p.groups, ratio: p.ratio! };
}

function toPattern({ share: s, isl: i, osl: o, correlation }: NonNullable<Written["patterns"]>[number]): Pattern {
  const shared = typeof s === "object" ? { min: s.min, max: s.max, periodMs: s.period } : s;
  return { share: shared ?? null, isl: i, osl: o, ...(correlation === undefined ? {} : { correlation }) };
}
