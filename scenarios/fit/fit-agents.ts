import { badTraffic } from "../errors.ts";
import type { AgentShape, Distribution } from "../traffic.ts";
import type { AgentRuns } from "./agent-runs.ts";
import { fitDistribution } from "./fit-lengths.ts";

/** Share of later prompts that must go on from the one before, for conversations that grow to be like them. */
const LEAST_REPEATING = 0.5;
/** Counts of up to so many different values are written down one by one. */
const FEW_VALUES = 24;

/**
 * Agents as `agents:` of a scenario has them: a main conversation and sub-agents for whose ends it waits.
 * @param isl prompt tokens by request @param file name for messages
 * @throws UserError SCENARIOS_BAD_TRAFFIC of prompts that do not repeat their conversations
 */
export function fitAgents(runs: AgentRuns, isl: Int32Array, file: string): AgentShape {
  const { turns, subTurns, subHeads, toolWaitsMs, growth, begun, repeating } = runs;
  if (repeating < LEAST_REPEATING) {
    throw badTraffic(
      file,
      `found requests that wait for others, of which ${Math.round(100 * repeating)} % repeat the prompt of the one before, expected agents whose conversations grow`,
      "play the trace itself (trace: { file: … })",
    );
  }
  const beginning = begun.filter((count) => count > 0);
  return {
    turns: fitCounts(turns),
    toolWaitMs: toolWaitsMs.length === 0 ? { kind: "fixed", value: 0 } : fitDistribution(toolWaitsMs),
    growth:
      growth.length === 0 ? { kind: "fixed", value: 1 } : fitDistribution(growth.map((tokens) => Math.max(1, tokens))),
    maxIsl: null,
    subagents:
      beginning.length === 0
        ? null
        : {
            share: Number((beginning.length / begun.length).toFixed(4)),
            count: fitCounts(beginning),
            turns: fitCounts(subTurns),
            isl: fitDistribution(subHeads.map((head) => isl[head]!)),
          },
  };
}

/** The distribution of counts: one by one where they are few, which quantiles would blur. */
function fitCounts(values: readonly number[]): Distribution {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  if (counts.size === 1 || counts.size > FEW_VALUES) return fitDistribution(values);
  const parts = [...counts].sort(([a], [b]) => a - b);
  return {
    kind: "mixture",
    parts: parts.map(([value, weight]) => ({ weight, of: { kind: "fixed", value } })),
  };
}
