import type { KnownBlock, PrefixIndex } from "./prefix-index.ts";
import type { BlockKey, WorkerKey } from "./types.ts";

/** What the router has sent to one worker and that has not left it. */
interface WorkerLoad {
  /** Prompt tokens that were not cached, of requests whose prompts are not computed yet. */
  prefillTokens: number;
  /** Full prompt blocks of its requests, counted for each request. */
  requestBlocks: number;
  /** Those of them that nobody else can share, since their content has no name. */
  unnamedBlocks: number;
  requests: number;
}

interface ActiveRequest {
  worker: WorkerKey;
  prefillTokens: number;
  requestBlocks: number;
  used: KnownBlock[];
}

const NO_LOAD: WorkerLoad = { prefillTokens: 0, requestBlocks: 0, unnamedBlocks: 0, requests: 0 };

/** Load as the router predicts it, from what it routed and what it is told of the requests. */
export class ActiveLoad {
  readonly #index: PrefixIndex;
  readonly #workers = new Map<WorkerKey, WorkerLoad>();
  readonly #requests = new Map<string | number, ActiveRequest>();

  /** @param index keeps which blocks are in use where */
  constructor(index: PrefixIndex) {
    this.#index = index;
  }

  get requests(): number {
    return this.#requests.size;
  }

  of(worker: WorkerKey): Readonly<WorkerLoad> {
    return this.#workers.get(worker) ?? NO_LOAD;
  }

  /**
   * @param requestBlocks full blocks of the prompt
   * @param blocks names of the leading ones
   */
  add(
    request: string | number,
    worker: WorkerKey,
    prefillTokens: number,
    requestBlocks: number,
    blocks: ArrayLike<BlockKey>,
  ): void {
    this.ended(request);
    let load = this.#workers.get(worker);
    if (load === undefined) {
      load = { ...NO_LOAD };
      this.#workers.set(worker, load);
    }
    load.prefillTokens += prefillTokens;
    load.requestBlocks += requestBlocks;
    load.requests++;
    const used = this.#index.use(worker, blocks, Math.min(blocks.length, requestBlocks));
    load.unnamedBlocks += requestBlocks - used.length;
    this.#requests.set(request, { worker, prefillTokens, requestBlocks, used });
  }

  prefilled(request: string | number): void {
    const active = this.#requests.get(request);
    if (active === undefined) return;
    this.#workers.get(active.worker)!.prefillTokens -= active.prefillTokens;
    active.prefillTokens = 0;
  }

  ended(request: string | number): void {
    const active = this.#requests.get(request);
    if (active === undefined) return;
    this.prefilled(request);
    this.#requests.delete(request);
    const load = this.#workers.get(active.worker)!;
    load.requestBlocks -= active.requestBlocks;
    load.requests--;
    load.unnamedBlocks -= active.requestBlocks - active.used.length;
    this.#index.release(active.worker, active.used);
  }

  workerRemoved(worker: WorkerKey): void {
    if (!this.#workers.has(worker)) return;
    for (const [request, active] of this.#requests) if (active.worker === worker) this.ended(request);
    this.#workers.delete(worker);
  }
}
