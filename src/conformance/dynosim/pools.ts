import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TransferModel } from "#mocker/engine";
import {
  acceptRates,
  DYNOSIM_ENGINE_QUIRKS,
  type EngineConfig,
  type EngineQuirks,
  engineConfig,
  fixedTiming,
  polynomialTiming,
  type TimingModel,
  tableTiming,
} from "#mocker/engine";
import { loadMockerTable } from "#profiles";
import type { PoolSpec } from "#src/simulator";
import type { DynosimCase, WorkerArguments } from "./case.ts";
import { dynosimBadCase, missingBesideCase } from "./errors.ts";

/** Pools and transfer of a recorded run. */
export interface DynosimDeployment {
  prefill: PoolSpec | null;
  decode: PoolSpec;
  transfer: TransferModel | null;
}

/**
 * The deployment a run was recorded on, with DynoSim's quirks (or those given).
 * @throws UserError CONFORMANCE_MISSING_FILE, CONFORMANCE_DYNOSIM_BAD_CASE, ENGINE_BAD_CONFIG, PROFILES_…
 */
export function dynosimDeployment(run: DynosimCase, quirks: EngineQuirks = DYNOSIM_ENGINE_QUIRKS): DynosimDeployment {
  const { arguments: call, prefill, decode } = run;
  const pool = (worker: WorkerArguments, workers: number): PoolSpec => ({
    workers,
    engine: config(run, worker, quirks),
    dpSize: worker.dp_size,
    gpusPerWorker: worker.tensor_parallel_size * worker.dp_size,
    startupMs: (worker.startup_time ?? 0) * 1000,
  });
  if (prefill === null) return { prefill: null, decode: pool(decode, call.num_workers ?? 1), transfer: null };
  return {
    prefill: pool(prefill, call.num_prefill_workers ?? 1),
    decode: pool(decode, call.num_decode_workers ?? 1),
    transfer: transferModel(prefill),
  };
}

function config(run: DynosimCase, worker: WorkerArguments, quirks: EngineQuirks): EngineConfig {
  const { engine } = worker;
  return engineConfig({
    family: engine.backend,
    ...(engine.sglang
      ? {
          sglang: {
            schedulePolicy: engine.sglang.schedule_policy,
            maxPrefillTokens: engine.sglang.max_prefill_tokens,
            chunkedPrefillSize: engine.sglang.chunked_prefill_size,
            clipMaxNewTokens: engine.sglang.clip_max_new_tokens,
            scheduleConservativeness: engine.sglang.schedule_conservativeness,
          },
        }
      : {}),
    role: engine.worker_type,
    numGpuBlocks: engine.num_gpu_blocks,
    blockSize: engine.block_size,
    maxNumSeqs: engine.max_num_seqs,
    maxNumBatchedTokens: engine.max_num_batched_tokens,
    maxModelLen: engine.max_model_len,
    prefixCaching: engine.enable_prefix_caching,
    chunkedPrefill: engine.enable_chunked_prefill,
    preemption: engine.preemption_mode,
    speculative:
      engine.aic_nextn === null
        ? null
        : {
            acceptRates: acceptRates(engine.aic_nextn, engine.aic_nextn_accept_rates?.split(",").map(Number)),
            seed: engine.aic_mtp_seed,
          },
    reservesFirst: engine.backend === "sglang",
    prefillScheduleInterval: engine.prefill_schedule_interval,
    prefillDecodeInterval: engine.prefill_decode_interval,
    speedupRatio: engine.speedup_ratio,
    decodeSpeedupRatio: engine.decode_speedup_ratio,
    timing: timingModel(run, worker, quirks),
    quirks,
  });
}

function timingModel(run: DynosimCase, { engine }: WorkerArguments, quirks: EngineQuirks): TimingModel {
  const timing = engine.timing_model;
  switch (timing.type) {
    case "fixed":
      return fixedTiming({
        prefillMs: timing.prefill_ms,
        decodeMs: timing.decode_ms,
        perPass: quirks.fixedPrefillPerPass,
      });
    case "polynomial":
      return polynomialTiming({ capacityTokens: engine.num_gpu_blocks * engine.block_size });
    case "external":
      return tableTiming(loadMockerTable(tablePath(run, timing.config.path)));
    case "other":
      throw dynosimBadCase(run.file, `found the timing model ${timing.name}, expected polynomial, fixed or external`);
  }
}

function tablePath(run: DynosimCase, name: unknown): string {
  if (typeof name !== "string") throw dynosimBadCase(run.file, "found no path of the external timing's table");
  const path = join(dirname(run.file), name);
  if (!existsSync(path)) throw missingBesideCase(run.file, name);
  return path;
}

/** DynoSim gives the bandwidth in 1e9 bytes/s; without either figure a transfer takes no time. */
function transferModel({ engine }: WorkerArguments): TransferModel | null {
  const { kv_transfer_bytes_per_token: bytes, kv_transfer_bandwidth: bandwidth, kv_transfer_timing_mode } = engine;
  if (bytes === null || bandwidth === null) return null;
  return { bytesPerToken: bytes, bytesPerSecond: bandwidth * 1e9, timing: kv_transfer_timing_mode };
}
