import type { Registry } from "#common/prometheus";
import type { ForwardPass, Observation } from "#planner/core";

/** What is shown of a rank of an engine, tokens; null: not known. */
interface RankLoad {
  worker: string;
  dpRank: string;
  queuedPrefillTokens: number | null;
  queuedKvTokens: number | null;
  inflightKvTokens: number | null;
}

/** Loads of single engines under Dynamo's names. What is gone, or not known any more, is not shown any more. */
export class EngineMetrics {
  readonly #gauges: [Exclude<keyof RankLoad, "worker" | "dpRank">, ReturnType<Registry["gauge"]>][];

  constructor(metrics: Registry) {
    const gauge = (short: string, help: string) =>
      metrics.gauge(`dynamo_planner_engine_${short}`, help, ["worker_id", "dp_rank"]);
    this.#gauges = [
      ["queuedPrefillTokens", gauge("queued_prefill_tokens", "Prompt tokens that wait on an engine")],
      ["queuedKvTokens", gauge("queued_decode_kv_tokens", "KV tokens of sequences that wait to decode on an engine")],
      ["inflightKvTokens", gauge("inflight_decode_kv_tokens", "KV tokens of sequences that decode on an engine")],
    ];
  }

  record(observation: Observation | null): void {
    const loads = observation === null ? [] : loadsOf(observation);
    for (const [key, gauge] of this.#gauges) {
      gauge.clear();
      for (const load of loads) {
        const value = load[key];
        if (value !== null) gauge.labels(load.worker, load.dpRank).set(value);
      }
    }
  }
}

/** By the last forward pass of each rank; of engines that tell of none, by their load, in which ranks are added up. */
function loadsOf({ forwardPasses, prefillLoad, decodeLoad }: Observation): RankLoad[] {
  const prefill = newest(forwardPasses?.prefill ?? []);
  const decode = newest(forwardPasses?.decode ?? []);
  // In aggregated mode the one pool has both to do.
  const isAggregated = (forwardPasses?.prefill ?? prefillLoad) === null;
  return [
    ...[...prefill.values()].map((pass) => ({ ...rankOf(pass), queuedKvTokens: null, inflightKvTokens: null })),
    ...[...decode.values()].map((pass) => ({
      ...rankOf(pass),
      ...(isAggregated ? {} : { queuedPrefillTokens: null }),
    })),
    ...(prefill.size > 0 ? [] : (prefillLoad ?? [])).map(({ workerId, queuedTokens }) => ({
      ...ofWorker(workerId),
      queuedPrefillTokens: queuedTokens,
    })),
    ...(decode.size > 0 ? [] : (decodeLoad ?? [])).map(({ workerId, kvTokens }) => ({
      ...ofWorker(workerId),
      inflightKvTokens: kvTokens,
    })),
  ];
}

function newest(passes: readonly ForwardPass[]): Map<string, ForwardPass> {
  return new Map(passes.map((pass) => [`${pass.workerId} ${pass.dpRank}`, pass]));
}

function rankOf({ workerId, dpRank, queued, scheduled }: ForwardPass): RankLoad {
  return {
    worker: workerId,
    dpRank: String(dpRank),
    queuedPrefillTokens: queued.prefillTokens,
    queuedKvTokens: queued.decodeKvTokens,
    inflightKvTokens: scheduled.decodeKvTokens,
  };
}

function ofWorker(workerId: number): RankLoad {
  const unknown = { queuedPrefillTokens: null, queuedKvTokens: null, inflightKvTokens: null };
  return { worker: String(workerId), dpRank: "0", ...unknown };
}
