import { describe, expect, it } from "vitest";
import type { SourceWorker } from "#planner/sources";
import { server, setUp } from "./made-scrape.ts";

function worker(workerId: number, role: "prefill" | "decode", url: string | null): SourceWorker {
  return { workerId, role, state: "active", url };
}

describe("the scrape source and the workers", () => {
  const rank = (rest: object = {}) => ({
    ...{ running: 2, waiting: 1, queuedPrefillTokens: 500, kvTokens: 900, usedBlocks: 9, lastPassMs: 8 },
    ...rest,
  });

  it("adds up the ranks of each active worker, and measures prefill over all of them", async () => {
    const workers = await Promise.all([server(), server(), server()]);
    const prefillMs = [100, 40, 7];
    const ranks: object[][] = [
      [rank(), rank({ waiting: 3 })],
      [rank(), rank({ lastPassMs: null })],
      [rank({ lastPassMs: null })],
    ];
    workers.forEach((each, i) => {
      each.answer = () => ({ body: JSON.stringify({ ranks: ranks[i], prefillMs: prefillMs[i], preemptions: 0 }) });
    });
    const { view, observe } = await setUp({
      workers: () => ({
        counts: view.counts,
        workers: [
          worker(3, "prefill", workers[0]!.url),
          worker(5, "decode", workers[1]!.url),
          { ...worker(6, "decode", workers[2]!.url), state: "draining" },
          { ...worker(7, "decode", null), state: "starting" },
        ],
      }),
    });
    // What they had done before is not this window's: the first reading comes before anything can change.
    await observe(10);
    prefillMs[0]! += 50;
    prefillMs[1]! += 5;
    prefillMs[2] = 3;
    expect(await observe(20)).toMatchObject({
      prefillLoad: [{ workerId: 3, queuedRequests: 4, queuedTokens: 1000 }],
      decodeLoad: [{ workerId: 5, batch: 4, kvTokens: 1800, itlMs: 8 }],
      // The last one was restarted: 3 ms are new.
      prefillMeasuredS: expect.closeTo(0.058, 9),
    });
    ranks[1] = [rank({ lastPassMs: null })];
    expect((await observe(30)).decodeLoad).toEqual([{ workerId: 5, batch: 2, kvTokens: 900, itlMs: null }]);
  });

  it("leaves out workers that don't answer, and measures no prefill until they have answered twice", async () => {
    const [good, bad] = [await server(), await server()];
    let prefillMs = 0;
    const answer = () => ({ body: JSON.stringify({ ranks: [rank()], prefillMs, preemptions: 0 }) });
    good.answer = answer;
    bad.answer = answer;
    const { view, observe, source } = await setUp({
      workers: () => ({ ...view, workers: [worker(0, "decode", good.url), worker(1, "decode", bad.url)] }),
    });
    expect(await observe(10)).toMatchObject({ prefillMeasuredS: 0, prefillLoad: null });
    prefillMs = 10;
    bad.answer = () => ({ status: 500, body: "" });
    const seen = await observe(20);
    expect(seen.decodeLoad).toHaveLength(1);
    expect(seen.prefillMeasuredS).toBeNull();
    expect(source.problems).toEqual([expect.stringContaining("worker decode/1")]);
    good.answer = () => ({ body: "{" });
    expect(await observe(30)).toMatchObject({ decodeLoad: null, prefillMeasuredS: null });
    good.answer = answer;
    bad.answer = answer;
    expect((await observe(40)).prefillMeasuredS).toBeNull();
    prefillMs = 25;
    expect((await observe(50)).prefillMeasuredS).toBeCloseTo(0.03, 9);
  });

  it("reads vLLM's metrics of workers that have nothing better", async () => {
    const vllm = await server();
    const gaps = { sum: 1, count: 100 };
    let usage = "vllm:kv_cache_usage_perc";
    vllm.answer = (url) =>
      url.pathname !== "/metrics"
        ? { status: 404, body: "" }
        : {
            body: [
              'vllm:num_requests_running{engine="0",model_name="m"} 5',
              'vllm:num_requests_waiting{engine="0",model_name="m"} 3',
              `${usage}{engine="0",model_name="m"} 0.25`,
              'vllm:cache_config_info{block_size="16",num_gpu_blocks="1000",engine="0"} 1.0',
              "# TYPE vllm:request_prompt_tokens histogram",
              "vllm:request_prompt_tokens_sum 5000",
              "vllm:request_prompt_tokens_count 4",
              "# TYPE vllm:inter_token_latency_seconds histogram",
              `vllm:inter_token_latency_seconds_sum ${gaps.sum}`,
              `vllm:inter_token_latency_seconds_count ${gaps.count}`,
              "",
            ].join("\n"),
          };
    const { view, observe, source } = await setUp({
      workers: () => ({ ...view, workers: [worker(0, "prefill", vllm.url), worker(4, "decode", vllm.url)] }),
    });
    await observe(10);
    gaps.sum += 0.24;
    gaps.count += 20;
    expect(await observe(20)).toMatchObject({
      prefillLoad: [{ workerId: 0, queuedRequests: 3, queuedTokens: 3750 }],
      decodeLoad: [{ workerId: 4, batch: 5, kvTokens: 4000 }],
      prefillMeasuredS: null,
    });
    expect(source.problems).toEqual([]);
    usage = "vllm:something_else";
    gaps.sum += 0.24;
    gaps.count += 5;
    expect(await observe(30)).toMatchObject({ decodeLoad: null });
    expect(source.problems[0]).toContain("/metrics has no vllm:kv_cache_usage_perc");
    usage = "vllm:gpu_cache_usage_perc";
    gaps.sum += 0.26;
    gaps.count += 5;
    // The gaps of the scrape that was of no use are not lost.
    expect((await observe(40)).decodeLoad).toEqual([
      { workerId: 4, batch: 5, kvTokens: 4000, itlMs: expect.closeTo(50, 6) },
    ]);
  });

  it("tells an empty pool of prefill workers from none", async () => {
    const { observe } = await setUp({ disaggregated: true });
    expect(await observe(10)).toMatchObject({ prefillLoad: [], decodeLoad: [] });
  });

  it("gives up an answer that takes too long", async () => {
    const slow = await server();
    const { view, observe, source } = await setUp({
      timeoutMs: 50,
      workers: () => ({ ...view, workers: [worker(0, "decode", slow.url)] }),
    });
    slow.answer = () => "never";
    expect(await observe(10)).toMatchObject({ startedRequests: 0, decodeLoad: null });
    expect(source.problems).toEqual([expect.stringContaining("no answer in time")]);
  });
});
