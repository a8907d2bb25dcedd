import type { KnownBlock, PrefixIndex } from "./prefix-index.ts";
import type { BlockKey, WorkerKey } from "./types.ts";

/** What the router has sent to one worker and that has not left it. */
interface WorkerLoad {
  /** Prompt tokens that were not cached, of requests whose prompts are not computed yet. */
  prefillTokens: number;
  /** Full prompt blocks of its requests, counted for each request. */
  requestBlocks: number;
}

interface ActiveRequest {
  worker: WorkerKey;
  prefillTokens: number;
  blocks: KnownBlock[];
}

const NO_LOAD: WorkerLoad = { prefillTokens: 0, requestBlocks: 0 };

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

  /** @param length full blocks of the prompt */
  add(
    request: string | number,
    worker: WorkerKey,
    prefillTokens: number,
    blocks: ArrayLike<BlockKey>,
    length: number,
  ): void {
    this.ended(request);
    let load = this.#workers.get(worker);
    if (load === undefined) {
      load = { prefillTokens: 0, requestBlocks: 0 };
      this.#workers.set(worker, load);
    }
    load.prefillTokens += prefillTokens;
    load.requestBlocks += length;
    this.#requests.set(request, { worker, prefillTokens, blocks: this.#index.use(worker, blocks, length) });
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
    this.#workers.get(active.worker)!.requestBlocks -= active.blocks.length;
    this.#index.release(active.worker, active.blocks);
  }

  workerRemoved(worker: WorkerKey): void {
    if (!this.#workers.has(worker)) return;
    for (const [request, active] of this.#requests) if (active.worker === worker) this.ended(request);
    this.#workers.delete(worker);
  }
}
