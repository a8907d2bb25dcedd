import { counterIncrease } from "#common/prometheus";
import type { DecodeWorkerLoad, PrefillWorkerLoad } from "#planner/core";
import { type HttpClient, reasonOf } from "../http-client.ts";
import type { SourceWorker } from "../types.ts";
import { type WorkerLoad, workerLoadSchema } from "../wire.ts";
import { VllmMetrics } from "./vllm-metrics.ts";

/** What the workers say of themselves at one instant. */
export interface LoadReading {
  /** Null where no worker of the role answered, though there are some. */
  prefill: PrefillWorkerLoad[] | null;
  decode: DecodeWorkerLoad[] | null;
  /** Prefill seconds of all workers since the last reading; null where one of them is not known. */
  prefillS: number | null;
  /** Tokens of a decode pass and sequence under speculative decoding since the last reading; null: not known. */
  acceptLength: number | null;
  problems: string[];
}

/** Asks workers for their load: `GET /worker/load`, or vLLM's metrics where that is not there. */
export class WorkerLoads {
  readonly #client: HttpClient;
  /** Prefill ms so far, by worker; NaN for one that did not answer the last time. */
  #prefillMs = new Map<string, number>();
  /** Workers without `/worker/load`. */
  readonly #vllm = new Map<string, VllmMetrics>();

  constructor(client: HttpClient) {
    this.#client = client;
  }

  async read(workers: readonly SourceWorker[], disaggregated: boolean): Promise<LoadReading> {
    const asked = workers.filter((worker) => worker.state !== "starting" && worker.url !== null);
    const problems: string[] = [];
    const loads = await Promise.all(
      asked.map(async (worker) => {
        try {
          return await this.#load(worker.url!, keyOf(worker));
        } catch (error) {
          problems.push(`worker ${keyOf(worker)} (${worker.url}): ${reasonOf(error)}`);
          return null;
        }
      }),
    );
    const active = asked.flatMap((worker, i) => {
      const load = loads[i];
      return worker.state === "active" && load ? [{ worker, load }] : [];
    });
    const ofRole = <Load>(role: SourceWorker["role"], make: (id: number, load: WorkerLoad) => Load): Load[] | null => {
      const found = active.filter(({ worker }) => worker.role === role);
      const expected = workers.some((worker) => worker.role === role && worker.state === "active");
      return found.length === 0 && expected ? null : found.map(({ worker, load }) => make(worker.workerId, load));
    };
    return {
      prefill: disaggregated ? ofRole("prefill", prefillLoad) : null,
      decode: ofRole("decode", decodeLoad),
      prefillS: this.#prefillSeconds(asked, loads),
      acceptLength: acceptLength(loads),
      problems,
    };
  }

  async #load(url: string, key: string): Promise<WorkerLoad> {
    const known = this.#vllm.get(key);
    if (known !== undefined) return known.load(await this.#text(`${url}/metrics`));
    const { status, text } = await this.#client.get(`${url}/worker/load`);
    if (status === 404) {
      const vllm = new VllmMetrics();
      this.#vllm.set(key, vllm);
      return vllm.load(await this.#text(`${url}/metrics`));
    }
    if (status !== 200) throw new Error(`/worker/load answered ${status}`);
    const parsed = workerLoadSchema.safeParse(JSON.parse(text));
    if (!parsed.success) throw new Error(`/worker/load is malformed: ${parsed.error.issues[0]?.message ?? ""}`);
    return parsed.data;
  }

  async #text(url: string): Promise<string> {
    const { status, text } = await this.#client.get(url);
    if (status !== 200) throw new Error(`/metrics answered ${status}`);
    return text;
  }

  /** Workers that are gone take the end of their work with them; new ones begin with 0. */
  #prefillSeconds(workers: readonly SourceWorker[], loads: readonly (WorkerLoad | null)[]): number | null {
    const before = this.#prefillMs;
    const now = new Map<string, number>();
    let sumMs: number | null = 0;
    workers.forEach((worker, i) => {
      const key = keyOf(worker);
      const known = before.get(key) ?? 0;
      const load = loads[i];
      now.set(key, load?.prefillMs ?? Number.NaN);
      if (!load || load.prefillMs === null || Number.isNaN(known)) sumMs = null;
      else if (sumMs !== null) sumMs += counterIncrease(known, load.prefillMs);
    });
    this.#prefillMs = now;
    for (const key of this.#vllm.keys()) if (!now.has(key)) this.#vllm.delete(key);
    return sumMs === null ? null : sumMs / 1000;
  }
}

function keyOf({ role, workerId }: SourceWorker): string {
  return `${role}/${workerId}`;
}

function prefillLoad(workerId: number, { ranks }: WorkerLoad): PrefillWorkerLoad {
  return {
    workerId,
    queuedRequests: ranks.reduce((sum, rank) => sum + rank.waiting, 0),
    queuedTokens: ranks.reduce((sum, rank) => sum + rank.queuedPrefillTokens, 0),
  };
}

function decodeLoad(workerId: number, { ranks }: WorkerLoad): DecodeWorkerLoad {
  const passes = ranks.flatMap((rank) => rank.lastPassMs ?? []);
  return {
    workerId,
    batch: ranks.reduce((sum, rank) => sum + rank.running, 0),
    kvTokens: ranks.reduce((sum, rank) => sum + rank.kvTokens, 0),
    itlMs: passes.length === 0 ? null : passes.reduce((sum, ms) => sum + ms, 0) / passes.length,
  };
}

/** Of each draft one token more comes out than was accepted. */
function acceptLength(loads: readonly (WorkerLoad | null)[]): number | null {
  let count = 0;
  let accepted = 0;
  for (const load of loads) {
    count += load?.drafts?.count ?? 0;
    accepted += load?.drafts?.acceptedTokens ?? 0;
  }
  return count > 0 ? 1 + accepted / count : null;
}
