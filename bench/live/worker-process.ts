/** A child with live workers, driven by engines of constant times. */
import { ENGINE_DEFAULTS, engineConfig, fixedTiming, NO_ENGINE_QUIRKS } from "#mocker/engine";
import { builtinTokenizer } from "#mocker/text";
import { startWorkerHost } from "#mocker/worker";
import { answerCalls } from "./child.ts";

export interface WorkerPlan {
  workers: number;
  /** Of all prompts of a pass together. */
  prefillMs: number;
  itlMs: number;
  /** 0: as fast as possible. */
  speedupRatio: number;
  maxNumSeqs: number;
  maxNumBatchedTokens: number;
}

async function start(plan: WorkerPlan): Promise<string[]> {
  const host = await startWorkerHost({
    count: plan.workers,
    staggerMs: 0,
    settings: {
      model: "bench",
      engine: engineConfig({
        timing: fixedTiming({ prefillMs: plan.prefillMs, decodeMs: plan.itlMs, perPass: true }),
        quirks: { ...NO_ENGINE_QUIRKS, fixedPrefillPerPass: true },
        numGpuBlocks: 4 * ENGINE_DEFAULTS.numGpuBlocks,
        maxNumSeqs: plan.maxNumSeqs,
        maxNumBatchedTokens: plan.maxNumBatchedTokens,
        speedupRatio: plan.speedupRatio,
      }),
      dpSize: 1,
      transfer: null,
      startupMs: 0,
      tokenizer: builtinTokenizer(),
      handoffTimeoutMs: 300_000,
      trustRequestStart: false,
    },
  });
  await Promise.all(host.workers.map(({ worker }) => worker.ready));
  return host.workers.map(({ url }) => url);
}

answerCalls({ start });
