import type { EstimatedEngine, PoolSettings } from "#scenarios";
import { type EngineSpec, type NativeEngine, openNativeEngine } from "#src/estimator";

/**
 * The engine whose times a pool plays, where it plays an estimate. Two processes that open it of the same settings get the same
 * times.
 * @throws UserError where the estimator does not know the model or GPU, or the model does not fit
 */
export function estimatedEngine({ engine }: PoolSettings): NativeEngine | null {
  if (engine.timing?.kind !== "estimator") return null;
  return openNativeEngine(engineSpec(engine.timing, engine.maxNumBatchedTokens));
}

function engineSpec(given: EstimatedEngine, maxBatchedTokens: number | undefined): EngineSpec {
  const { model, gpu, backend, parallelism, backendVersion, memoryFraction, quantization } = given;
  return {
    model,
    system: gpu,
    backend,
    parallelism,
    ...(backendVersion === undefined ? {} : { backendVersion }),
    ...(memoryFraction === undefined ? {} : { memoryFraction }),
    ...(maxBatchedTokens === undefined ? {} : { maxBatchedTokens }),
    ...(quantization === undefined ? {} : { quantization: formats(quantization) }),
  };
}

function formats(given: NonNullable<EstimatedEngine["quantization"]>): NonNullable<EngineSpec["quantization"]> {
  const { gemm, moe, kvcache, fmha } = given;
  return {
    ...(gemm === undefined ? {} : { gemm }),
    ...(moe === undefined ? {} : { moe }),
    ...(kvcache === undefined ? {} : { kvcache }),
    ...(fmha === undefined ? {} : { fmha }),
  };
}
