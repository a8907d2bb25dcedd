import { beforeAll, describe, expect, it } from "vitest";
import { builtinTokenizer } from "#mocker/text";
import { chat, post, startWorker, stream, words } from "./harness.ts";

let url: string;
beforeAll(async () => {
  ({ url } = await startWorker());
});

const chatUrl = () => `${url}/v1/chat/completions`;
const completionsUrl = () => `${url}/v1/completions`;
const deltas = (chunks: { choices: { delta: Record<string, string> }[] }[]) =>
  chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta));

describe("a streamed chat", () => {
  it("begins with the role, has a chunk per token, its finish reason in the last, then [DONE]", async () => {
    const { status, headers, chunks, data } = await stream(chatUrl(), chat("hello", { max_tokens: 7 }));
    expect(status).toBe(200);
    expect(headers["content-type"]).toMatch(/^text\/event-stream/);
    expect(data.at(-1)).toBe("[DONE]");
    expect(chunks).toHaveLength(8);
    expect(chunks[0].choices[0].delta).toEqual({ role: "assistant", content: "" });
    expect(chunks.map((chunk) => chunk.choices[0].finish_reason)).toEqual([...Array(7).fill(null), "length"]);
    expect(new Set(chunks.map(({ id, created, model, object }) => `${id} ${created} ${model} ${object}`)).size).toBe(1);
    expect(chunks[0]).toMatchObject({ object: "chat.completion.chunk", model: "mock" });
    expect(chunks.every((chunk) => !("usage" in chunk))).toBe(true);
  });

  it("says what re-tokenises to as many tokens as were counted", async () => {
    const prompt = words(50);
    const { chunks } = await stream(
      chatUrl(),
      chat(prompt, { max_tokens: 200, stream_options: { include_usage: true } }),
    );
    const text = deltas(chunks)
      .map((delta) => delta.content)
      .join("");
    expect(builtinTokenizer().encode(text)).toHaveLength(200);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 50, completion_tokens: 200, total_tokens: 250 },
    });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
  });

  it("tells the usage so far with continuous_usage_stats", async () => {
    const options = { include_usage: true, continuous_usage_stats: true };
    const { chunks } = await stream(chatUrl(), chat("a b c", { max_tokens: 3, stream_options: options }));
    expect(chunks.map((chunk) => chunk.usage.completion_tokens)).toEqual([0, 1, 2, 3, 3]);
    expect(chunks.every((chunk) => chunk.usage.prompt_tokens === 3)).toBe(true);
  });

  it("interleaves n choices, each with its role, its tokens and its end; the prompt counts once", async () => {
    const body = chat("hello", { max_tokens: 4, n: 3, stream_options: { include_usage: true } });
    const { chunks } = await stream(chatUrl(), body);
    for (const index of [0, 1, 2]) {
      const own = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index);
      expect(own.map((choice) => choice.finish_reason)).toEqual([null, null, null, null, "length"]);
    }
    expect(chunks.at(-1).usage).toMatchObject({ prompt_tokens: 1, completion_tokens: 12 });
    const texts = [0, 1, 2].map((index) =>
      chunks
        .flatMap((chunk) => chunk.choices)
        .filter((choice) => choice.index === index)
        .map((choice) => choice.delta.content)
        .join(""),
    );
    expect(new Set(texts).size).toBe(3);
  });

  it("draws the length where the request sets none, and stops by itself", async () => {
    const { chunks } = await stream(chatUrl(), chat("hello"));
    expect(chunks.length).toBeGreaterThan(30);
    expect(chunks.at(-1).choices[0].finish_reason).toBe("stop");
  });

  it("repeats X-Request-Id, in the header and in the id", async () => {
    const { headers, chunks } = await stream(chatUrl(), chat("hello", { max_tokens: 1 }), { "x-request-id": "abc-1" });
    expect(headers["x-request-id"]).toBe("abc-1");
    expect(headers["x-worker-id"]).toMatch(/^worker-\d+$/);
    expect(chunks[0].id).toBe("chatcmpl-abc-1");
  });

  it("says the same as without streaming, for the same prompt and seed", async () => {
    for (const parameters of [{ seed: 7 }, { temperature: 0 }]) {
      const body = chat("tell me", { max_tokens: 20, ...parameters });
      const { chunks } = await stream(chatUrl(), body);
      const whole = (await post(chatUrl(), body)).json();
      const text = deltas(chunks)
        .map((delta) => delta.content)
        .join("");
      expect(whole.choices[0].message.content).toBe(text);
    }
    const texts = await Promise.all(
      [1, 2].map(
        async (seed) =>
          (await post(chatUrl(), chat("tell me", { max_tokens: 20, seed }))).json().choices[0].message.content,
      ),
    );
    expect(texts[0]).not.toBe(texts[1]);
  });

  it("ends where a stop string comes, without showing it; not within min_tokens", async () => {
    const body = chat("stop here", { max_tokens: 60, seed: 3 });
    const whole: string = (await post(chatUrl(), body)).json().choices[0].message.content;
    const stop = whole.split(" ").filter((word) => word.length > 3)[4]!;
    const { chunks } = await stream(chatUrl(), { ...body, stop });
    const shown = deltas(chunks)
      .map((delta) => delta.content)
      .join("");
    expect(shown).toBe(whole.slice(0, whole.indexOf(stop)));
    expect(chunks.at(-1).choices[0].finish_reason).toBe("stop");
    const late = (await post(chatUrl(), { ...body, stop: [stop], min_tokens: 60 })).json();
    expect(late.choices[0].message.content).toBe(whole);
    expect(late.usage.completion_tokens).toBe(60);
  });

  it("lists logprobs per token, in the chat's shape", async () => {
    const body = chat("hello", { max_tokens: 3, logprobs: true, top_logprobs: 2 });
    const { chunks } = await stream(chatUrl(), body);
    const own = chunks.slice(1).map((chunk) => chunk.choices[0]);
    expect(own).toHaveLength(3);
    for (const choice of own) {
      const [entry] = choice.logprobs.content;
      expect(entry.token).toBe(choice.delta.content);
      expect(entry.logprob).toBeLessThanOrEqual(0);
      expect(entry.top_logprobs).toHaveLength(2);
      expect(Buffer.from(entry.bytes).toString()).toBe(entry.token);
    }
  });

  it("tells token ids with return_token_ids, which decode to the text", async () => {
    const { chunks } = await stream(chatUrl(), chat("a b", { max_tokens: 5, return_token_ids: true }));
    const { decode, encode } = builtinTokenizer();
    expect(chunks[0].prompt_token_ids).toEqual([...encode("a b")]);
    const ids = chunks.slice(1).flatMap((chunk) => chunk.choices[0].token_ids);
    const text = deltas(chunks)
      .map((delta) => delta.content)
      .join("");
    expect(decode(ids)).toBe(text);
  });

  it("streams the arguments of a function that has to be called, as JSON of its schema", async () => {
    const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
    const { chunks } = await stream(chatUrl(), chat("weather?", { tools, tool_choice: "required" }));
    expect(chunks[0].choices[0].delta.tool_calls[0].function.name).toBe("get_weather");
    const text = chunks.map((chunk) => chunk.choices[0].delta.tool_calls?.[0]?.function.arguments ?? "").join("");
    expect(JSON.parse(text)).toEqual({ city: expect.any(String) });
    expect(chunks.at(-1).choices[0].finish_reason).toBe("tool_calls");
  });
});

describe("a streamed completion", () => {
  it("takes several prompts of text or token ids, a choice for each", async () => {
    const { chunks } = await stream(completionsUrl(), { prompt: [[1, 2, 3], [4]], max_tokens: 2 });
    expect(chunks).toHaveLength(4);
    expect(new Set(chunks.map((chunk) => chunk.choices[0].index))).toEqual(new Set([0, 1]));
    expect(chunks[0]).toMatchObject({ object: "text_completion" });
  });

  it("echoes the prompt before the first token", async () => {
    const { chunks } = await stream(completionsUrl(), { prompt: 'say "hé"', max_tokens: 2, echo: true });
    expect(chunks[0].choices[0].text).toBe('say "hé"');
    expect(chunks).toHaveLength(3);
  });
});

describe("a model that reasons", () => {
  it("gives the leading share as reasoning_content, without its marks, and counts it in the usage", async () => {
    const reasoningMarks = { startTokenId: 1, endTokenId: 2 };
    const worker = await startWorker({ engine: { thinkingRatio: 0.5 }, http: { reasoningMarks } });
    const body = chat("think", { max_tokens: 10, seed: 1, stream_options: { include_usage: true } });
    const { chunks } = await stream(`${worker.url}/v1/chat/completions`, body);
    const kinds = deltas(chunks).map((delta) => Object.keys(delta).join());
    expect(kinds).toEqual(["role,content", ...Array(3).fill("reasoning_content"), ...Array(5).fill("content")]);
    expect(chunks.at(-1).usage).toMatchObject({
      completion_tokens: 10,
      completion_tokens_details: { reasoning_tokens: 5 },
    });
    const { stream_options: _, ...plain } = body as Record<string, unknown>;
    const whole = (await post(`${worker.url}/v1/chat/completions`, { ...plain, return_token_ids: true })).json();
    expect(whole.choices[0].token_ids[0]).toBe(1);
    expect(whole.choices[0].token_ids[4]).toBe(2);
    const reasoned = deltas(chunks)
      .map((delta) => delta.reasoning_content ?? "")
      .join("");
    expect(whole.choices[0].message.reasoning_content).toBe(reasoned);
  });
});
