import { ENGINE_DEFAULTS, engineConfig, profileTiming, type TimingModel } from "#mocker/engine";
import { builtinTokenizer } from "#mocker/text";
import { startWorkerHost } from "#mocker/worker";
import { buildSurface, loadProfile } from "#profiles";
import { capacityLines, MOST_SEQUENCES, outOfMemoryLine } from "#src/deployment";
import { engineTiming } from "../engine-timing.ts";
import { PacedEngine } from "../pace.ts";
import type { LocalTiming, LocalWorkerCalls, LocalWorkerStart } from "./protocol.ts";

/** What lies between a client and the engine on this machine, real ms. */
const SETTLE_MS = 5;
const HANDOFF_TIMEOUT_MS = 300_000;

/** The worker component of a candidate. */
export function localWorkerCalls(): LocalWorkerCalls {
  let paced: PacedEngine | null = null;
  return {
    async start(options) {
      const { engine, startupMs, speedup } = options;
      const ranks = engine.layout.attentionDp;
      const { timing, tokensPerRank, bytesPerToken } = await timingOf(options.timing, ranks);
      if (tokensPerRank <= 0) {
        await told(outOfMemoryLine(engine.backend));
        process.exit(1);
      }
      paced = new PacedEngine(timing, ranks, speedup);
      const host = await startWorkerHost({
        settings: {
          model: engine.servedModel,
          engine: configOf(options, tokensPerRank, paced.timing),
          dpSize: ranks,
          transfer: null,
          startupMs,
          tokenizer: builtinTokenizer(),
          handoffTimeoutMs: HANDOFF_TIMEOUT_MS,
          trustRequestStart: true,
          settleMs: SETTLE_MS,
        },
      });
      const { backend } = engine;
      const capacity = { backend, tokens: tokensPerRank, bytesPerToken, contextLength: options.contextLength };
      await told(capacityLines(capacity, new Date()).join("\n"));
      const [running] = host.workers;
      await running!.worker.ready;
      return running!.card();
    },
    pace: (work) => paced!.plan(work),
  };
}

function configOf({ engine }: LocalWorkerStart, tokensPerRank: number, timing: TimingModel) {
  const blockSize = engine.blockTokens;
  return engineConfig({
    role: "aggregated",
    blockSize,
    numGpuBlocks: Math.max(1, Math.floor(tokensPerRank / blockSize)),
    maxNumSeqs: engine.maxNumSeqs ?? MOST_SEQUENCES,
    maxNumBatchedTokens: engine.maxNumBatchedTokens ?? ENGINE_DEFAULTS.maxNumBatchedTokens,
    maxModelLen: engine.maxModelLen,
    prefixCaching: engine.prefixCaching,
    timing,
  });
}

/** Times of an engine, and what its cache holds on each attention rank. */
async function timingOf(source: LocalTiming, ranks: number) {
  if (source.kind === "estimator") return engineTiming(source.spec);
  const surface = buildSurface(loadProfile(source.profile), "robust");
  const tokensPerRank = Math.floor(surface.maxKvTokens / ranks);
  return { timing: profileTiming(surface, { capacityTokens: tokensPerRank }), tokensPerRank, bytesPerToken: 0 };
}

/** Written before the process goes on, or goes. */
function told(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${text}\n`, () => resolve()));
}
