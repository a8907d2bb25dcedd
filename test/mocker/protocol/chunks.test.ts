import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chunkTemplate, jsonText, STREAM_DONE, usageOf } from "#mocker/protocol";
import { clientOf } from "./openai-client.ts";

const identity = { id: "chatcmpl-1", created: 1_700_000_000, model: "mödel" };
const messages = [{ role: "user" as const, content: "x" }];
const parsed = (event: string): unknown => {
  expect(event).toMatch(/^data: [ -~]*\n\n$/);
  return JSON.parse(event.slice(6));
};
const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }));

async function all<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe("chunks of a chat", () => {
  const template = chunkTemplate({ ...identity, endpoint: "chat", includeUsage: true });

  it("are OpenAI's", () => {
    const chunk = (choice: object) => ({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "mödel",
      choices: [{ index: 0, logprobs: null, finish_reason: null, ...choice }],
      usage: null,
    });
    expect(parsed(template.role)).toEqual(chunk({ delta: { role: "assistant", content: "" } }));
    expect(parsed(template.token(" hi"))).toEqual(chunk({ delta: { content: " hi" } }));
    expect(parsed(template.token(" hi", { finishReason: "length" }))).toEqual(
      chunk({ delta: { content: " hi" }, finish_reason: "length" }),
    );
    expect(parsed(template.finish("stop"))).toEqual(chunk({ delta: {}, finish_reason: "stop" }));
    expect(parsed(template.usage(usageOf(5, 2, 4)))).toEqual({
      ...chunk({}),
      choices: [],
      usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, prompt_tokens_details: { cached_tokens: 4 } },
    });
  });

  it("are put together from prefix, escaped text and suffix, for any text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const event = template.prefix + jsonText(text) + template.suffix;
        expect(event).toBe(template.token(text));
        expect(parsed(event)).toMatchObject({ choices: [{ delta: { content: text } }] });
      }),
    );
  });

  it("carry the usage so far where it is wanted", () => {
    const continuous = chunkTemplate({
      ...identity,
      endpoint: "chat",
      includeUsage: true,
      continuous: { promptTokens: 7 },
    });
    expect(parsed(continuous.prefix + continuous.usageSuffix(3))).toMatchObject({
      choices: [{ delta: { content: "" } }],
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    });
    expect(parsed(continuous.token("x", { completionTokens: 4 }))).toMatchObject({ usage: { total_tokens: 11 } });
    expect(parsed(continuous.role)).toMatchObject({ usage: { completion_tokens: 0 } });
    expect(continuous.finish("stop", 4)).toContain('"total_tokens":11');
  });

  it("say nothing of usage where it is not wanted", () => {
    const plain = chunkTemplate({ ...identity, endpoint: "chat", index: 2 });
    for (const event of [plain.role, plain.token("x"), plain.prefix + plain.suffix, plain.finish("stop")]) {
      expect(parsed(event)).not.toHaveProperty("usage");
      expect(parsed(event)).toMatchObject({ choices: [{ index: 2 }] });
    }
  });

  it("carry ids and logprobs of their tokens", () => {
    const event = template.token("x", { tokenIds: [1, 2], logprobs: '{"content":[]}' });
    expect(parsed(event)).toMatchObject({ choices: [{ token_ids: [1, 2], logprobs: { content: [] } }] });
  });

  it("are put together by the openai package to what was said", async () => {
    const text = ["Grüße", ' "quoted"\n', " 🎉"];
    const events = [template.role, ...text.map((piece) => template.token(piece)), template.finish("stop")];
    const stream = clientOf(
      [...events, template.usage(usageOf(5, 3, 0)), STREAM_DONE].join(""),
    ).chat.completions.stream({
      model: "m",
      messages,
      stream_options: { include_usage: true },
    });
    const completion = await stream.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { role: "assistant", content: text.join("") },
    });
    expect(completion.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 });
  });

  it("make a call of a function, piece by piece", async () => {
    const call = chunkTemplate({
      ...identity,
      endpoint: "chat",
      field: "arguments",
      tool: { id: "call_1", name: "weather" },
    });
    const pieces = ['{"', "city", '":"', "Köln", '"}'];
    const events = [call.role, ...pieces.map((piece) => call.prefix + jsonText(piece) + call.suffix)];
    const stream = clientOf([...events, call.finish("tool_calls"), STREAM_DONE].join("")).chat.completions.stream({
      model: "m",
      messages,
    });
    const completion = await stream.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        content: null,
        tool_calls: [{ id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Köln"}' } }],
      },
    });
  });

  it("put reasoning into a field of its own, as vLLM does", () => {
    const thinking = chunkTemplate({ ...identity, endpoint: "chat", field: "reasoning_content" });
    expect(parsed(thinking.token("hm"))).toMatchObject({ choices: [{ delta: { reasoning_content: "hm" } }] });
  });
});

describe("chunks of a completion", () => {
  const template = chunkTemplate({ ...identity, endpoint: "completion", index: 1 });

  it("are OpenAI's", () => {
    const chunk = (choice: object) => ({
      id: "chatcmpl-1",
      object: "text_completion",
      created: 1_700_000_000,
      model: "mödel",
      choices: [{ index: 1, logprobs: null, finish_reason: null, ...choice }],
    });
    expect(template.role).toBe("");
    expect(parsed(template.prefix + jsonText(" hi") + template.suffix)).toEqual(chunk({ text: " hi" }));
    expect(parsed(template.finish("length"))).toEqual(chunk({ text: "", finish_reason: "length" }));
  });

  it("are read by the openai package", async () => {
    const events = [template.token("a"), template.token(" b", { finishReason: "length" }), STREAM_DONE].join("");
    const stream = await clientOf(events).completions.create({ model: "m", prompt: "x", stream: true });
    const chunks = await all(stream);
    expect(chunks.map((chunk) => chunk.choices[0]!.text)).toEqual(["a", " b"]);
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("length");
  });
});
