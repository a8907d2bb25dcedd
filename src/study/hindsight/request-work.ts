import { type EngineConfig, IdlePrefill, transferMs } from "#mocker/engine";
import type { RequestTable } from "#src/record";
import type { SimulationSpec } from "#src/simulator";

/** What each request asks of a role: a share of one worker, from a time after its arrival on, for so long. Index = request. */
export interface RoleWork {
  /** From arrival, s. */
  startS: Float64Array;
  durationS: Float64Array;
  /** Of one worker while it lasts, 0..1. */
  share: Float64Array;
}

/** In aggregated mode both are work of the one pool: its prompts and its decoding. */
export interface RequestWork {
  prefill: RoleWork;
  decode: RoleWork;
}

/**
 * The work of requests in workers' time. A prompt takes a worker for as long as an idle one computes it; an output takes 1 ÷ B of
 * a worker, B being the largest batch of its own context that keeps the ITL limit (or fits the cache), at that batch's pace.
 */
export function requestWork(
  { prefill, decode, transfer, sla }: Pick<SimulationSpec, "prefill" | "decode" | "transfer" | "sla">,
  table: Pick<RequestTable, "count" | "isl" | "requestedOsl" | "cachedTokens">,
): RequestWork {
  const { count } = table;
  const prompts = prefill ?? decode;
  const idle = new IdlePrefill(prompts.engine);
  const batchOf = fullBatches(decode.engine, sla.itlMs);
  const work = { prefill: emptyWork(count), decode: emptyWork(count) };
  for (let i = 0; i < count; i++) {
    const isl = table.isl[i]!;
    const promptS = idle.ms(isl, table.cachedTokens[i]!) / 1000;
    work.prefill.durationS[i] = promptS;
    work.prefill.share[i] = 1 / prompts.dpSize;
    const osl = Math.max(1, table.requestedOsl[i]!);
    const { batch, itlMs } = batchOf(isl + osl / 2);
    work.decode.startS[i] = promptS + (prefill === null ? 0 : transferMs(transfer, isl) / 1000);
    work.decode.durationS[i] = (osl * itlMs) / 1000;
    work.decode.share[i] = 1 / (batch * decode.dpSize);
  }
  return work;
}

function emptyWork(count: number): RoleWork {
  return {
    startS: new Float64Array(count),
    durationS: new Float64Array(count),
    share: new Float64Array(count),
  };
}

/** Batches (fractions count) that just keep the ITL, by context, with the ITL they have. */
function fullBatches(engine: EngineConfig, slaItlMs: number): (context: number) => { batch: number; itlMs: number } {
  const speedup = engine.speedupRatio * engine.decodeSpeedupRatio;
  const known = new Map<number, { batch: number; itlMs: number }>();
  const passMs = (batch: number, context: number) =>
    speedup > 0 ? engine.timing.decodeMs(batch, batch * context, context) / speedup : 0;
  const search = (context: number) => {
    const most = Math.max(1, Math.min(engine.maxNumSeqs, (engine.numGpuBlocks * engine.blockSize) / context));
    if (passMs(most, context) <= slaItlMs || passMs(1, context) > slaItlMs) {
      return { batch: most, itlMs: passMs(most, context) };
    }
    let low = 1;
    let high = most;
    while (high - low > 1e-3 * low) {
      const middle = (low + high) / 2;
      if (passMs(middle, context) <= slaItlMs) low = middle;
      else high = middle;
    }
    return { batch: low, itlMs: passMs(low, context) };
  };
  return (context) => {
    // 16 tokens are no difference that a batch would notice.
    const rounded = Math.max(1, Math.round(context / 16) * 16);
    let found = known.get(rounded);
    if (found === undefined) {
      found = search(rounded);
      known.set(rounded, found);
    }
    return found;
  };
}
