import type { Override } from "#scenarios";
import type { Score } from "./goal.ts";
import type { Method } from "./methods.ts";
import type { Axis, FieldValue, SweepCandidate } from "./types.ts";

/** Engines that the estimator knows the times of; one for each layout. */
export interface EstimatedEngines {
  model: string;
  gpu: string;
  backend: string;
  backendVersion?: string;
}

export interface EngineLayout {
  layout: string | null;
  /** Of a worker in each role; an aggregated one is `decode`. */
  gpus: { prefill: number; decode: number };
  /** Of its attention: what KV caches are cut by; absent: unknown, and like all others. */
  tp?: number;
  /** Attention ranks of the estimator's engine: schedulers that each have requests of their own. Absent: one. */
  ranks?: number;
}

/** Which deployments are tried. */
export interface DeploymentSpace {
  /** GPUs of a whole deployment, at most. */
  maxGpus: number;
  modes: readonly ("agg" | "disagg")[];
  /** Layouts of an engine; null stands for the scenario's own. */
  layouts: readonly EngineLayout[];
  routers: readonly string[];
  /** Prefill and decode engines must have one TP, as KV transfers of some backends want it; absent: any two go together. */
  sameTp?: boolean;
  /** null: engines as the scenario has them. */
  engines: EstimatedEngines | null;
}

/** A deployment that stays as it is. */
export interface StaticCandidate extends SweepCandidate {
  gpus: number;
}

const AXES = ["mode", "prefill.layout", "prefill.workers", "decode.layout", "decode.workers", "router"] as const;
const NONE = "–";
/** Tried at a time, whatever the number of threads: what is given up depends on what was known before. */
const BATCH = 8;

/** Axes of the table and the charts. */
export function deploymentAxes(candidates: readonly SweepCandidate[]): Axis[] {
  return AXES.map((name, axis) => ({
    name,
    paths: [],
    domain: { kind: "values", values: [...new Set(candidates.map(({ values }) => values[axis]!))] },
  }));
}

/** Every deployment within the budget that can be, fewest GPUs first. */
export function staticCandidates({
  maxGpus,
  modes,
  layouts,
  routers,
  sameTp = false,
}: DeploymentSpace): StaticCandidate[] {
  const found: StaticCandidate[] = [];
  const add = (gpus: number, values: FieldValue[]) => {
    for (const router of routers) found.push({ values: [...values, router], gpus });
  };
  const shown = (layout: string | null) => layout ?? "own";
  for (const decode of layouts) {
    for (let workers = 1; workers * decode.gpus.decode <= maxGpus; workers++) {
      const gpus = workers * decode.gpus.decode;
      if (modes.includes("agg")) add(gpus, ["agg", NONE, NONE, shown(decode.layout), workers]);
      if (!modes.includes("disagg")) continue;
      for (const prefill of layouts) {
        if (sameTp && prefill.tp !== decode.tp) continue;
        for (let first = 1; gpus + first * prefill.gpus.prefill <= maxGpus; first++) {
          add(gpus + first * prefill.gpus.prefill, [
            "disagg",
            shown(prefill.layout),
            first,
            shown(decode.layout),
            workers,
          ]);
        }
      }
    }
  }
  return found.sort((a, b) => a.gpus - b.gpus);
}

interface BasePool {
  engine?: object;
  gpusPerWorker?: unknown;
  dpSize?: unknown;
}

interface BaseDeployment {
  agg?: BasePool;
  prefill?: BasePool;
  decode?: BasePool;
  kvTransfer?: object;
  router?: unknown;
  profile?: unknown;
}

/**
 * What a candidate sets in a scenario: its whole deployment, made of the scenario's own settings, and no planner.
 * @param base the scenario's `deployment:` as it is written
 */
export function deploymentOverrides(
  base: Readonly<Record<string, unknown>>,
  { engines, layouts }: Pick<DeploymentSpace, "engines" | "layouts">,
  { values }: SweepCandidate,
): Override[] {
  const [mode, prefillLayout, prefillWorkers, decodeLayout, decodeWorkers, router] = values;
  const { agg, prefill, decode, kvTransfer, router: written, profile, ...others } = base as BaseDeployment;
  const pool = (own: BasePool = {}, layout: FieldValue, workers: FieldValue) => {
    if (engines === null) return { ...own, workers };
    // The layout says how many GPUs and ranks a worker has.
    const { gpusPerWorker: _gpus, dpSize: _ranks, ...settings } = own;
    const estimator = { ...engines, parallelism: layout };
    const { ranks = 1 } = layouts.find((each) => each.layout === layout) ?? {};
    return {
      ...settings,
      workers,
      ...(ranks > 1 ? { dpSize: ranks } : {}),
      engine: { ...settings.engine, timing: { estimator } },
    };
  };
  const pools =
    mode === "agg"
      ? { agg: pool(agg ?? decode, decodeLayout!, decodeWorkers!) }
      : {
          prefill: pool(prefill ?? agg, prefillLayout!, prefillWorkers!),
          decode: pool(decode ?? agg, decodeLayout!, decodeWorkers!),
          kvTransfer: kvTransfer ?? { bandwidth: "64GB/s" },
        };
  const value = {
    ...others,
    ...(engines === null ? { profile } : {}),
    mode,
    router: modeOfRouter(written) === router ? written : router,
    ...pools,
  };
  return [
    { path: ["deployment"], value, label: "candidate" },
    { path: ["planner"], value: undefined, label: "candidate" },
  ];
}

/** A router's mode, as a scenario names it: alone, or with settings. */
function modeOfRouter(written: unknown): unknown {
  return typeof written === "object" && written !== null && "mode" in written ? written.mode : written;
}

/**
 * What no deployment can surpass on this traffic: requests in all, and the shortest run, s. 0 where it is unknown, or where something
 * else than goodput per GPU is looked for: nothing is given up for the best so far then.
 */
export interface TrafficBounds {
  requests: number;
  seconds: number;
}

/**
 * Tries deployments from the smallest up. Each is given up as soon as it can't keep the floor, or can't be better than the best that
 * does; the search ends where even a deployment that lost nothing could not be better.
 * @param floor attainment that must be kept, 0..1
 */
export function* searchDeployments(
  candidates: readonly StaticCandidate[],
  seeds: readonly (number | null)[],
  floor: number,
  { requests, seconds }: TrafficBounds,
): Method {
  let best: number | null = null;
  for (let from = 0; from < candidates.length; from += BATCH) {
    const batch = candidates.slice(from, from + BATCH);
    const atBest = requests / (batch[0]!.gpus * seconds);
    if (best !== null && seconds > 0 && atBest <= best) return;
    // What is known of another goal says nothing about goodput per GPU.
    const known: number | null = seconds > 0 ? best : null;
    const scores: Score[] = yield batch.map(({ values, gpus }) => ({
      // Of several seeds the mean counts, of which a single run says too little.
      candidate: seeds.length > 1 ? { values } : { values, giveUp: { floor, goodputPerGpu: known, gpus } },
      seeds,
    }));
    for (const { violation, value } of scores) {
      if (violation === 0 && value > (best ?? Number.NEGATIVE_INFINITY)) best = value;
    }
  }
}
