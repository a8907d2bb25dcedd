import type { AgentShape, Content, Distribution, OpenEntry, PrefixSharing, RateShape } from "../traffic.ts";

/**
 * A fitted entry as a scenario's text: `parseTraffic` of its traffic gives the entry back, to the digits that are written.
 * @param more what stands before the traffic
 */
export function entryDocument(entry: OpenEntry, more: Record<string, unknown>, comment: string): string {
  const lines = [`# ${comment}`, ...Object.entries(more).map(([key, value]) => `${key}: ${inline(value)}`), "traffic:"];
  const [[kind, body]] = Object.entries(written(entry)) as [[string, Record<string, unknown>]];
  lines.push(`  - ${kind}:`);
  for (const [key, value] of Object.entries(body)) lines.push(...block(key, value, "      "));
  return `${lines.join("\n")}\n`;
}

const MAX_LINE = 140;

/** A key and its value, on one line where that is not too long. */
function block(key: string, value: unknown, indent: string): string[] {
  const line = `${indent}${key}: ${inline(value)}`;
  if (Array.isArray(value)) return [`${indent}${key}:`, ...value.map((item) => `${indent}  - ${inline(item)}`)];
  if (line.length <= MAX_LINE || typeof value !== "object" || value === null) return [line];
  return [`${indent}${key}:`, ...keysInOrder(value).flatMap(([inner, of]) => block(inner, of, `${indent}  `))];
}

/** On one line. Texts are quoted where they could be something else. */
function inline(value: unknown): string {
  if (typeof value === "string") return /^[A-Za-z0-9][A-Za-z0-9._ -]*$/.test(value) ? value : JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  return `{ ${keysInOrder(value)
    .map(([key, of]) => `${key}: ${inline(of)}`)
    .join(", ")} }`;
}

/** Whole numbers come first in an object, whatever the order was: percent by their size. */
function keysInOrder(value: object): [string, unknown][] {
  const entries = Object.entries(value);
  return entries.some(([key]) => Number.isNaN(Number(key)))
    ? entries
    : entries.sort(([a], [b]) => Number(a) - Number(b));
}

function written({ durationMs, rate, arrivals, content }: OpenEntry): Record<string, unknown> {
  return {
    [rate.kind]: {
      requestRate: writtenRate(rate),
      duration: duration(durationMs),
      ...(arrivals.kind === "gamma"
        ? { arrivals: { gamma: { cv: arrivals.cv } } }
        : arrivals.kind === "constant"
          ? { arrivals: "constant" }
          : {}),
      ...writtenContent(content),
    },
  };
}

function duration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

function writtenRate(rate: RateShape): unknown {
  if (rate.kind === "constant") return rate.rate;
  if (rate.kind !== "steps") throw new Error(`no fit makes a ${rate.kind}`);
  return rate.steps.map((step) => ({ at: duration(step.atMs), rate: step.rate }));
}

function writtenContent({ patterns, sessions, agents, prefix, blockTokens }: Content): Record<string, unknown> {
  const [pattern] = patterns;
  const tokens = (value: number) => Math.max(1, Math.round(value));
  const ms = (value: number) => (value === 0 ? 0 : `${Number(value.toPrecision(6))}ms`);
  return {
    isl: writtenDistribution(pattern!.isl, tokens),
    osl: writtenDistribution(pattern!.osl, tokens),
    ...(pattern!.correlation === undefined ? {} : { correlation: pattern!.correlation }),
    ...(sessions === null
      ? {}
      : {
          sessions: {
            turns: writtenDistribution(sessions.turns, tokens),
            thinkTime: writtenDistribution(sessions.thinkMs, ms),
            ...(sessions.growth === undefined ? {} : { growth: writtenDistribution(sessions.growth, tokens) }),
            history: sessions.history,
          },
        }),
    ...(agents === undefined ? {} : { agents: writtenAgents(agents, tokens, ms) }),
    ...(prefix === null ? {} : { prefix: writtenPrefix(prefix) }),
    blockSize: blockTokens,
  };
}

function writtenAgents(
  { turns, toolWaitMs, growth, subagents }: AgentShape,
  whole: (value: number) => unknown,
  ms: (value: number) => unknown,
): Record<string, unknown> {
  return {
    turns: writtenDistribution(turns, whole),
    toolWait: writtenDistribution(toolWaitMs, ms),
    growth: writtenDistribution(growth, whole),
    ...(subagents === null
      ? {}
      : {
          subagents: {
            share: subagents.share,
            count: writtenDistribution(subagents.count, whole),
            turns: writtenDistribution(subagents.turns, whole),
            ...(subagents.isl === undefined ? {} : { isl: writtenDistribution(subagents.isl, whole) }),
          },
        }),
  };
}

function writtenPrefix(prefix: PrefixSharing): unknown {
  if (prefix.kind === "groups") return { groups: prefix.groups, tokens: prefix.tokens };
  if (prefix.kind !== "reuse") throw new Error(`no fit makes a prefix by ${prefix.kind}`);
  return {
    ...(prefix.tokens === 0 ? {} : { tokens: prefix.tokens }),
    reuse: writtenDistribution(prefix.share, (value) => Number(value.toFixed(4))),
    window: prefix.window,
    ...(prefix.correlation === 0 ? {} : { correlation: prefix.correlation }),
  };
}

function writtenDistribution(distribution: Distribution, value: (of: number) => unknown): unknown {
  switch (distribution.kind) {
    case "fixed":
      return value(distribution.value);
    case "lognormal": {
      const sigma = Number(distribution.sigma.toPrecision(4));
      const mean = value(distribution.mean);
      return { lognormal: { mean: typeof mean === "string" ? mean : Number(distribution.mean.toPrecision(6)), sigma } };
    }
    case "quantiles":
      return {
        quantiles: Object.fromEntries(
          distribution.points.map(({ q, value: at }) => [String(Number((100 * q).toFixed(3))), value(at)]),
        ),
      };
    case "mixture":
      return {
        mixture: distribution.parts.map(({ weight, of }) => ({ weight, of: writtenDistribution(of, value) })),
      };
    default:
      throw new Error(`no fit makes a ${distribution.kind}`);
  }
}
