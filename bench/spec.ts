/**
 * A row of the benchmark as a simulation: what DynoSim makes of the same arguments, with its quirks. Built without the schemas
 * and parsers of conformance, which would weigh more than the run.
 */
import {
  DYNOSIM_ENGINE_QUIRKS,
  ENGINE_DEFAULTS,
  type EngineConfig,
  type EngineRole,
  engineConfig,
  polynomialTiming,
} from "#mocker/engine";
import type { PromptBlocks, Workload } from "#scenarios";
import type { PoolSpec, SimulationSpec } from "#src/simulator";
import { prefixGroups, sharedPrefixBlocks } from "../src/conformance/dynosim/arrivals.ts";
import type { BenchRow } from "./rows.ts";

/** What a row's simulation plays. Who reads traces is loaded for a row that has one. */
async function benchWorkload(row: BenchRow): Promise<Workload> {
  if (row.trace === undefined) return closedLoop(row);
  const { readTraceFile } = await import("../scenarios/traces/read-trace.ts");
  return readTraceFile(row.trace.file, row.trace);
}

/** The simulation of a row, per-request output with admissions and stations on. */
export async function benchSpec(row: BenchRow, engine: SimulationSpec["engine"] = "skipping"): Promise<SimulationSpec> {
  const { num_workers, num_prefill_workers, num_decode_workers } = row.kwargs;
  const isDisaggregated = num_prefill_workers !== undefined;
  return {
    name: row.name,
    seed: 0,
    workload: await benchWorkload(row),
    prefill: isDisaggregated ? pool(row, "prefill", num_prefill_workers) : null,
    decode: isDisaggregated ? pool(row, "decode", num_decode_workers!) : pool(row, "aggregated", num_workers!),
    router: row.router === "kv_router" ? "kv" : "round-robin",
    transfer: null,
    sla: { ttftMs: Number.POSITIVE_INFINITY, itlMs: Number.POSITIVE_INFINITY },
    quirks: { passesBeforeArrivals: true },
    engine,
    capture: true,
  };
}

const ARGUMENTS: Record<EngineRole, string> = {
  aggregated: "extra_engine_args",
  prefill: "prefill_engine_args",
  decode: "decode_engine_args",
};

function pool(row: BenchRow, role: EngineRole, workers: number): PoolSpec {
  const { family, numGpuBlocks, blockSize } = varied(row, role);
  const timing = polynomialTiming({ capacityTokens: numGpuBlocks * blockSize });
  const engine = engineConfig({ family, role, numGpuBlocks, blockSize, timing, quirks: DYNOSIM_ENGINE_QUIRKS });
  return { workers, engine, dpSize: 1, gpusPerWorker: 1, startupMs: 0 };
}

/** The engine arguments that rows vary. */
function varied(row: BenchRow, role: EngineRole): Pick<EngineConfig, "family" | "numGpuBlocks" | "blockSize"> {
  const { worker_type, backend, block_size, num_gpu_blocks, ...rest } = row.engines[ARGUMENTS[role]]!.engine;
  if (Object.keys(rest).length > 0) throw new Error(`${row.name}: bench/spec.ts knows nothing of ${Object.keys(rest)}`);
  return {
    family: (backend as EngineConfig["family"] | undefined) ?? ENGINE_DEFAULTS.family,
    numGpuBlocks: (num_gpu_blocks as number | undefined) ?? ENGINE_DEFAULTS.numGpuBlocks,
    blockSize: (block_size as number | undefined) ?? ENGINE_DEFAULTS.blockSize,
  };
}

function closedLoop(row: BenchRow): Workload {
  const { request_count: count, input_tokens: isl, output_tokens: osl } = row.args;
  const heads = new Int32Array(count);
  for (let i = 0; i < count; i++) heads[i] = i;
  return {
    count,
    isl: new Int32Array(count).fill(isl),
    osl: new Int32Array(count).fill(osl),
    arrivalMs: new Float64Array(count).fill(Number.NaN),
    openHeads: new Int32Array(0),
    closedLoops: [{ concurrency: row.kwargs.replay_concurrency!, heads, startMs: 0, endMs: Number.POSITIVE_INFINITY }],
    nextTurn: null,
    thinkMs: null,
    turnIndex: null,
    sessionIds: null,
    prompts: sharedPrefixes(row),
    horizonMs: 0,
  };
}

function sharedPrefixes(row: BenchRow): PromptBlocks | null {
  const { shared_prefix_ratio: ratio, num_prefix_groups: groups } = row.kwargs;
  if (ratio === undefined || groups === undefined) return null;
  const { request_count: count, input_tokens: isl } = row.args;
  const shared = sharedPrefixBlocks(isl, ENGINE_DEFAULTS.blockSize, ratio);
  const groupOf = prefixGroups(count, groups);
  const offset = new Int32Array(count + 1);
  const ids = new Int32Array(count * shared);
  for (let i = 0; i < ids.length; i++) ids[i] = groupOf[Math.floor(i / shared)]! * shared + (i % shared);
  for (let i = 0; i <= count; i++) offset[i] = i * shared;
  return { blockTokens: ENGINE_DEFAULTS.blockSize, offset, ids };
}
