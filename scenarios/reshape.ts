import { dependenciesOf, type Edge, edgesOf, families, type Workload } from "#scenarios/workload";

/** The same sessions, in their order, with `concurrency` of them in flight instead of at their times. */
export function asClosedLoop(workload: Workload, concurrency: number): Workload {
  const { heads, later } = sessionHeads(workload);
  const closed: Workload = {
    ...workload,
    arrivalMs: new Float64Array(workload.count).fill(Number.NaN),
    openHeads: new Int32Array(0),
    closedLoops: [{ concurrency, heads, startMs: 0, endMs: Number.POSITIVE_INFINITY }],
    horizonMs: 0,
  };
  return withEdges(closed, later);
}

/**
 * The same sessions, in their order, at other times. Sessions beyond the last time are left out.
 * @param timesMs ascending
 */
export function atTimes(workload: Workload, timesMs: Float64Array): Workload {
  const { heads: all, later } = sessionHeads(workload);
  const heads = all.subarray(0, timesMs.length);
  const arrivalMs = new Float64Array(workload.count).fill(Number.NaN);
  heads.forEach((head, i) => {
    arrivalMs[head] = timesMs[i]!;
  });
  const horizonMs = timesMs[heads.length - 1] ?? 0;
  return withEdges({ ...workload, arrivalMs, openHeads: heads, closedLoops: [], horizonMs }, later);
}

/** The first `count` sessions of the open loop; rows of the others stay, unsent. */
export function firstSessions(workload: Workload, count: number): Workload {
  const { openHeads, arrivalMs } = workload;
  const kept = workload.dependencies === undefined ? openHeads.subarray(0, count) : headsOfFirst(workload, count);
  if (kept.length === openHeads.length) return workload;
  return { ...workload, openHeads: kept.slice(), horizonMs: kept.length === 0 ? 0 : arrivalMs[kept.at(-1)!]! };
}

/**
 * The beginning of a workload: what comes before `share` of its time is over, and of closed loops that end by requests that share of
 * their sessions. Sessions that have begun are whole; rows of the others stay, unsent.
 * @param share above 0, at most 1
 * @param endMs where the run is cut off, of whose time it is a share then
 */
export function firstPart(workload: Workload, share: number, endMs = Number.POSITIVE_INFINITY): Workload {
  if (share >= 1) return workload;
  const { arrivalMs, openHeads, dependencies } = workload;
  const untilMs = share * Math.min(workload.horizonMs, endMs);
  const isEarly = (head: number) => arrivalMs[head]! < untilMs;
  return {
    ...workload,
    openHeads: dependencies === undefined ? openHeads.filter(isEarly) : headsOfFamilies(workload, isEarly),
    closedLoops: workload.closedLoops
      .filter(({ startMs }) => startMs <= untilMs)
      .map((loop) =>
        loop.endMs === Number.POSITIVE_INFINITY
          ? { ...loop, heads: loop.heads.slice(0, Math.ceil(share * loop.heads.length)) }
          : { ...loop, endMs: Math.min(loop.endMs, untilMs) },
      ),
    horizonMs: untilMs,
  };
}

/** Heads of the open loop whose session has begun with one that is early. */
function headsOfFamilies(workload: Workload, isEarly: (head: number) => boolean): Int32Array {
  const family = families(workload);
  const begun = new Set<number>();
  for (const head of workload.openHeads) if (isEarly(head)) begun.add(family[head]!);
  return workload.openHeads.filter((head) => begun.has(family[head]!));
}

function headsOfFirst(workload: Workload, count: number): Int32Array {
  const family = families(workload);
  const kept = new Set<number>();
  for (const head of workload.openHeads) if (kept.size < count) kept.add(family[head]!);
  return workload.openHeads.filter((head) => kept.has(family[head]!));
}

/** The same with more to wait for, where there is something already. */
function withEdges(workload: Workload, more: readonly Edge[]): Workload {
  if (workload.dependencies === undefined) return workload;
  const edges = [...edgesOf(workload.dependencies), ...more];
  return { ...workload, dependencies: dependenciesOf(edges, workload.count) };
}

/**
 * One first request of each session; others of the same session that have a time of their own begin as long after it as they did, or later
 * where they wait for more.
 */
function sessionHeads(workload: Workload): { heads: Int32Array; later: Edge[] } {
  const all = Int32Array.from([...workload.openHeads, ...workload.closedLoops.flatMap((loop) => [...loop.heads])]);
  if (workload.dependencies === undefined) return { heads: all, later: [] };
  const family = families(workload);
  const firstOf = new Map<number, number>();
  const heads = all.filter((head) => {
    const isFirst = !firstOf.has(family[head]!);
    if (isFirst) firstOf.set(family[head]!, head);
    return isFirst;
  });
  const later: Edge[] = [];
  workload.arrivalMs.forEach((atMs, child) => {
    const parent = firstOf.get(family[child]!);
    if (parent === undefined || parent === child) return;
    const delayMs = atMs - workload.arrivalMs[parent]!;
    if (delayMs >= 0) later.push({ parent, child, delayMs, onStart: true });
  });
  return { heads, later };
}
