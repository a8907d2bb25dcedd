import type { Workload } from "#scenarios/workload";

/** What a cache without limits would find of each prompt, in the order of arrival. */
export interface PrefixReuse {
  /** Leading blocks that an earlier request (or the session so far) had, by request. */
  hitBlocks: Int32Array;
  /** Requests since the last one with the last of those blocks; 0 for none. */
  distance: Int32Array;
  distinctBlocks: number;
}

/**
 * Ids are as good as prefixes here: traces number a block together with all before it. Sessions are taken as a whole at the time of
 * their first request: when the later ones come, no trace says.
 */
export function prefixReuse(workload: Workload): PrefixReuse | null {
  const { prompts, count } = workload;
  if (prompts === null) return null;
  const lastUse = new Map<number, number>();
  const hitBlocks = new Int32Array(count);
  const distance = new Int32Array(count);
  for (let request = 0; request < count; request++) {
    const from = prompts.offset[request]!;
    const end = prompts.offset[request + 1]!;
    const to = Math.min(end, from + Math.ceil(workload.isl[request]! / prompts.blockTokens));
    let hits = from;
    while (hits < to && lastUse.has(prompts.ids[hits]!)) hits++;
    hitBlocks[request] = hits - from;
    if (hits > from) distance[request] = request - lastUse.get(prompts.ids[hits - 1]!)!;
    for (let i = from; i < end; i++) lastUse.set(prompts.ids[i]!, request);
  }
  return { hitBlocks, distance, distinctBlocks: lastUse.size };
}
