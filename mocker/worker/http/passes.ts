import type { BenchmarkPass, PassBatch } from "#mocker/engine";
import type { ForwardPassLine, ForwardPassRecord } from "#mocker/protocol";

const COLUMNS = 19;
const FIRST_CAPACITY = 64;
/**
 * A rank in which no pass has ended for so long tells of itself all the same, model s: half of what Dynamo's schedulers take, so that who
 * asks every second hears of every rank.
 */
const HEARTBEAT_S = 0.5;

/** What an engine does in its own benchmark, in the shape of passes that nobody waited for. @param atUnixS when it is asked */
export function benchmarkLines(workerId: string, passes: readonly BenchmarkPass[], atUnixS: number): string {
  const ring = new PassRing(passes.length);
  const none = { decodeKvVariance: 0, prefillLengthVariance: 0 };
  for (const { prefillTokens, decodeRequests, decodeKvTokens, durationMs } of passes) {
    const prefillRequests = prefillTokens > 0 ? 1 : 0;
    ring.push({
      dpRank: 0,
      at: atUnixS,
      durationMs,
      prefillMs: prefillRequests === 1 ? durationMs : 0,
      usedBlocks: 0,
      scheduled: { ...none, prefillRequests, prefillTokens, prefillKvTokens: 0, decodeRequests, decodeKvTokens },
      queued: { ...none, prefillRequests: 0, prefillTokens: 0, decodeRequests: 0, decodeKvTokens: 0 },
    });
  }
  return ring.linesSince(workerId, 0, passes.length);
}

/** The last passes of a worker, in one typed array that grows to its limit; adding one allocates nothing then. */
export class PassRing {
  readonly #limit: number;
  #rows = new Float64Array(FIRST_CAPACITY * COLUMNS);
  #capacity = FIRST_CAPACITY;
  #lastSeq = 0;
  /** Of each rank: lines so far, and the time of the last one. */
  readonly #ranks = new Map<number, { lines: number; at: number }>();

  constructor(limit: number) {
    this.#limit = Math.max(FIRST_CAPACITY, limit);
  }

  /** Number of the last line; the first is 1. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  push(record: ForwardPassRecord): void {
    if (this.#lastSeq === this.#capacity && this.#capacity < this.#limit) this.#grow();
    const rank = this.#ranks.get(record.dpRank) ?? { lines: 0, at: 0 };
    this.#ranks.set(record.dpRank, rank);
    rank.lines++;
    rank.at = record.at;
    const rows = this.#rows;
    const { scheduled, queued } = record;
    let at = (this.#lastSeq++ % this.#capacity) * COLUMNS;
    rows[at++] = record.dpRank;
    rows[at++] = rank.lines;
    rows[at++] = record.durationMs;
    rows[at++] = scheduled.prefillRequests;
    rows[at++] = scheduled.prefillTokens;
    rows[at++] = scheduled.prefillLengthVariance;
    rows[at++] = scheduled.prefillKvTokens;
    rows[at++] = scheduled.decodeRequests;
    rows[at++] = scheduled.decodeKvTokens;
    rows[at++] = scheduled.decodeKvVariance;
    rows[at++] = queued.prefillRequests;
    rows[at++] = queued.prefillTokens;
    rows[at++] = queued.prefillLengthVariance;
    rows[at++] = queued.decodeRequests;
    rows[at++] = queued.decodeKvTokens;
    rows[at++] = queued.decodeKvVariance;
    rows[at++] = record.at;
    rows[at++] = record.prefillMs;
    rows[at] = record.usedBlocks;
  }

  /** A line for each rank in which nothing has ended for a while. @param atUnixS now @param timeScale model s in a real one */
  heartbeats(atUnixS: number, timeScale: number, ranks: readonly { batch: PassBatch; usedBlocks: number }[]): void {
    ranks.forEach(({ batch, usedBlocks }, dpRank) => {
      const last = this.#ranks.get(dpRank);
      if (last !== undefined && (atUnixS - last.at) * timeScale < HEARTBEAT_S) return;
      this.push({ ...batch, dpRank, at: atUnixS, durationMs: 0, prefillMs: 0, usedBlocks });
    });
  }

  /** Lines after the one numbered `seq`, the newest `limit` of them, oldest first; what has fallen out is missing. */
  linesSince(workerId: string, seq: number, limit: number): string {
    let lines = "";
    const first = Math.max(seq + 1, this.#lastSeq - Math.min(limit, this.#capacity) + 1, 1);
    for (let number = first; number <= this.#lastSeq; number++) {
      lines += `${JSON.stringify(this.#line(workerId, number))}\n`;
    }
    return lines;
  }

  #line(workerId: string, seq: number): ForwardPassLine {
    let at = ((seq - 1) % this.#capacity) * COLUMNS;
    const next = () => this.#rows[at++]!;
    return {
      version: 1,
      worker_id: workerId,
      dp_rank: next(),
      counter_id: next(),
      wall_time: next() / 1000,
      scheduled_requests: {
        num_prefill_requests: next(),
        sum_prefill_tokens: next(),
        var_prefill_length: next(),
        sum_prefill_kv_tokens: next(),
        num_decode_requests: next(),
        sum_decode_kv_tokens: next(),
        var_decode_kv_tokens: next(),
      },
      queued_requests: {
        num_prefill_requests: next(),
        sum_prefill_tokens: next(),
        var_prefill_length: next(),
        num_decode_requests: next(),
        sum_decode_kv_tokens: next(),
        var_decode_kv_tokens: next(),
      },
      seq,
      at: next(),
      prefill_time: next() / 1000,
      used_blocks: next(),
    };
  }

  /** Only before the ring goes round, so that rows keep their places. */
  #grow(): void {
    this.#capacity = Math.min(this.#limit, this.#capacity * 2);
    const rows = new Float64Array(this.#capacity * COLUMNS);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}
