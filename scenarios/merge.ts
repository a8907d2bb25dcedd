import {
  type ClosedLoop,
  type Dependencies,
  hintsOf,
  namesOutput,
  type PromptBlocks,
  type RoutingHints,
  routingHints,
  type Tenants,
  type Workload,
} from "#scenarios/workload";
import { badTraffic } from "./errors.ts";

/**
 * Overlays workloads: requests keep their order, part after part; arrivals interleave by time, ties in the order of the parts.
 * The parts' prompts share nothing with each other. Parts shift by `startMs`.
 */
export function mergeWorkloads(parts: { workload: Workload; startMs: number }[]): Workload {
  if (parts.length === 1 && parts[0]!.startMs === 0) return parts[0]!.workload;
  const workloads = parts.map((part) => part.workload);
  const first: number[] = [];
  let count = 0;
  for (const workload of workloads) {
    first.push(count);
    count += workload.count;
  }
  const ints = (column: (workload: Workload) => Int32Array) => concat(new Int32Array(count), workloads, first, column);
  const floats = (column: (workload: Workload) => Float64Array) =>
    concat(new Float64Array(count), workloads, first, column);

  const arrivalMs = floats((workload) => workload.arrivalMs);
  const heads = new Int32Array(workloads.reduce((sum, workload) => sum + workload.openHeads.length, 0));
  let at = 0;
  for (const [i, { workload, startMs }] of parts.entries()) {
    for (let request = 0; request < workload.count; request++) arrivalMs[first[i]! + request]! += startMs;
    for (const head of workload.openHeads) heads[at++] = head + first[i]!;
  }
  if (parts.length > 1) heads.sort((a, b) => arrivalMs[a]! - arrivalMs[b]! || a - b);

  const turns = workloads.some((workload) => workload.nextTurn !== null);
  const nextTurn = turns ? ints((w) => w.nextTurn ?? new Int32Array(w.count).fill(-1)) : null;
  if (nextTurn !== null) {
    for (const [i, { count: length }] of workloads.entries()) {
      for (let request = first[i]!; request < first[i]! + length; request++) {
        if (nextTurn[request]! >= 0) nextTurn[request]! += first[i]!;
      }
    }
  }
  const dependencies = mergeDependencies(workloads, first, count);
  const hints = mergeHints(workloads, first, count);
  const labelled = workloads.some((workload) => workload.sessionIds !== null);
  return {
    count,
    isl: ints((workload) => workload.isl),
    osl: ints((workload) => workload.osl),
    arrivalMs,
    openHeads: heads,
    closedLoops: parts.flatMap(({ workload, startMs }, i) =>
      workload.closedLoops.map(
        (loop): ClosedLoop => ({
          concurrency: loop.concurrency,
          heads: loop.heads.map((head) => head + first[i]!),
          startMs: loop.startMs + startMs,
          endMs: loop.endMs + startMs,
        }),
      ),
    ),
    nextTurn,
    thinkMs: turns ? floats((w) => w.thinkMs ?? new Float64Array(w.count)) : null,
    turnIndex: workloads.some((workload) => workload.turnIndex !== null)
      ? ints((w) => w.turnIndex ?? new Int32Array(w.count))
      : null,
    ...(dependencies === null ? {} : { dependencies }),
    ...(workloads.some(({ tenants }) => tenants !== undefined) ? { tenants: mergeTenants(workloads, count) } : {}),
    ...(hints === undefined ? {} : { hints }),
    sessionIds: labelled ? workloads.flatMap((w) => w.sessionIds ?? new Array<string>(w.count).fill("")) : null,
    prompts: mergePrompts(workloads),
    horizonMs: Math.max(0, ...parts.map(({ workload, startMs }) => workload.horizonMs + startMs)),
  };
}

/** null where no request waits for another. */
function mergeDependencies(workloads: Workload[], first: number[], count: number): Dependencies | null {
  const total = workloads.reduce((sum, { dependencies }) => sum + (dependencies?.parents.length ?? 0), 0);
  if (total === 0) return null;
  const merged: Dependencies = {
    offset: new Int32Array(count + 1),
    parents: new Int32Array(total),
    delayMs: new Float64Array(total),
    onStart: new Uint8Array(total),
  };
  let written = 0;
  for (const [i, { count: length, dependencies }] of workloads.entries()) {
    const shift = first[i]!;
    for (let request = 0; request < length; request++) {
      merged.offset[shift + request + 1] = written + (dependencies?.offset[request + 1] ?? 0);
    }
    if (dependencies === undefined) continue;
    merged.parents.set(
      dependencies.parents.map((parent) => parent + shift),
      written,
    );
    merged.delayMs.set(dependencies.delayMs, written);
    merged.onStart.set(dependencies.onStart, written);
    written += dependencies.parents.length;
  }
  return merged;
}

function mergeTenants(workloads: Workload[], count: number): Tenants {
  const names: string[] = [];
  const of = new Int32Array(count).fill(-1);
  let request = 0;
  for (const { count: length, tenants } of workloads) {
    const places = tenants?.names.map((name) => {
      if (!names.includes(name)) names.push(name);
      return names.indexOf(name);
    });
    for (let i = 0; i < length; i++, request++) of[request] = places?.[tenants!.of[i]!] ?? -1;
  }
  return { names, of };
}

/** undefined where no request tells routers anything. */
function mergeHints(workloads: Workload[], first: number[], count: number): RoutingHints | undefined {
  if (workloads.every(({ hints }) => hints === undefined)) return undefined;
  let part = 0;
  return routingHints(count, (request) => {
    while (request >= first[part]! + workloads[part]!.count) part++;
    const { hints } = workloads[part]!;
    return hints && hintsOf(hints, request - first[part]!);
  });
}

function concat<T extends Int32Array | Float64Array>(
  target: T,
  workloads: Workload[],
  first: number[],
  column: (workload: Workload) => T,
): T {
  for (const [i, workload] of workloads.entries()) target.set(column(workload), first[i]!);
  return target;
}

function mergePrompts(workloads: Workload[]): PromptBlocks | null {
  const blockTokens = workloads.reduce((size, { prompts }) => gcd(size, prompts?.blockTokens ?? 0), 0);
  if (blockTokens === 0) return null;
  const count = workloads.reduce((sum, workload) => sum + workload.count, 0);
  const total = workloads.reduce((sum, { prompts }) => {
    return prompts === null ? sum : sum + (prompts.ids.length * prompts.blockTokens) / blockTokens;
  }, 0);
  const offset = new Int32Array(count + 1);
  const ids = new Int32Array(total);
  let request = 0;
  let written = 0;
  let freeId = 0;
  for (const { count: length, isl, prompts } of workloads) {
    const split = prompts === null ? 1 : prompts.blockTokens / blockTokens;
    let largest = -1;
    for (let i = 0; i < length; i++) {
      const from = prompts?.offset[i] ?? 0;
      const own = (prompts?.offset[i + 1] ?? 0) - from;
      // Where ids end with the prompt, their parts do, too: those of its last block that lie beyond would name the answer.
      const goesPast = prompts !== null && namesOutput(own, isl[i]!, prompts.blockTokens);
      const kept = goesPast ? own * split : Math.min(own * split, Math.ceil(isl[i]! / blockTokens));
      for (let j = 0; j < kept; j++) {
        const id = prompts!.ids[from + Math.floor(j / split)]!;
        if (id > largest) largest = id;
        ids[written++] = freeId + id * split + (j % split);
      }
      offset[++request] = written;
    }
    freeId += (largest + 1) * split;
    if (freeId > 2 ** 31) {
      throw badTraffic(
        "traffic",
        `found ${freeId} different prompt blocks, too many to number`,
        `use block sizes that divide each other; ${blockTokens} tokens is the largest that divides all`,
      );
    }
  }
  return { blockTokens, offset, ids: ids.slice(0, written) };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
