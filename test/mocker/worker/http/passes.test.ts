import { describe, expect, it } from "vitest";
import type { PassBatch } from "#mocker/engine";
import type { ForwardPassLine, ForwardPassRecord } from "#mocker/protocol";
import { PassRing } from "../../../../mocker/worker/http/passes.ts";

const BATCH: PassBatch = {
  scheduled: {
    prefillRequests: 1,
    prefillTokens: 2,
    prefillLengthVariance: 3.5,
    prefillKvTokens: 4,
    decodeRequests: 5,
    decodeKvTokens: 6,
    decodeKvVariance: 7.5,
  },
  queued: {
    prefillRequests: 8,
    prefillTokens: 9,
    prefillLengthVariance: 10.5,
    decodeRequests: 11,
    decodeKvTokens: 12,
    decodeKvVariance: 13.5,
  },
};

function pass(dpRank: number, at: number): ForwardPassRecord {
  return { ...BATCH, dpRank, at, durationMs: 20, prefillMs: 5, usedBlocks: 14 };
}

function lines(ring: PassRing, since = 0, limit = 10_000): ForwardPassLine[] {
  const text = ring.linesSince("w", since, limit);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

describe("the ring of passes", () => {
  it("writes a pass by Dynamo's names, in seconds", () => {
    const ring = new PassRing(100);
    ring.push(pass(1, 1000.5));
    expect(lines(ring)).toEqual([
      {
        version: 1,
        worker_id: "w",
        dp_rank: 1,
        counter_id: 1,
        wall_time: 0.02,
        scheduled_requests: {
          num_prefill_requests: 1,
          sum_prefill_tokens: 2,
          var_prefill_length: 3.5,
          sum_prefill_kv_tokens: 4,
          num_decode_requests: 5,
          sum_decode_kv_tokens: 6,
          var_decode_kv_tokens: 7.5,
        },
        queued_requests: {
          num_prefill_requests: 8,
          sum_prefill_tokens: 9,
          var_prefill_length: 10.5,
          num_decode_requests: 11,
          sum_decode_kv_tokens: 12,
          var_decode_kv_tokens: 13.5,
        },
        seq: 1,
        at: 1000.5,
        prefill_time: 0.005,
        used_blocks: 14,
      },
    ]);
  });

  it("numbers lines over the worker and passes within their rank, and keeps the last ones", () => {
    const ring = new PassRing(100);
    for (let i = 1; i <= 250; i++) ring.push(pass(i % 2, i));
    const kept = lines(ring);
    expect(kept).toHaveLength(100);
    expect([kept[0]!.seq, kept[0]!.counter_id, kept.at(-1)!.seq, kept.at(-1)!.counter_id]).toEqual([151, 76, 250, 125]);
    expect(lines(ring, 248).map(({ seq }) => seq)).toEqual([249, 250]);
    expect(lines(ring, 0, 3).map(({ seq }) => seq)).toEqual([248, 249, 250]);
    expect(lines(ring, 250)).toEqual([]);
    expect(lines(ring, 9999)).toEqual([]);
  });

  it("adds a heartbeat for each rank that has told nothing for half a second, and only then", () => {
    const ring = new PassRing(100);
    const idle = { batch: { ...BATCH }, usedBlocks: 3 };
    ring.push(pass(0, 1000));
    ring.heartbeats(1000.2, 1, [idle, idle]);
    expect(lines(ring).map(({ dp_rank, wall_time, at }) => [dp_rank, wall_time, at])).toEqual([
      [0, 0.02, 1000],
      [1, 0, 1000.2],
    ]);
    ring.heartbeats(1000.6, 1, [idle, idle]);
    expect(lines(ring, 2).map(({ dp_rank, counter_id, wall_time }) => [dp_rank, counter_id, wall_time])).toEqual([
      [0, 2, 0],
    ]);
  });

  it("counts that in model time", () => {
    const ring = new PassRing(100);
    ring.push(pass(0, 1000));
    ring.heartbeats(1000.06, 10, [{ batch: BATCH, usedBlocks: 3 }]);
    expect(lines(ring).map(({ wall_time }) => wall_time)).toEqual([0.02, 0]);
  });
});
