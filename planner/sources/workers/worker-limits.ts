import { z } from "zod";
import type { Role, WorkerLimits } from "#planner/core";
import type { HttpClient } from "../http-client.ts";
import type { SourceWorker } from "../types.ts";

const amount = z.number().nonnegative().optional().catch(undefined);

/** A worker's `GET /worker`: what is read of it here. Each data-parallel rank has so much. */
const cardSchema = z.object({
  blockSize: amount,
  totalKvBlocks: amount,
  maxNumSeqs: amount,
  maxNumBatchedTokens: amount,
  contextLength: amount,
  dataParallelSize: amount,
});

/** Asks workers what they take at most: once, for it does not change while they are there. */
export class WorkerLimitsReader {
  readonly #client: HttpClient;
  /** By worker; null: it does not say. */
  #known = new Map<string, WorkerLimits | null>();

  constructor(client: HttpClient) {
    this.#client = client;
  }

  /** Of workers of a role that differ, the least; a role of which nobody says anything is absent. Never throws. */
  async read(workers: readonly SourceWorker[]): Promise<Partial<Record<Role, WorkerLimits>>> {
    const asked = workers.filter(({ state, url }) => state === "active" && url !== null);
    const before = this.#known;
    this.#known = new Map();
    await Promise.all(
      asked.map(async (worker) => {
        const key = keyOf(worker);
        const limits = before.has(key) ? before.get(key)! : await this.#ask(worker.url!);
        // One that can't be reached is asked again.
        if (limits !== undefined) this.#known.set(key, limits);
      }),
    );
    const found: Partial<Record<Role, WorkerLimits>> = {};
    for (const worker of asked) {
      const limits = this.#known.get(keyOf(worker)) ?? null;
      if (limits === null) continue;
      const other = found[worker.role];
      found[worker.role] = other === undefined ? limits : leastOf(limits, other);
    }
    return found;
  }

  async #ask(url: string): Promise<WorkerLimits | null | undefined> {
    try {
      const { status, text } = await this.#client.get(`${url}/worker`);
      if (status === 404) return null;
      if (status !== 200) return undefined;
      const card = cardSchema.safeParse(JSON.parse(text));
      return card.success ? limitsOf(card.data) : null;
    } catch (error) {
      return error instanceof SyntaxError ? null : undefined;
    }
  }
}

function keyOf({ role, workerId, url }: SourceWorker): string {
  return `${role}/${workerId} ${url}`;
}

function limitsOf(card: z.output<typeof cardSchema>): WorkerLimits {
  const ranks = card.dataParallelSize || 1;
  const ofRank = (value: number | undefined) => value || null;
  const whole = (value: number | null) => (value === null ? null : value * ranks);
  const rankKvTokens = ofRank((card.blockSize ?? 0) * (card.totalKvBlocks ?? 0));
  return {
    maxBatchedTokens: whole(ofRank(card.maxNumBatchedTokens)),
    maxSequences: whole(ofRank(card.maxNumSeqs)),
    maxKvTokens: whole(rankKvTokens),
    // Where its length is not limited, a request may fill a rank's cache.
    contextLength: ofRank(card.contextLength) ?? rankKvTokens,
  };
}

function leastOf(one: WorkerLimits, other: WorkerLimits): WorkerLimits {
  const least = (a: number | null, b: number | null) => (a === null || b === null ? (a ?? b) : Math.min(a, b));
  return {
    maxBatchedTokens: least(one.maxBatchedTokens, other.maxBatchedTokens),
    maxSequences: least(one.maxSequences, other.maxSequences),
    maxKvTokens: least(one.maxKvTokens, other.maxKvTokens),
    contextLength: least(one.contextLength, other.contextLength),
  };
}
