import { engineLayout } from "#src/estimator";
import { CandidateFailed, type EngineSource, type Mapping, type OpenEngine } from "#src/profiler";

/** What a source of engines was asked, in order. */
export interface Calls {
  opened: string[];
  closed: string[];
  /** `prefill TP=2 isl=3000`, `decode TP=2 n=4 isl=3000 osl=150`. */
  asked: string[];
  /** Most engines that were open at once. */
  mostOpen: number;
  sourceClosed: number;
}

export interface MadeSourceOptions {
  kind?: EngineSource["kind"];
  /** KV tokens of the whole engine. */
  maxKvTokens?: (mapping: Mapping) => number;
  /** Labels that can't be had. */
  failing?: readonly string[];
  /** Loads that give nothing. */
  failingLoads?: readonly number[];
  onOpen?: (phase: string, mapping: Mapping, folder: string) => void;
}

/**
 * Engines whose times are formulas: TTFT falls with GPUs, ITL grows with load, less so on more GPUs. More GPUs cost throughput per
 * GPU, as communication does.
 */
export function madeSource(options: MadeSourceOptions = {}): { source: EngineSource; calls: Calls } {
  const calls: Calls = { opened: [], closed: [], asked: [], mostOpen: 0, sourceClosed: 0 };
  const open = new Set<string>();
  const source: EngineSource = {
    kind: options.kind ?? "thorough",
    open: async (phase, mapping, folder) => {
      const name = `${phase} ${mapping.label}`;
      calls.opened.push(name);
      options.onOpen?.(phase, mapping, folder);
      if (options.failing?.includes(mapping.label)) throw new CandidateFailed("out of memory");
      open.add(name);
      calls.mostOpen = Math.max(calls.mostOpen, open.size);
      return madeEngine(mapping, options, calls, () => {
        if (open.delete(name)) calls.closed.push(name);
      });
    },
    close: async () => {
      calls.sourceClosed++;
      open.clear();
    },
  };
  return { source, calls };
}

function madeEngine(mapping: Mapping, options: MadeSourceOptions, calls: Calls, closed: () => void): OpenEngine {
  const { gpus, attentionDp } = mapping.layout;
  const maxKvTokens = options.maxKvTokens?.(mapping) ?? 100_000 * gpus;
  return {
    mapping,
    maxKvTokens,
    origin: "measured",
    prefill: async (isl) => {
      calls.asked.push(`prefill ${mapping.label} isl=${isl}`);
      return { ttftMs: 10 + isl / 10 / gpus ** 0.8 };
    },
    decode: async (requests, isl, osl) => {
      calls.asked.push(`decode ${mapping.label} n=${requests} isl=${isl} osl=${osl}`);
      if (options.failingLoads?.includes(requests)) return null;
      const itlMs = 4 / gpus ** 0.5 + (requests / attentionDp) * (isl + osl / 2) * 2e-5;
      return { itlMs, throughputPerGpu: (requests * 1000) / itlMs / gpus };
    },
    close: async () => closed(),
  };
}

/** A mapping by the names of 0.8. */
export function mapping(kind: Mapping["kind"], gpus: number): Mapping {
  return {
    layout: engineLayout(`${kind.toLowerCase()}${gpus}`),
    kind,
    label: `${kind}=${gpus}`,
    tag: `${kind}${gpus}`,
  };
}
