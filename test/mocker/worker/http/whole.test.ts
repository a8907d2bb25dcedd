import { beforeAll, describe, expect, it } from "vitest";
import type { ForwardPassLine } from "#mocker/protocol";
import { builtinTokenizer } from "#mocker/text";
import { call, chat, post, startWorker, words } from "./harness.ts";

let url: string;
beforeAll(async () => {
  ({ url } = await startWorker({ http: { modelAliases: ["org/other"], version: "1.2.3" } }));
});

describe("a whole answer", () => {
  it("of a chat has a message, a finish reason and the usage", async () => {
    const { status, json, headers } = await post(`${url}/v1/chat/completions`, chat(words(12), { max_tokens: 5 }));
    expect(status).toBe(200);
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(json()).toMatchObject({
      object: "chat.completion",
      model: "mock",
      choices: [{ index: 0, message: { role: "assistant", content: expect.any(String) }, finish_reason: "length" }],
      usage: { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 },
    });
    expect(builtinTokenizer().encode(json().choices[0].message.content)).toHaveLength(5);
  });

  it("tells what of the prompt was cached: all full blocks of an equal prefix but the last token's", async () => {
    const cached = async (prompt: string) =>
      (await post(`${url}/v1/completions`, { prompt, max_tokens: 1 })).json().usage.prompt_tokens_details.cached_tokens;
    const prompt = words(22, 100);
    expect(await cached(prompt)).toBe(0);
    expect(await cached(prompt)).toBe(20);
    expect(await cached(`${words(12, 100)} ${words(10, 500)}`)).toBe(12);
    expect((await post(`${url}/clear_kv_blocks`, {})).status).toBe(200);
    expect(await cached(prompt)).toBe(0);
  });

  it("of a completion takes prompts of every kind; max_tokens with echo gives the prompt and them", async () => {
    const kinds = ["a b c", [5, 6, 7], ["a", "b c"], [[5, 6], [7]]];
    for (const prompt of kinds) {
      const { json } = await post(`${url}/v1/completions`, { prompt, max_tokens: 2 });
      expect(json().choices).toHaveLength(Array.isArray(prompt) && typeof prompt[0] !== "number" ? 2 : 1);
      expect(json().usage.prompt_tokens).toBe(3);
    }
    const { json } = await post(`${url}/v1/completions`, { prompt: "a b c", max_tokens: 2, echo: true, logprobs: 1 });
    const [choice] = json().choices;
    expect(choice.text.startsWith("a b c ")).toBe(true);
    expect(choice.logprobs.tokens.join("")).toBe(choice.text.slice(5));
    expect(choice.logprobs.text_offset[0]).toBe(5);
  });

  it("is JSON where response_format asks for it, within max_tokens exactly where strings can be filled", async () => {
    const schema = {
      type: "object",
      properties: { name: { type: "string" }, age: { type: "integer" } },
      required: ["name", "age"],
    };
    const response_format = { type: "json_schema", json_schema: { name: "person", schema } };
    const { json } = await post(`${url}/v1/chat/completions`, chat("who?", { response_format, max_tokens: 60 }));
    const [choice] = json().choices;
    expect(JSON.parse(choice.message.content)).toEqual({ name: expect.any(String), age: expect.any(Number) });
    expect(json().usage.completion_tokens).toBe(60);
    expect(choice.finish_reason).toBe("stop");
  });

  it("calls the function that is named", async () => {
    const tools = [
      {
        type: "function",
        function: { name: "f", parameters: { type: "object", properties: { n: { type: "integer" } } } },
      },
    ];
    const tool_choice = { type: "function", function: { name: "f" } };
    const { json } = await post(`${url}/v1/chat/completions`, chat("call", { tools, tool_choice }));
    const [choice] = json().choices;
    expect(choice.message.content).toBeNull();
    expect(choice.message.tool_calls[0].function).toEqual({ name: "f", arguments: expect.any(String) });
    expect(choice.finish_reason).toBe("tool_calls");
  });

  it("answers to the model's other names, and says the one that was asked", async () => {
    const { json } = await post(`${url}/v1/chat/completions`, chat("a", { model: "org/other", max_tokens: 1 }));
    expect(json().model).toBe("org/other");
  });
});

describe("what else a worker answers", () => {
  it("lists its models", async () => {
    const { data } = (await call(`${url}/v1/models`)).json();
    expect(data.map((model: { id: string }) => model.id)).toEqual(["mock", "org/other"]);
    expect((await call(`${url}/v1/models/org/other`)).json()).toMatchObject({ id: "org/other", object: "model" });
  });

  it("is alive and ready at every address that asks", async () => {
    for (const path of ["/health", "/live", "/livez", "/readyz", "/ping"]) {
      expect(await call(`${url}${path}`)).toMatchObject({ status: 200, text: "" });
    }
    expect((await call(`${url}/version`)).json()).toEqual({ version: "1.2.3" });
  });

  it("shows itself, its load and its passes by number", async () => {
    const worker = await startWorker();
    const card = (await call(`${worker.url}/worker`)).json();
    expect(card).toMatchObject({ url: worker.url, model: "mock", role: "aggregated", state: "ready", blockSize: 4 });
    await post(`${worker.url}/v1/completions`, { prompt: words(9), max_tokens: 3 });
    const lines = async (query: string, path = "/fpm") =>
      (await call(`${worker.url}${path}?${query}`)).text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as ForwardPassLine);
    // Heartbeats of a rank that is idle have no duration.
    const passes = (await lines("since=0")).slice(0, 3);
    expect(passes.map(({ seq, counter_id }) => [seq, counter_id])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(passes[0]).toMatchObject({ version: 1, worker_id: card.id, dp_rank: 0, wall_time: 0, used_blocks: 3 });
    expect(passes[0]!.scheduled_requests).toMatchObject({ num_prefill_requests: 1, sum_prefill_tokens: 9 });
    expect(passes[1]!.scheduled_requests).toMatchObject({ num_decode_requests: 1, sum_decode_kv_tokens: 10 });
    expect((await lines("since=2"))[0]!.seq).toBe(3);
    expect(await lines("since=0&limit=1")).toHaveLength(1);
    for (const query of ["since=-1", "since=", "since=1.5", "limit=0", "limit=x"]) {
      expect((await call(`${worker.url}/fpm?${query}`)).status, query).toBe(400);
    }
    const tried = (await lines("since=0", "/fpm/benchmark")).map((line) => line.scheduled_requests);
    expect(tried.length).toBeGreaterThan(10);
    expect(tried[0]).toMatchObject({ num_prefill_requests: 1, num_decode_requests: 0 });
    expect(tried.at(-1)).toMatchObject({ num_prefill_requests: 0, sum_prefill_tokens: 0 });
    const { ranks, preemptions } = (await call(`${worker.url}/worker/load`)).json();
    expect(ranks[0]).toMatchObject({ running: 0, waiting: 0, usedBlocks: 0 });
    expect(preemptions).toBe(0);
  });

  it("tokenises and back, as vLLM's endpoints do", async () => {
    const tokens = (await post(`${url}/tokenize`, { prompt: "hello there", return_token_strs: true })).json();
    expect(tokens).toMatchObject({ count: 2, token_strs: ["hello", " there"] });
    expect((await post(`${url}/detokenize`, { tokens: tokens.tokens })).json()).toEqual({ prompt: "hello there" });
    expect((await post(`${url}/tokenize`, chat("hello there"))).json().count).toBe(2);
    expect((await post(`${url}/detokenize`, { tokens: [-1] })).status).toBe(400);
  });
});

describe("two workers of a process", () => {
  it("have ports, ids and caches of their own, and say the same for the same seed", async () => {
    const { host } = await startWorker({ host: { count: 2, workerId: (index) => `decode/${index}` } });
    expect(host.workers.map((worker) => worker.id)).toEqual(["decode/0", "decode/1"]);
    const body = { prompt: words(20), max_tokens: 30, seed: 5 };
    const replies = await Promise.all(host.workers.map((worker) => post(`${worker.url}/v1/completions`, body)));
    expect(replies.map((reply) => reply.headers["x-worker-id"])).toEqual(["decode/0", "decode/1"]);
    const [first, second] = replies.map((reply) => reply.json());
    expect(first.usage.prompt_tokens_details.cached_tokens).toBe(0);
    expect(second.usage.prompt_tokens_details.cached_tokens).toBe(0);
    expect(first.choices[0].text).toBe(second.choices[0].text);
  });
});
