import { modelFacts } from "../models/find.ts";
import { gpuSystem, nearestSystem } from "../systems/find.ts";
import { loadOpTables } from "../tables/load.ts";
import type { EngineEstimator, EngineSpec, NativeEngine } from "../types.ts";
import { estimatorOf } from "./estimator.ts";
import { type EngineData, openEngine } from "./open.ts";

/** The data that are shipped. */
const SHIPPED: EngineData = {
  model: modelFacts,
  system: gpuSystem,
  tables: (system, backend) => loadOpTables(system, backend) ?? undefined,
  nearest: nearestSystem,
};

/**
 * The built-in estimator of one engine.
 * @throws UserError where the model or GPU is unknown, the layout can't be built, or the model doesn't fit
 */
export function openNativeEngine(spec: EngineSpec): NativeEngine {
  return openEngine(spec, SHIPPED);
}

/** The same as an estimator of whole engines. @throws UserError as `openNativeEngine` */
export function nativeEstimator(spec: EngineSpec): EngineEstimator {
  return estimatorOf(openNativeEngine(spec));
}
