import { UserError } from "#common";
import type { EngineEstimator, EngineSpec, NativeEngine } from "#src/estimator";
import { CandidateFailed } from "../errors.ts";
import { parallelismOf } from "../space/mapping.ts";
import { estimatedEngine } from "../sweep/estimated-engine.ts";
import type { EngineSource, Mapping, OpenEngine } from "../types.ts";

/** Problems of the whole run rather than of one candidate. */
const FATAL = new Set([
  "ESTIMATOR_UNKNOWN_MODEL",
  "ESTIMATOR_UNKNOWN_SYSTEM",
  "ESTIMATOR_PACKAGE_MISSING",
  "ESTIMATOR_SOURCE_ENDED",
]);

export interface RapidSourceOptions {
  /** Opens the engine of a mapping. */
  open(parallelism: string, mapping: Mapping): OpenEngine | Promise<OpenEngine>;
  /** Told of each engine, to leave its files in the folder. */
  opened?(phase: "prefill" | "decode", mapping: Mapping, folder: string): void;
  close?(): Promise<void>;
}

/** Engines that an estimator answers for: nothing is deployed. What it can't answer for is a failed candidate. */
export function rapidSource(options: RapidSourceOptions): EngineSource {
  const open = new Map<string, OpenEngine>();
  return {
    kind: "rapid",
    open: async (phase, mapping, folder) => {
      const parallelism = parallelismOf(mapping);
      try {
        const engine = open.get(parallelism) ?? (await options.open(parallelism, mapping));
        open.set(parallelism, engine);
        options.opened?.(phase, mapping, folder);
        return { ...engine, mapping };
      } catch (error) {
        if (!(error instanceof UserError) || FATAL.has(error.code)) throw error;
        throw new CandidateFailed(error.message, error.hint);
      }
    },
    close: async () => {
      open.clear();
      await options.close?.();
    },
  };
}

/** The built-in estimator as an engine. It speaks of one attention rank, an engine of all of them. */
export function nativeOpenEngine(native: NativeEngine, mapping: Mapping): OpenEngine {
  const { attentionDp, gpus } = mapping.layout;
  return {
    mapping,
    maxKvTokens: native.facts.maxKvTokens,
    origin: native.context(1, 1).origin,
    facts: { backendVersion: native.facts.backendVersion, kvBytesPerToken: native.facts.kvBytesPerToken },
    prefill: async (isl) => {
      const { ms, origin } = native.context(1, isl);
      return { ttftMs: ms, origin };
    },
    decode: async (requests, isl, osl) => {
      const { ms, origin } = native.meanGeneration(Math.ceil(requests / attentionDp), isl, osl);
      return { itlMs: ms, throughputPerGpu: (requests * 1000) / ms / gpus, origin };
    },
    close: async () => {},
  };
}

/** The real package, behind its adapter; every number of it comes from its tables. */
export function adapterOpenEngine(
  open: (spec: EngineSpec) => Promise<EngineEstimator>,
  spec: Omit<EngineSpec, "parallelism">,
): RapidSourceOptions["open"] {
  return async (parallelism, mapping) => estimatedEngine(await open({ ...spec, parallelism }), mapping, "table");
}
