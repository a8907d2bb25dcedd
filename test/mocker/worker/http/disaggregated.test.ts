import { beforeAll, describe, expect, it, vi } from "vitest";
import type { WorkerHost } from "#mocker/worker";
import { call, chat, post, startWorkers, stream, words } from "./harness.ts";

let prefill: string;
let decode: string;
let prefillHost: WorkerHost;

beforeAll(async () => {
  prefillHost = await startWorkers({ engine: { role: "prefill" } });
  const decodeHost = await startWorkers({ engine: { role: "decode" } });
  prefill = prefillHost.workers[0]!.url;
  decode = decodeHost.workers[0]!.url;
});

const load = async (url: string) => (await call(`${url}/worker/load`)).json().ranks[0];
const remoteDecode = { kv_transfer_params: { do_remote_decode: true } };

describe("a prefill worker", () => {
  it("says one token, holds the blocks, and tells where they are", async () => {
    const { json } = await post(
      `${prefill}/v1/chat/completions`,
      chat(words(10), { max_tokens: 50, ...remoteDecode }),
      { "x-request-id": "hold-1" },
    );
    const { usage, kv_transfer_params: params, choices } = json();
    expect(usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 1 });
    expect(choices[0].finish_reason).toBe("length");
    expect(params).toMatchObject({
      do_remote_prefill: true,
      remote_host: "127.0.0.1",
      remote_port: Number(new URL(prefill).port),
      remote_request_id: "hold-1",
      cached_tokens: 0,
    });
    expect((await load(prefill)).usedBlocks).toBe(3);
    expect((await call(`${prefill}/kv_transfer/hold-1`)).json()).toEqual(params);
    expect((await post(`${prefill}/kv_transfer/hold-1/release`, {})).json()).toEqual({ released: true });
    await vi.waitFor(async () => expect((await load(prefill)).usedBlocks).toBe(0));
  });

  it("holds nothing of what is not to travel", async () => {
    const { json } = await post(`${prefill}/v1/chat/completions`, chat(words(10), { max_tokens: 50 }));
    expect(json()).not.toHaveProperty("kv_transfer_params");
    expect(json().usage.completion_tokens).toBe(1);
    await vi.waitFor(async () => expect((await load(prefill)).usedBlocks).toBe(0));
  });

  it("410 for what has been fetched, aborted or released; 404 for what it never heard of", async () => {
    const headers = { "x-request-id": "gone-1" };
    await post(`${prefill}/v1/chat/completions`, chat(words(10), remoteDecode), headers);
    expect((await call(`${prefill}/kv_transfer/gone-1`, "DELETE")).status).toBe(200);
    expect((await call(`${prefill}/kv_transfer/gone-1`)).status).toBe(410);
    expect((await call(`${prefill}/kv_transfer/gone-1`, "DELETE")).status).toBe(404);
    expect((await post(`${prefill}/kv_transfer/gone-1/release`, {})).status).toBe(404);
    const unknown = await call(`${prefill}/kv_transfer/never?timeout_ms=0`);
    expect(unknown.status).toBe(404);
    expect(unknown.json().error.code).toBe("kv_transfer_unknown");
    expect((await call(`${decode}/kv_transfer/any`)).status).toBe(400);
    await vi.waitFor(async () => expect((await load(prefill)).usedBlocks).toBe(0));
  });
});

describe("a hand-off", () => {
  it("gives the decode worker the prompt, which frees the prefill worker's blocks; the usage is the request's", async () => {
    const prompt = words(20, 40);
    const ask = chat(prompt, { max_tokens: 8, seed: 2 });
    for (const expected of [0, 16]) {
      const first = await post(`${prefill}/v1/chat/completions`, { ...ask, ...remoteDecode });
      const { kv_transfer_params } = first.json();
      const body = { ...ask, kv_transfer_params, stream_options: { include_usage: true } };
      const { chunks } = await stream(`${decode}/v1/chat/completions`, body);
      expect(chunks).toHaveLength(10);
      expect(chunks.at(-1).usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 8 });
      expect(chunks.at(-1).usage.prompt_tokens_details.cached_tokens).toBe(expected);
      await vi.waitFor(async () => expect((await load(prefill)).usedBlocks).toBe(0));
    }
    await vi.waitFor(async () => expect((await load(decode)).usedBlocks).toBe(0));
  });

  it("works where the decode worker is asked first: it waits for the prompt", async () => {
    const ask = chat(words(12, 200), { max_tokens: 4 });
    const { port } = new URL(prefill);
    const kv_transfer_params = {
      do_remote_prefill: true,
      remote_host: "127.0.0.1",
      remote_port: Number(port),
      remote_request_id: "first-1",
    };
    const answer = post(`${decode}/v1/chat/completions`, { ...ask, kv_transfer_params });
    await post(`${prefill}/v1/chat/completions`, { ...ask, ...remoteDecode }, { "x-request-id": "first-1" });
    expect((await answer).json().usage.completion_tokens).toBe(4);
    await vi.waitFor(async () => expect((await load(prefill)).usedBlocks).toBe(0));
  });

  it("serves n choices of one transferred prompt", async () => {
    const ask = chat(words(12, 300), { max_tokens: 4 });
    const first = await post(`${prefill}/v1/chat/completions`, { ...ask, n: 3, ...remoteDecode });
    const { kv_transfer_params } = first.json();
    const { json } = await post(`${decode}/v1/chat/completions`, { ...ask, n: 3, kv_transfer_params });
    expect(json().choices).toHaveLength(3);
    expect(json().usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 12 });
  });

  it("fails as 502 where the prefill worker has nothing, and frees the decode worker's blocks", async () => {
    const kv_transfer_params = {
      do_remote_prefill: true,
      remote_host: "127.0.0.1",
      remote_port: 1,
      remote_request_id: "nobody",
    };
    const reply = await post(`${decode}/v1/chat/completions`, chat(words(12), { kv_transfer_params }));
    expect(reply.status).toBe(502);
    expect(reply.json().error.code).toBe("kv_transfer_failed");
    await vi.waitFor(async () => expect(await load(decode)).toMatchObject({ usedBlocks: 0, waiting: 0 }));
  });

  it("counts transferred tokens apart in the decode worker's metrics", async () => {
    const { text } = await call(`${decode}/metrics`);
    expect(text).toMatch(/vllm:prompt_tokens_by_source_total\{[^}]*source="external_kv_transfer"\} [1-9]/);
    expect((await call(`${prefill}/metrics`)).text).toContain('dynamo_component="prefill"');
    expect((await call(`${prefill}/metrics`)).text).toContain("understudy_worker_held_requests 0");
  });
});
