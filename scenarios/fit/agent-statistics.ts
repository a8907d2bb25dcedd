import { mean, quantileSorted } from "#common";
import type { Workload } from "#scenarios/workload";
import { type AgentRuns, agentRuns } from "./agent-runs.ts";
import { type ComparedStatistic, compared } from "./compared-statistic.ts";

/** What runs of agents are like, in the original and in what was made of it; none of workloads without. */
export function agentStatistics(original: Workload, regenerated: Workload): ComparedStatistic[] {
  if (original.dependencies === undefined) return [];
  const [was, is] = [agentRuns(original), agentRuns(regenerated)];
  const statistic = (name: string, unit: string, of: (runs: AgentRuns) => number, isRelative = true) =>
    compared(name, unit, of(was), of(is), isRelative);
  const spread = (name: string, unit: string, of: (runs: AgentRuns) => readonly number[], quantiles: number[]) => {
    const at = (values: readonly number[], q: number) => quantileSorted(Float64Array.from(values).sort(), q);
    return [
      statistic(`${name}, mean`, unit, (runs) => mean(Float64Array.from(of(runs)))),
      ...quantiles.map((q) => statistic(`${name}, p${Math.round(100 * q)}`, unit, (runs) => at(of(runs), q))),
    ];
  };
  const lengths = (workload: Workload, of: readonly number[]) => of.map((request) => workload.isl[request]!);
  const firstPrompts = (runs: AgentRuns) => lengths(runs === was ? original : regenerated, runs.heads);
  const subPrompts = (runs: AgentRuns) => lengths(runs === was ? original : regenerated, runs.subHeads);
  const rows = [
    ...spread("turns of an agent", "", ({ turns }) => turns, [0.9]),
    ...spread("first prompt of an agent", "tokens", firstPrompts, [0.5, 0.9]),
  ];
  if (was.growth.length > 0) {
    rows.push(
      ...spread("growth of a prompt", "tokens", ({ growth }) => growth, [0.5, 0.9]),
      ...spread("tool wait", "ms", ({ toolWaitsMs }) => toolWaitsMs, [0.5, 0.9]),
    );
  }
  if (was.subHeads.length > 0) {
    rows.push(
      statistic("steps that begin sub-agents", "share", ({ begun }) => beginning(begun).length / begun.length, false),
      ...spread("sub-agents at once", "", ({ begun }) => beginning(begun), []),
      statistic("sub-agents of a run, mean", "", ({ subHeads, heads }) => subHeads.length / heads.length),
      ...spread("turns of a sub-agent", "", ({ subTurns }) => subTurns, [0.9]),
      ...spread("first prompt of a sub-agent", "tokens", subPrompts, [0.5, 0.9]),
    );
  }
  return rows;
}

function beginning(begun: readonly number[]): number[] {
  return begun.filter((count) => count > 0);
}
