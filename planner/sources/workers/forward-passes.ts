import { z } from "zod";
import type { ForwardPass, Role } from "#planner/core";
import { type HttpClient, reasonOf } from "../http-client.ts";
import type { SourceWorker } from "../types.ts";
import { type ForwardPassLine, forwardPassSchema } from "../wire.ts";

export interface ForwardPassReading {
  /** In order of worker and time; null where no worker of the role told, though there are some. */
  prefill: ForwardPass[] | null;
  decode: ForwardPass[] | null;
  problems: string[];
}

/**
 * Lines that are read at once, of all workers; each gives its newest ones. Regressions keep some dozens, so that more would
 * cost time for nothing.
 */
const MOST_LINES = 8192;
const MOST_PER_WORKER = 256;
const LEAST_PER_WORKER = 8;

/** Asks workers for their forward passes since the last time: `GET /fpm?since=N`. */
export class ForwardPasses {
  readonly #client: HttpClient;
  readonly #areNeeded: boolean;
  /** The last line of each worker, by address; null for one that has none yet. */
  #last = new Map<string, { seq: number; at: number } | null>();

  /** @param areNeeded whether a worker that tells of none, as vLLM's, is a problem */
  constructor(client: HttpClient, areNeeded = true) {
    this.#client = client;
    this.#areNeeded = areNeeded;
  }

  async read(workers: readonly SourceWorker[], disaggregated: boolean): Promise<ForwardPassReading> {
    const asked = workers.filter((worker) => worker.state === "active" && worker.url !== null);
    const limit = Math.min(
      MOST_PER_WORKER,
      Math.max(LEAST_PER_WORKER, Math.floor(MOST_LINES / Math.max(1, asked.length))),
    );
    const problems: string[] = [];
    const before = this.#last;
    const now = new Map<string, { seq: number; at: number } | null>();
    const passes = await Promise.all(
      asked.map(async ({ url, role, workerId }) => {
        const last = before.get(url!) ?? null;
        // Whoever does not answer goes on where it was left.
        if (before.has(url!)) now.set(url!, last);
        try {
          const lines = await this.#since(url!, last, limit);
          const newest = lines.at(-1);
          now.set(url!, newest === undefined ? last : { seq: newest.seq, at: newest.at });
          return lines.map((line) => passOf(String(workerId), line));
        } catch (error) {
          if (this.#areNeeded || !(error instanceof NoForwardPasses))
            problems.push(`worker ${role}/${workerId} (${url}): ${reasonOf(error)}`);
          return null;
        }
      }),
    );
    this.#last = now;
    const ofRole = (role: Role): ForwardPass[] | null => {
      const told = passes.filter((each, i) => each !== null && asked[i]!.role === role);
      const expected = workers.some((worker) => worker.role === role && worker.state === "active");
      return told.length === 0 && expected ? null : told.flatMap((each) => each!);
    };
    return { prefill: disaggregated ? ofRole("prefill") : null, decode: ofRole("decode"), problems };
  }

  /** The last line is asked for again: where another one has its number, the worker was started anew. */
  async #since(url: string, last: { seq: number; at: number } | null, limit: number): Promise<ForwardPassLine[]> {
    if (last === null) return await this.#fetch(url, 0, limit);
    const lines = await this.#fetch(url, last.seq - 1, limit + 1);
    const [first] = lines;
    if (first === undefined) return await this.#fetch(url, 0, limit);
    if (first.seq !== last.seq) return lines.slice(-limit);
    return first.at === last.at ? lines.slice(1) : await this.#fetch(url, 0, limit);
  }

  async #fetch(url: string, since: number, limit: number): Promise<ForwardPassLine[]> {
    const { status, text } = await this.#client.get(`${url}/fpm?since=${since}&limit=${limit}`);
    if (status === 404) throw new NoForwardPasses("it tells of no forward passes");
    if (status !== 200) throw new Error(`/fpm answered ${status}`);
    // Whoever knows no limit may send more.
    return linesOf(text, limit);
  }
}

class NoForwardPasses extends Error {}

/** Passes as a worker tells them, one a line. @throws Error for a line that is none */
export function passesOfLines(workerId: string, text: string): ForwardPass[] {
  return linesOf(text, Number.POSITIVE_INFINITY).map((line) => passOf(workerId, line));
}

/** The last `limit` lines. */
function linesOf(text: string, limit: number): ForwardPassLine[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(-limit).map((line, i) => lineOf(line, i + 1));
}

function lineOf(text: string, number: number): ForwardPassLine {
  try {
    return forwardPassSchema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? (error.issues[0]?.message ?? "") : "no JSON";
    throw new Error(`line ${number} of /fpm is no forward pass: ${why}`);
  }
}

function passOf(workerId: string, line: ForwardPassLine): ForwardPass {
  const { scheduled_requests: scheduled, queued_requests: queued } = line;
  return {
    workerId,
    dpRank: line.dp_rank,
    counterId: line.counter_id,
    wallTimeS: line.wall_time,
    scheduled: {
      prefillRequests: scheduled.num_prefill_requests,
      prefillTokens: scheduled.sum_prefill_tokens,
      prefillLengthVariance: scheduled.var_prefill_length,
      prefillKvTokens: scheduled.sum_prefill_kv_tokens,
      decodeRequests: scheduled.num_decode_requests,
      decodeKvTokens: scheduled.sum_decode_kv_tokens,
      decodeKvVariance: scheduled.var_decode_kv_tokens,
    },
    queued: {
      prefillRequests: queued.num_prefill_requests,
      prefillTokens: queued.sum_prefill_tokens,
      prefillLengthVariance: queued.var_prefill_length,
      decodeRequests: queued.num_decode_requests,
      decodeKvTokens: queued.sum_decode_kv_tokens,
      decodeKvVariance: queued.var_decode_kv_tokens,
    },
  };
}
