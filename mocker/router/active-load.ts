import type { BlockKey, WorkerKey } from "./types.ts";

/** What the router has sent to one worker and that has not left it. */
export interface WorkerLoad {
  /** Prompt tokens that were not cached, of requests whose prompts are not computed yet. */
  prefillTokens: number;
  /** Full prompt blocks of its requests, counted for each request. */
  requestBlocks: number;
  /** The same blocks by content, with how many requests use them. */
  sharedBlocks: Map<BlockKey, number>;
}

interface ActiveRequest {
  worker: WorkerKey;
  prefillTokens: number;
  blocks: BlockKey[];
}

const NO_LOAD: WorkerLoad = { prefillTokens: 0, requestBlocks: 0, sharedBlocks: new Map() };

/** Load as the router predicts it, from what it routed and what it is told of the requests. */
export class ActiveLoad {
  readonly #workers = new Map<WorkerKey, WorkerLoad>();
  readonly #requests = new Map<string | number, ActiveRequest>();

  get requests(): number {
    return this.#requests.size;
  }

  of(worker: WorkerKey): Readonly<WorkerLoad> {
    return this.#workers.get(worker) ?? NO_LOAD;
  }

  add(request: string | number, worker: WorkerKey, prefillTokens: number, blocks: BlockKey[]): void {
    this.ended(request);
    let load = this.#workers.get(worker);
    if (load === undefined) {
      load = { prefillTokens: 0, requestBlocks: 0, sharedBlocks: new Map() };
      this.#workers.set(worker, load);
    }
    load.prefillTokens += prefillTokens;
    load.requestBlocks += blocks.length;
    for (const block of blocks) load.sharedBlocks.set(block, (load.sharedBlocks.get(block) ?? 0) + 1);
    this.#requests.set(request, { worker, prefillTokens, blocks });
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
    load.requestBlocks -= active.blocks.length;
    for (const block of active.blocks) {
      const users = load.sharedBlocks.get(block)! - 1;
      if (users === 0) load.sharedBlocks.delete(block);
      else load.sharedBlocks.set(block, users);
    }
  }

  workerRemoved(worker: WorkerKey): void {
    if (!this.#workers.delete(worker)) return;
    for (const [request, active] of this.#requests) if (active.worker === worker) this.#requests.delete(request);
  }
}
