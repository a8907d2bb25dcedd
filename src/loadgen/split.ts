import { type ClosedLoop, families, type Workload } from "#scenarios";

/** The traffic of one of several threads or generators. */
export interface Part {
  openHeads: Int32Array;
  closedLoops: ClosedLoop[];
}

/**
 * Shares the sessions of a workload out to threads (or generators) by turns. A closed loop's places are shared out, too: all threads together
 * never have more sessions in flight than the loop allows.
 */
export function split(workload: Workload, threads: number): Part[] {
  const openHeads = splitSessions(workload, threads);
  return Array.from({ length: threads }, (_, thread) => ({
    openHeads: openHeads(thread),
    closedLoops: workload.closedLoops.flatMap((loop) => {
      // With fewer places than threads some threads have none, and the others share the sessions.
      const sharers = Math.min(threads, loop.concurrency);
      if (thread >= sharers) return [];
      const concurrency = Math.floor(loop.concurrency / sharers) + (thread < loop.concurrency % sharers ? 1 : 0);
      return [{ ...loop, concurrency, heads: everyNth(loop.heads, sharers, thread) }];
    }),
  }));
}

/** Requests that others wait for stay with those: a session that several first requests begin goes to one thread. */
function splitSessions(workload: Workload, threads: number): (thread: number) => Int32Array {
  const { openHeads } = workload;
  if (workload.dependencies === undefined) return (thread) => everyNth(openHeads, threads, thread);
  const family = families(workload);
  const order = new Map<number, number>();
  for (const head of openHeads) if (!order.has(family[head]!)) order.set(family[head]!, order.size);
  return (thread) => openHeads.filter((head) => order.get(family[head]!)! % threads === thread);
}

function everyNth(heads: Int32Array, n: number, first: number): Int32Array {
  return n === 1 ? heads : heads.filter((_, i) => i % n === first);
}
