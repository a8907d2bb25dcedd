import type { Edge } from "#scenarios/workload";

/** When a request of an agent's session ran. */
export interface SessionRequest {
  startMs: number;
  endMs: number;
  session: string | null;
  /** The session that began this one. */
  parentSession: string | null;
}

/**
 * What recorded requests of agents waited for (as DynoSim 1.6.1 lowers Dynamo's request traces): within a session each for the
 * one before; the first of a sub-agent for the sending of its parent's latest request; a parent's first request after a sub-agent
 * ended for that end. Each wait is as long as it was recorded. Where requests of a session overlap, the later one waits
 * for the sending of the earlier.
 * @param requests by start
 */
export function agentEdges(requests: readonly SessionRequest[]): Edge[] {
  const sessions = new Map<string, number[]>();
  requests.forEach(({ session }, i) => {
    if (session === null) return;
    const places = sessions.get(session);
    if (places === undefined) sessions.set(session, [i]);
    else places.push(i);
  });
  const edges: Edge[] = [];
  for (const places of sessions.values()) {
    for (let turn = 1; turn < places.length; turn++) edges.push(sequence(requests, places[turn - 1]!, places[turn]!));
    const parent = requests[places[0]!]!.parentSession;
    if (parent !== null) edges.push(...spawnAndJoin(requests, places, sessions.get(parent) ?? []));
  }
  return edges;
}

function sequence(requests: readonly SessionRequest[], parent: number, child: number): Edge {
  const waitMs = requests[child]!.startMs - requests[parent]!.endMs;
  if (waitMs >= 0) return { parent, child, delayMs: waitMs, onStart: false };
  return { parent, child, delayMs: requests[child]!.startMs - requests[parent]!.startMs, onStart: true };
}

function spawnAndJoin(requests: readonly SessionRequest[], own: readonly number[], parents: readonly number[]): Edge[] {
  const edges: Edge[] = [];
  const first = own[0]!;
  const spawning = parents.findLast((parent) => parent < first);
  if (spawning !== undefined) {
    const delayMs = requests[first]!.startMs - requests[spawning]!.startMs;
    edges.push({ parent: spawning, child: first, delayMs, onStart: true });
  }
  const last = own.reduce((latest, i) => (requests[i]!.endMs > requests[latest]!.endMs ? i : latest));
  const { endMs } = requests[last]!;
  const joining = parents.find((parent) => parent > last && requests[parent]!.startMs >= endMs);
  if (joining !== undefined) {
    edges.push({ parent: last, child: joining, delayMs: requests[joining]!.startMs - endMs, onStart: false });
  }
  return edges;
}
