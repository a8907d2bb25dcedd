import { type EngineConfig, type EngineRole, engineConfig, type TimingModel } from "#mocker/engine";
import type { Decision, Observation, Planner, Targets } from "#planner/core";
import type { Workload } from "#scenarios";
import type { PoolSpec, SimulationSpec } from "#src/simulator";

/** 1 ms a prompt token, 10 ms a decode step: times that can be added up by hand. */
export const HAND_TIMING: TimingModel = {
  kind: "fixed",
  chunkWorkMs: () => 0,
  prefillMs: (_batch, newTokens) => newTokens,
  decodeMs: () => 10,
  extrapolations: () => 0,
};

export interface MadeRequest {
  /** Arrival; absent for requests of closed loops and later turns. */
  atMs?: number;
  isl: number;
  osl: number;
  /** Content of the leading blocks of `blockTokens` tokens. */
  blocks?: readonly number[];
}

export interface MadeTraffic {
  requests: readonly MadeRequest[];
  blockTokens?: number;
  loops?: { concurrency: number; heads: readonly number[]; startMs?: number; endMs?: number }[];
  /** Turn → the next one and the wait before it. */
  turns?: readonly { from: number; to: number; thinkMs: number }[];
  horizonMs?: number;
}

export function madeWorkload({ requests, blockTokens, loops = [], turns = [], horizonMs }: MadeTraffic): Workload {
  const count = requests.length;
  const arrivalMs = Float64Array.from(requests, ({ atMs }) => atMs ?? Number.NaN);
  const openHeads = [...requests.keys()]
    .filter((request) => requests[request]!.atMs !== undefined)
    .sort((a, b) => requests[a]!.atMs! - requests[b]!.atMs!);
  const nextTurn = new Int32Array(count).fill(-1);
  const thinkMs = new Float64Array(count);
  for (const turn of turns) {
    nextTurn[turn.from] = turn.to;
    thinkMs[turn.to] = turn.thinkMs;
  }
  const offset = new Int32Array(count + 1);
  requests.forEach(({ blocks = [] }, i) => {
    offset[i + 1] = offset[i]! + blocks.length;
  });
  return {
    count,
    isl: Int32Array.from(requests, ({ isl }) => isl),
    osl: Int32Array.from(requests, ({ osl }) => osl),
    arrivalMs,
    openHeads: Int32Array.from(openHeads),
    closedLoops: loops.map(({ concurrency, heads, startMs = 0, endMs = Number.POSITIVE_INFINITY }) => ({
      concurrency,
      heads: Int32Array.from(heads),
      startMs,
      endMs,
    })),
    nextTurn: turns.length === 0 ? null : nextTurn,
    thinkMs: turns.length === 0 ? null : thinkMs,
    turnIndex: null,
    sessionIds: null,
    prompts:
      blockTokens === undefined
        ? null
        : { blockTokens, offset, ids: Int32Array.from(requests.flatMap(({ blocks = [] }) => [...blocks])) },
    horizonMs: horizonMs ?? Math.max(0, ...requests.map(({ atMs }) => atMs ?? 0)),
  };
}

export function madePool(
  role: EngineRole,
  overrides: Partial<PoolSpec> = {},
  engine: Partial<EngineConfig> = {},
): PoolSpec {
  return {
    workers: 1,
    engine: engineConfig({ timing: HAND_TIMING, ...engine, role }),
    dpSize: 1,
    gpusPerWorker: 1,
    startupMs: 0,
    ...overrides,
  };
}

/** Aggregated unless a prefill pool is given. */
export function madeSpec(traffic: MadeTraffic, overrides: Partial<SimulationSpec> = {}): SimulationSpec {
  return {
    name: "made by hand",
    seed: 1,
    workload: madeWorkload(traffic),
    prefill: null,
    decode: madePool("aggregated"),
    router: "round-robin",
    transfer: null,
    sla: { ttftMs: 1000, itlMs: 20 },
    quirks: { passesBeforeArrivals: false },
    engine: "skipping",
    capture: true,
    ...overrides,
  };
}

/** A planner that follows a script (targets by tick, then nothing) and keeps what it was shown. */
export function scriptedPlanner(
  intervalMs: number,
  script: readonly (Targets | null)[] = [],
): Planner & { seen: Observation[] } {
  const seen: Observation[] = [];
  return {
    strategy: "scripted",
    intervalMs,
    seen,
    tick(observation): Decision {
      const tick = seen.length;
      seen.push(observation);
      const targets = script[tick] ?? null;
      return {
        tick,
        atMs: observation.nowMs,
        strategy: "scripted",
        targets,
        workers: observation.workers,
        observedRate: null,
        forecast: null,
        values: {},
        clamps: [],
        reasons: targets === null ? [] : [{ code: "SCRIPT", role: null, text: "as written" }],
      };
    },
  };
}
