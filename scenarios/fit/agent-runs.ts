import type { Workload } from "#scenarios/workload";

/** What the runs of agents in a workload consist of. A chain is the requests of one agent, each prompt the conversation so far. */
export interface AgentRuns {
  /** First requests of the agents themselves, and of sub-agents, which wait for somebody. */
  heads: number[];
  subHeads: number[];
  /** Requests of each agent, and of each sub-agent. */
  turns: number[];
  subTurns: number[];
  /** Between an answer and the next request of its chain, ms, where nobody else is waited for. */
  toolWaitsMs: number[];
  /** Tokens that each later prompt has beyond the prompt and the answer before; below 0 where it is shorter. */
  growth: number[];
  /** Share of the later prompts that repeat the one before and go on from there. */
  repeating: number;
  /** Sub-agents (theirs, too) that each request of an agent begins, of those before its last and those that begin some. */
  begun: number[];
}

/** @param workload with dependencies, whose chains are its labels, or else who repeats whose prompt */
export function agentRuns(workload: Workload): AgentRuns {
  const { count, isl, osl } = workload;
  const before = chains(workload);
  const next = new Int32Array(count).fill(-1);
  before.forEach((parent, request) => {
    if (parent >= 0) next[parent] = request;
  });
  const runs: AgentRuns = {
    heads: [],
    subHeads: [],
    turns: [],
    subTurns: [],
    toolWaitsMs: [],
    growth: [],
    repeating: 0,
    begun: [],
  };
  const begunBy = new Int32Array(count);
  const joinWaitsMs: number[] = [];
  let repeating = 0;
  for (let request = 0; request < count; request++) {
    const parent = before[request]!;
    if (parent < 0) {
      const spawning = agentStep(workload, before, request);
      if (spawning >= 0) begunBy[spawning]!++;
      (spawning < 0 ? runs.heads : runs.subHeads).push(request);
      (spawning < 0 ? runs.turns : runs.subTurns).push(chainLength(next, request));
      continue;
    }
    const added = isl[request]! - isl[parent]! - osl[parent]!;
    runs.growth.push(added);
    if (added > 0 && (workload.prompts === null || isPrefix(workload, parent, request))) repeating++;
    const waits = [...edgesTo(workload, request)];
    if (waits.length === 1) runs.toolWaitsMs.push(workload.dependencies!.delayMs[waits[0]!]!);
    else if (waits.length > 1) joinWaitsMs.push(joinWaitMs(workload, parent, waits));
  }
  for (const head of runs.heads) {
    for (let step = head; step >= 0; step = next[step]!) {
      if (next[step]! >= 0 || begunBy[step]! > 0) runs.begun.push(begunBy[step]!);
    }
  }
  // Where sub-agents are always waited for, there is nothing else to go by.
  if (runs.toolWaitsMs.length === 0) runs.toolWaitsMs = joinWaitsMs;
  runs.repeating = runs.growth.length === 0 ? 1 : repeating / runs.growth.length;
  return runs;
}

/** The request before in the same chain, by request; −1 where one begins. */
function chains(workload: Workload): Int32Array {
  const { count, isl, sessionIds, dependencies } = workload;
  const before = new Int32Array(count).fill(-1);
  const isContinued = new Uint8Array(count);
  const uses = new Map<string, number>();
  for (const label of sessionIds ?? []) uses.set(label, (uses.get(label) ?? 0) + 1);
  const labelOf = (request: number) => {
    const label = sessionIds?.[request] ?? "";
    return (uses.get(label) ?? 0) > 1 ? label : "";
  };
  const join = (parent: number | undefined, request: number) => {
    if (parent === undefined || isContinued[parent] === 1) return;
    before[request] = parent;
    isContinued[parent] = 1;
  };
  const last = new Map<string, number>();
  for (let request = 0; request < count; request++) {
    const label = labelOf(request);
    if (label === "") continue;
    const parents = [...edgesTo(workload, request)].map((at) => dependencies!.parents[at]!);
    if (parents.length > 0) {
      join(parents.find((parent) => labelOf(parent) === label) ?? last.get(label), request);
    }
    last.set(label, request);
  }
  for (let request = 0; request < count; request++) {
    if (before[request]! >= 0 || labelOf(request) !== "" || workload.prompts === null) continue;
    let longest: number | undefined;
    for (const at of edgesTo(workload, request)) {
      const parent = dependencies!.parents[at]!;
      if (isContinued[parent] === 1 || isl[parent]! >= isl[request]! || !isPrefix(workload, parent, request)) continue;
      if (longest === undefined || isl[parent]! > isl[longest]!) longest = parent;
    }
    join(longest, request);
  }
  return before;
}

/** The request of the agent itself that brought a chain about, by however many sub-agents; −1 where nobody did. */
function agentStep(workload: Workload, before: Int32Array, head: number): number {
  let step = -1;
  for (let first = head; ; ) {
    const [at] = edgesTo(workload, first);
    if (at === undefined) return step;
    step = workload.dependencies!.parents[at]!;
    first = step;
    while (before[first]! >= 0) first = before[first]!;
  }
}

/**
 * The time of tools beside sub-agents, ms: the wait after the agent's own answer where the sub-agents' ends set the request free at
 * once; else (in recorded traces the former has their time in it) the shortest.
 */
function joinWaitMs({ dependencies }: Workload, parent: number, waits: readonly number[]): number {
  const { parents, delayMs } = dependencies!;
  const own = waits.find((at) => parents[at] === parent);
  const others = waits.filter((at) => at !== own).map((at) => delayMs[at]!);
  if (own !== undefined && others.every((ms) => ms === 0)) return delayMs[own]!;
  return Math.min(...others, own === undefined ? Number.POSITIVE_INFINITY : delayMs[own]!);
}

function chainLength(next: Int32Array, head: number): number {
  let length = 0;
  for (let request = head; request >= 0; request = next[request]!) length++;
  return length;
}

/** Places of a request's waits in the columns of the dependencies. */
function* edgesTo({ dependencies }: Workload, request: number): Generator<number> {
  if (dependencies === undefined) return;
  for (let at = dependencies.offset[request]!; at < dependencies.offset[request + 1]!; at++) yield at;
}

/** Whether the whole blocks of one prompt begin another. */
export function isPrefix({ isl, prompts }: Workload, before: number, after: number): boolean {
  const { blockTokens, offset, ids } = prompts!;
  const named = Math.min(offset[before + 1]! - offset[before]!, offset[after + 1]! - offset[after]!);
  const blocks = Math.min(named, Math.floor(isl[before]! / blockTokens));
  for (let i = 0; i < blocks; i++) if (ids[offset[before]! + i] !== ids[offset[after]! + i]) return false;
  return true;
}
