import { quantileSorted, rankCorrelation } from "#common";
import type { Workload } from "#scenarios/workload";
import { prefixReuse } from "../traces/prefix-reuse.ts";
import type { Content, PrefixSharing, SessionShape } from "../traffic.ts";
import { agentRuns, isPrefix } from "./agent-runs.ts";
import { fitAgents } from "./fit-agents.ts";
import { fitBounded, fitDistribution } from "./fit-lengths.ts";

/** Share of later turns that must repeat what was before for conversations to count as growing. */
const MOSTLY = 0.9;
/** Reuse below this is chance. */
const LEAST_REUSE = 0.005;

/**
 * Lengths, sessions or agents, and shared prefixes of a workload with at least one request.
 * @param file name for messages @throws UserError as `fitAgents`
 */
export function fitContent(workload: Workload, file = "trace"): Content {
  const { count, isl, osl, nextTurn, turnIndex } = workload;
  const runs = workload.dependencies === undefined ? null : agentRuns(workload);
  const sessions = runs === null ? fitSessions(workload) : null;
  const independent = sessions === null || sessions.history === "none";
  const all = Array.from({ length: count }, (_, i) => i);
  // Where conversations grow, the lengths of first prompts and of what is added are two things.
  const first = runs?.heads ?? all.filter((i) => independent || turnIndex![i] === 0);
  const prompts = Int32Array.from(first, (i) => isl[i]!);
  const correlation = rankCorrelation(
    prompts,
    Int32Array.from(first, (i) => osl[i]!),
  );
  return {
    patterns: [
      {
        share: null,
        isl: fitDistribution(prompts),
        osl: fitDistribution(osl),
        ...(Math.abs(correlation) > 0.02 + 2 / Math.sqrt(first.length) ? { correlation: rounded(correlation) } : {}),
      },
    ],
    sessions,
    ...(runs === null ? {} : { agents: fitAgents(runs, isl, file) }),
    prefix: fitPrefix(
      workload,
      runs === null ? all.filter((i) => nextTurn === null || turnIndex?.[i] === 0) : [...runs.heads, ...runs.subHeads],
    ),
    blockTokens: workload.prompts?.blockTokens ?? 64,
  };
}

function fitSessions(workload: Workload): SessionShape | null {
  const { count, isl, osl, nextTurn, thinkMs, turnIndex } = workload;
  if (nextTurn === null || turnIndex === null) return null;
  const turns: number[] = [];
  const waits: number[] = [];
  const added: number[] = [];
  let repeating = 0;
  for (let i = 0; i < count; i++) {
    const next = nextTurn[i]!;
    if (next < 0) turns.push(turnIndex[i]! + 1);
    else {
      waits.push(thinkMs?.[next] ?? 0);
      added.push(isl[next]! - isl[i]! - osl[i]!);
      if (added.at(-1)! > 0 && workload.prompts !== null && isPrefix(workload, i, next)) repeating++;
    }
  }
  if (waits.length === 0) return null;
  const grows = repeating >= MOSTLY * waits.length;
  return {
    turns: fitDistribution(turns),
    thinkMs: fitDistribution(waits),
    ...(grows ? { growth: fitDistribution(added.map((tokens) => Math.max(1, tokens))) } : {}),
    history: grows ? "grow" : "none",
    maxIsl: null,
  };
}

/** @param heads the first requests of conversations */
function fitPrefix(workload: Workload, heads: readonly number[]): PrefixSharing | null {
  const { prompts, isl } = workload;
  const found = prefixReuse(workload);
  if (prompts === null || found === null) return null;
  const { blockTokens } = prompts;
  // What nearly all begin with; the first of them had nothing to find.
  const common = quantileSorted(Float64Array.from(heads, (i) => found.hitBlocks[i]!).sort(), 1 - MOSTLY);
  const commonBlocks = Math.floor(common);
  const shares: number[] = [];
  const lengths: number[] = [];
  const distances: number[] = [];
  for (const i of heads) {
    const blocks = Math.ceil(isl[i]! / blockTokens) - commonBlocks;
    if (blocks <= 0) continue;
    const hits = Math.max(0, found.hitBlocks[i]! - commonBlocks);
    shares.push(Math.min(1, hits / blocks));
    lengths.push(isl[i]!);
    if (hits > 0) distances.push(found.distance[i]!);
  }
  const mean = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
  const tokens = commonBlocks * blockTokens;
  if (mean < LEAST_REUSE) return commonBlocks === 0 ? null : { kind: "groups", groups: 1, tokens };
  // A source drawn evenly from the latest n is n/2 requests back, in the middle.
  const middle = quantileSorted(Float64Array.from(distances).sort(), 0.5);
  return {
    kind: "reuse",
    tokens,
    share: fitBounded(shares),
    window: Math.max(1, Math.round(2 * middle)),
    correlation: rounded(rankCorrelation(shares, lengths)),
  };
}

function rounded(value: number): number {
  return Number(value.toFixed(3));
}
