import { describe, expect, it } from "vitest";
import { type MetricFamily, parsePrometheus } from "#common/prometheus";
import { fixedTiming } from "#mocker/engine";
import { readProjectFile } from "../../../structure/project-files.ts";
import { call, chat, post, startWorker, stream, words } from "./harness.ts";

async function scrape(url: string): Promise<Map<string, MetricFamily>> {
  const { status, headers, text } = await call(`${url}/metrics`);
  expect(status).toBe(200);
  expect(headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
  return parsePrometheus(text);
}

/** Names in the tables of the document's sections about workers, but those of `others`. */
function documented(others: string): string[] {
  const sections = readProjectFile("docs/metrics.md").split(/^## /m);
  const own = sections.filter((section) => section.startsWith("Worker") && !section.startsWith(`Worker: ${others}`));
  return own.flatMap((section) => [...section.matchAll(/^\| `([a-z0-9_:]+)` \|/gm)].map((match) => match[1]!));
}

/** Sum over all samples of this name that have these labels. */
function value(families: Map<string, MetricFamily>, sample: string, labels: Record<string, string> = {}): number {
  const samples = [...families.values()].flatMap((family) => family.samples).filter((found) => found.name === sample);
  const matching = samples.filter((found) =>
    Object.entries(labels).every(([name, text]) => found.labels[name] === text),
  );
  expect(matching.length, `${sample} ${JSON.stringify(labels)}`).toBeGreaterThan(0);
  return matching.reduce((sum, found) => sum + found.value, 0);
}

describe.each([
  { names: "vllm" as const, others: "SGLang" },
  { names: "sglang" as const, others: "vLLM" },
])("metric names: $names", ({ names, others }) => {
  it("are those that docs/metrics.md names, no more and no less, with their types", async () => {
    const { url } = await startWorker({ http: { metricNames: names } });
    const families = await scrape(url);
    expect([...families.keys()].sort()).toEqual(documented(others).sort());
    const text = readProjectFile("docs/metrics.md");
    for (const { name, type } of families.values()) expect(text).toContain(`| \`${name}\` | ${type} |`);
  });
});

describe("vLLM's metrics", () => {
  it("count requests, tokens, hits and how sequences ended", async () => {
    const { url } = await startWorker();
    const prompt = words(21);
    await post(`${url}/v1/chat/completions`, chat(prompt, { max_tokens: 6 }));
    await stream(`${url}/v1/chat/completions`, chat(prompt, { max_tokens: 6, n: 2 }));
    await post(`${url}/v1/completions`, { prompt });
    const families = await scrape(url);
    const labels = { model_name: "mock", engine: "0" };
    const of = (name: string, more: Record<string, string> = {}) => value(families, name, { ...labels, ...more });
    expect(of("vllm:prompt_tokens_total")).toBe(84);
    expect(of("vllm:prefix_cache_queries_total")).toBe(84);
    expect(of("vllm:prefix_cache_hits_total")).toBe(60);
    expect(of("vllm:request_success_total", { finished_reason: "length" })).toBe(3);
    expect(of("vllm:request_success_total", { finished_reason: "stop" })).toBe(1);
    const generated = of("vllm:generation_tokens_total");
    expect(of("vllm:time_to_first_token_seconds_count")).toBe(4);
    expect(of("vllm:inter_token_latency_seconds_count")).toBe(generated - 4);
    expect(of("vllm:request_generation_tokens_sum")).toBe(generated);
    expect(of("vllm:request_params_n_sum")).toBe(4);
    expect(of("vllm:request_params_max_tokens_count")).toBe(3);
    expect(of("vllm:e2e_request_latency_seconds_count")).toBe(4);
    expect(of("vllm:num_requests_running")).toBe(0);
    expect(of("vllm:kv_cache_usage_perc")).toBe(0);
    expect(value(families, "dynamo_component_kvstats_gpu_prefix_cache_hit_rate")).toBeCloseTo(60 / 84, 10);
  });

  it("tell what came from host memory, and how long that took", async () => {
    const kvOffload = { hostBlocks: 40, bytesPerBlock: 2e6, bytesPerSecond: 1e9 };
    const { url } = await startWorker({ engine: { speedupRatio: 1, numGpuBlocks: 8, kvOffload } });
    const ask = (prompt: string) => post(`${url}/v1/completions`, { prompt, max_tokens: 1 });
    await ask(words(21));
    await ask(words(28, 100));
    await ask(words(21));
    const families = await scrape(url);
    const of = (name: string, labels: Record<string, string> = {}) => value(families, name, labels);
    const local = of("vllm:prefix_cache_hits_total");
    const external = of("vllm:external_prefix_cache_hits_total");
    expect(external).toBeGreaterThan(0);
    expect(local + external).toBe(20);
    expect(of("vllm:external_prefix_cache_queries_total")).toBe(of("vllm:prefix_cache_queries_total") - local);
    expect(of("vllm:prompt_tokens_by_source_total", { source: "external_kv_transfer" })).toBe(external);
    const direction = { transfer_type: "CPU_to_GPU" };
    expect(of("vllm:kv_offload_total_bytes_total", direction)).toBe((external / 4) * 2e6);
    expect(of("vllm:kv_offload_total_time_total", direction)).toBeCloseTo((external / 4) * 0.002, 9);
    // What is evicted from a cache of 8 blocks moves out, and stays.
    const moved = of("vllm:kv_offload_total_bytes_total", { transfer_type: "GPU_to_CPU" }) / 2e6;
    expect(moved).toBe(40 * of("vllm:kv_offload_cpu_cache_usage_perc"));
    expect(moved).toBeGreaterThan(0);
    expect(of("vllm:kv_offload_total_time_total", { transfer_type: "GPU_to_CPU" })).toBeCloseTo(moved * 0.002, 9);
    // What is cleared is computed anew.
    await post(`${url}/clear_kv_blocks`, {});
    await ask(words(21));
    const after = await scrape(url);
    expect(value(after, "vllm:kv_offload_cpu_cache_usage_perc")).toBe(0);
    expect(value(after, "vllm:kv_offload_total_bytes_total", { transfer_type: "GPU_to_CPU" })).toBe(moved * 2e6);
    expect(value(after, "vllm:external_prefix_cache_hits_total")).toBe(external);
  });

  it("have vLLM's buckets", async () => {
    const { url } = await startWorker({ engine: { maxModelLen: 250 } });
    const families = await scrape(url);
    const bounds = (name: string) =>
      families
        .get(name)!
        .samples.filter((sample) => sample.name.endsWith("_bucket"))
        .map((sample) => Number(sample.labels.le === "+Inf" ? Number.POSITIVE_INFINITY : sample.labels.le));
    expect(bounds("vllm:time_to_first_token_seconds").slice(0, 8)).toEqual([
      0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,
    ]);
    expect(bounds("vllm:inter_token_latency_seconds").slice(0, 4)).toEqual([0.01, 0.025, 0.05, 0.075]);
    expect(bounds("vllm:request_prompt_tokens")).toEqual([1, 2, 5, 10, 20, 50, 100, 200, Number.POSITIVE_INFINITY]);
  });

  it("tell model time: exactly what the engine says of each token, whatever the process's own lag", async () => {
    const timing = fixedTiming({ prefillMs: 200, decodeMs: 40, perPass: true });
    const { url } = await startWorker({ engine: { timing, speedupRatio: 10 } });
    await post(`${url}/v1/chat/completions`, chat("a", { max_tokens: 11 }));
    const families = await scrape(url);
    expect(value(families, "vllm:inter_token_latency_seconds_sum")).toBeCloseTo(10 * 0.004, 9);
    expect(value(families, "vllm:request_decode_time_seconds_sum")).toBeCloseTo(0.04, 9);
    expect(value(families, "vllm:request_prefill_time_seconds_sum")).toBeCloseTo(0.02, 9);
    expect(value(families, "understudy_worker_passes_total")).toBe(11);
    expect(value(families, "understudy_worker_pass_seconds_total")).toBeCloseTo(0.06, 9);
    expect(value(families, "understudy_worker_prefill_seconds_total")).toBeCloseTo(0.02, 9);
    expect(value(families, "understudy_wakes_total")).toBeGreaterThan(0);
  });
});

it("SGLang's metrics count the same", async () => {
  const { url } = await startWorker({ http: { metricNames: "sglang" } });
  for (let i = 0; i < 2; i++) await post(`${url}/v1/chat/completions`, chat(words(9), { max_tokens: 4 }));
  const families = await scrape(url);
  expect(value(families, "sglang:prompt_tokens_total", { model_name: "mock" })).toBe(18);
  expect(value(families, "sglang:generation_tokens_total")).toBe(8);
  expect(value(families, "sglang:cached_tokens_total")).toBe(8);
  expect(value(families, "sglang:cache_hit_rate", { engine_type: "unified" })).toBeCloseTo(8 / 18, 10);
  expect(value(families, "sglang:inter_token_latency_seconds_count")).toBe(6);
  expect(value(families, "sglang:num_requests_total")).toBe(2);
});
