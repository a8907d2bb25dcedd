import type { EngineConfig } from "#mocker/engine";
import type { RunRecord } from "#src/record";
import type { SimulationSpec } from "#src/simulator";

/** Per request: what its prompt adds to a pass at best, with as many like it as a pass takes, s. */
export function fullPassS(spec: SimulationSpec, table: RunRecord["requests"]): Float64Array {
  const { engine } = spec.prefill ?? spec.decode;
  const known = new Map<string, number>();
  return Float64Array.from({ length: table.count }, (_, i) => {
    const key = `${table.isl[i]}/${table.cachedTokens[i]}`;
    let seconds = known.get(key);
    if (seconds === undefined) {
      seconds = leastPromptMs(engine, table.isl[i]!, table.cachedTokens[i]!) / 1000;
      known.set(key, seconds);
    }
    return seconds;
  });
}

function leastPromptMs(engine: EngineConfig, isl: number, cached: number): number {
  const { timing, maxNumBatchedTokens, speedupRatio } = engine;
  if (!(speedupRatio > 0)) return 0;
  const start = Math.min(cached, isl - 1);
  const fresh = isl - start;
  const work = timing.chunkWorkMs(start, isl);
  const sharedMs = (prompts: number) =>
    timing.prefillMs(prompts, prompts * fresh, prompts * start, prompts * work) / prompts;
  let least = sharedMs(1);
  const most = Math.floor(maxNumBatchedTokens / fresh);
  for (let prompts = 2; prompts < most; prompts *= 2) least = Math.min(least, sharedMs(prompts));
  if (most > 1) least = Math.min(least, sharedMs(most));
  return least / speedupRatio;
}
