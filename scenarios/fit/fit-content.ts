import { quantileSorted, rankCorrelation } from "#common";
import { prefixReuse } from "../traces/prefix-reuse.ts";
import type { Content, PrefixSharing, SessionShape } from "../traffic.ts";
import type { Workload } from "../workload.ts";
import { fitBounded, fitDistribution } from "./fit-lengths.ts";

/** Share of later turns that must repeat what was before for conversations to count as growing. */
const MOSTLY = 0.9;
/** Reuse below this is chance. */
const LEAST_REUSE = 0.005;

/** Lengths, sessions and shared prefixes of a workload with at least one request. */
export function fitContent(workload: Workload): Content {
  const { count, isl, osl, turnIndex } = workload;
  const sessions = fitSessions(workload);
  const independent = sessions === null || sessions.history === "none";
  // Where conversations grow, the lengths of first prompts and of what is added are two things.
  const first = Array.from({ length: count }, (_, i) => i).filter((i) => independent || turnIndex![i] === 0);
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
    prefix: fitPrefix(workload),
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

/** Whether the whole blocks of one prompt begin another. */
function isPrefix({ isl, prompts }: Workload, before: number, after: number): boolean {
  const { blockTokens, offset, ids } = prompts!;
  const named = Math.min(offset[before + 1]! - offset[before]!, offset[after + 1]! - offset[after]!);
  const blocks = Math.min(named, Math.floor(isl[before]! / blockTokens));
  for (let i = 0; i < blocks; i++) if (ids[offset[before]! + i] !== ids[offset[after]! + i]) return false;
  return true;
}

function fitPrefix(workload: Workload): PrefixSharing | null {
  const { prompts, isl, nextTurn, turnIndex } = workload;
  const found = prefixReuse(workload);
  if (prompts === null || found === null) return null;
  const { blockTokens } = prompts;
  const heads = Array.from({ length: workload.count }, (_, i) => i).filter(
    (i) => nextTurn === null || turnIndex?.[i] === 0,
  );
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
