import type { TimingModel } from "#mocker/engine";
import type { EngineSpec } from "#src/estimator";

/** Times and memory of an engine by the built-in estimator. */
export async function engineTiming(
  spec: EngineSpec,
): Promise<{ timing: TimingModel; tokensPerRank: number; bytesPerToken: number }> {
  const { estimatorTiming, openNativeEngine } = await import("#src/estimator");
  const engine = openNativeEngine({ ...spec, allowOversize: true });
  return {
    timing: estimatorTiming(engine, { schedulers: engine.facts.layout.attentionDp }),
    tokensPerRank: engine.kvTokensPerRank,
    bytesPerToken: engine.memory.kvBytesPerToken,
  };
}
