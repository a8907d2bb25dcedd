import type { ChatCompletion } from "openai/resources/chat/completions";
import type { Completion } from "openai/resources/completions";
import { describe, expect, it } from "vitest";
import {
  chatCompletionBody,
  chatLogprobs,
  completionBody,
  completionLogprobs,
  embeddingsBody,
  mockEmbedding,
  modelListBody,
  usageOf,
} from "#mocker/protocol";
import { builtinTokenizer, wordStream } from "#mocker/text";
import { clientOf } from "./openai-client.ts";

const identity = { id: "x-1", created: 1_700_000_000, model: "m" };
const messages = [{ role: "user" as const, content: "x" }];
const tokenizer = builtinTokenizer();
const said = wordStream(tokenizer, 1);

describe("whole answers", () => {
  it("of a chat are the openai package's", async () => {
    const logprobs = chatLogprobs(said, 0, 2, 3, tokenizer);
    const body = chatCompletionBody(
      identity,
      [
        { text: " hi there", finishReason: "length", logprobs },
        { text: '{"a":1}', finishReason: "tool_calls", tool: { id: "call_1", name: "f" }, reasoning: "hm" },
      ],
      usageOf(9, 4, 8, 1),
    );
    const answer: ChatCompletion = await clientOf(body).chat.completions.create({ model: "m", messages });
    expect(answer).toMatchObject({ id: "x-1", object: "chat.completion", created: 1_700_000_000, model: "m" });
    expect(answer.choices[0]).toMatchObject({
      index: 0,
      finish_reason: "length",
      message: { role: "assistant", content: " hi there", refusal: null },
    });
    expect(answer.choices[0]!.logprobs!.content!.map(({ token }) => token)).toEqual([said.text(0), said.text(1)]);
    expect(answer.choices[1]).toMatchObject({
      index: 1,
      finish_reason: "tool_calls",
      message: {
        content: null,
        reasoning_content: "hm",
        tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
      },
    });
    expect(answer.usage).toEqual({
      prompt_tokens: 9,
      completion_tokens: 4,
      total_tokens: 13,
      prompt_tokens_details: { cached_tokens: 8 },
      completion_tokens_details: { reasoning_tokens: 1 },
    });
  });

  it("of a completion are the openai package's", async () => {
    const logprobs = completionLogprobs(said, 0, 3, 2, tokenizer);
    const choices = [{ text: "a", finishReason: "stop" as const, logprobs, tokenIds: [5] }];
    const body = completionBody(identity, choices, usageOf(1, 1, 0));
    const answer: Completion = await clientOf(body).completions.create({ model: "m", prompt: "x" });
    expect(answer.choices[0]).toMatchObject({ text: "a", finish_reason: "stop", token_ids: [5] });
    const { tokens, text_offset, token_logprobs, top_logprobs } = answer.choices[0]!.logprobs!;
    expect(tokens).toEqual([said.text(0), said.text(1), said.text(2)]);
    expect(text_offset).toEqual([0, said.text(0).length, said.text(0).length + said.text(1).length]);
    expect(token_logprobs!.every((logprob) => logprob <= 0)).toBe(true);
    expect(Object.keys(top_logprobs![0]!)).toHaveLength(2);
    expect(top_logprobs![0]![said.text(0)]).toBe(token_logprobs![0]);
  });

  it("hand a prefill worker's blocks on", () => {
    const kvTransfer = { do_remote_prefill: true, remote_request_id: "r" };
    const body = completionBody(identity, [], usageOf(1, 1, 0), { kvTransfer, promptTokenIds: Int32Array.of(1, 2) });
    expect(body).toMatchObject({ kv_transfer_params: kvTransfer, prompt_token_ids: [1, 2] });
    expect(completionBody(identity, [], usageOf(1, 1, 0), { kvTransfer: null })).not.toHaveProperty(
      "kv_transfer_params",
    );
  });

  it("list alternatives that are less likely than the token itself", () => {
    const { content } = chatLogprobs(said, 0, 20, 4, tokenizer);
    for (const { token, logprob, bytes, top_logprobs } of content) {
      expect(Buffer.from(bytes).toString()).toBe(token);
      expect(top_logprobs).toHaveLength(4);
      expect(top_logprobs[0]).toMatchObject({ token, logprob });
      for (const { logprob: other } of top_logprobs.slice(1)) expect(other).toBeLessThan(logprob);
    }
    expect(chatLogprobs(said, 0, 1, 0, tokenizer).content[0]!.top_logprobs).toEqual([]);
  });

  it("list models", async () => {
    const page = await clientOf(
      modelListBody([
        { id: "a", created: 3, maxModelLen: 100 },
        { id: "b", created: 3 },
      ]),
    ).models.list();
    expect(page.data).toMatchObject([
      { id: "a", object: "model", created: 3, owned_by: "understudy", max_model_len: 100 },
      { id: "b", object: "model" },
    ]);
    expect(page.data[1]).not.toHaveProperty("max_model_len");
  });

  it("embed, as numbers and in base64", async () => {
    const vectors = [mockEmbedding(Int32Array.of(1, 2), 6), mockEmbedding(Int32Array.of(1, 3), 6)];
    const read = async (encoding: "float" | "base64") => {
      const client = clientOf(embeddingsBody("m", vectors, encoding, 4));
      return client.embeddings.create({ model: "m", input: "x", encoding_format: "float" });
    };
    const numbers = await read("float");
    expect(numbers.data.map(({ embedding }) => embedding)).toEqual(vectors.map((vector) => Array.from(vector)));
    expect(numbers.usage).toEqual({ prompt_tokens: 4, total_tokens: 4 });
    // The package asks for base64 where nothing is said, and decodes it.
    const packed = await clientOf(embeddingsBody("m", vectors, "base64", 4)).embeddings.create({
      model: "m",
      input: "x",
    });
    expect(packed.data.map(({ embedding }) => Array.from(embedding))).toEqual(
      vectors.map((vector) => Array.from(vector)),
    );
  });
});

describe("made-up embeddings", () => {
  it("have length 1, are equal for equal tokens and differ for others", () => {
    const vector = mockEmbedding(Int32Array.of(1, 2, 3), 384);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect(mockEmbedding(Int32Array.of(1, 2, 3), 384)).toEqual(vector);
    expect(mockEmbedding(Int32Array.of(1, 2, 4), 384)).not.toEqual(vector);
  });
});
