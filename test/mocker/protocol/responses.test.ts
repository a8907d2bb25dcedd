import { describe, expect, it } from "vitest";
import {
  type ChatAnswerBody,
  chatCompletionBody,
  chunkTemplate,
  OpenAiError,
  parseChatRequest,
  parseResponsesRequest,
  ResponsesAnswer,
  responsesChatBody,
  SseParser,
  serviceUnavailable,
  usageOf,
} from "#mocker/protocol";
import { clientOf } from "./openai-client.ts";

const identity = { id: "chatcmpl-1", created: 1_700_000_000, model: "m" };
const chatBody = (body: object) => responsesChatBody(parseResponsesRequest(body));
const answerTo = (body: object) => new ResponsesAnswer(parseResponsesRequest(body), "1", 1_700_000_000);

/** The events that a chat's stream becomes. */
function translated(answer: ResponsesAnswer, chunks: readonly string[]): string {
  let events = answer.start();
  const parser = new SseParser(({ data }) => {
    events += answer.chunk(JSON.parse(data) as ChatAnswerBody);
  });
  for (const chunk of chunks) parser.push(chunk);
  return events;
}

describe("a responses request", () => {
  it("becomes a chat", () => {
    const tool = { type: "function", name: "f", description: "d", parameters: { type: "object" } };
    expect(
      chatBody({
        model: "m",
        input: "Hi",
        instructions: "Be brief.",
        max_output_tokens: 9,
        temperature: 0,
        stream: true,
        tools: [tool, { type: "web_search" }],
        tool_choice: { type: "function", name: "f" },
        text: { format: { type: "json_schema", name: "x", schema: { type: "object" } } },
        store: true,
        metadata: { a: "b" },
      }),
    ).toEqual({
      model: "m",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
      max_completion_tokens: 9,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
      tools: [{ type: "function", function: { name: "f", description: "d", parameters: { type: "object" } } }],
      tool_choice: { type: "function", function: { name: "f" } },
      response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: "object" } } },
    });
  });

  it("becomes one that a worker takes, whatever it holds of a conversation", () => {
    const input = [
      {
        role: "user",
        content: [
          { type: "input_text", text: "a" },
          { type: "input_image", image_url: "data:x" },
        ],
      },
      { type: "reasoning", summary: [] },
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "c", output: "done" },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "b" }] },
      { role: "user", content: "c" },
    ];
    const { messages } = parseChatRequest(chatBody({ input }));
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant", "user"]);
    expect(messages[0]!.parts).toEqual([
      { type: "text", text: "a" },
      { type: "image", url: "data:x", tokens: 765 },
    ]);
    expect(messages[1]!.parts).toEqual([{ type: "text", text: "f{}" }]);
  });

  it.each([
    [{}, "input"],
    [{ input: [] }, "input"],
    [{ input: 5 }, "input"],
    [{ input: [{ role: "user" }] }, "input[0]"],
    [{ input: [{ type: "computer_call" }] }, "input[0].type"],
    [{ input: "x", previous_response_id: "resp_1" }, "previous_response_id"],
    [{ input: "x", background: true }, "background"],
  ])("is refused where it is wrong: %j", (body, param) => {
    const refused = expect.objectContaining({ constructor: OpenAiError, status: 400, param });
    expect(() => chatBody(body)).toThrow(refused);
  });
});

describe("a response", () => {
  it("is the openai package's", async () => {
    const chat = chatCompletionBody(identity, [{ text: "a b", finishReason: "stop" }], usageOf(5, 2, 4, 1));
    const body = answerTo({ model: "m", input: "x", metadata: { a: "b" } }).whole(chat);
    const response = await clientOf(body).responses.create({ model: "m", input: "x" });
    expect(response).toMatchObject({ id: "resp_1", status: "completed", output_text: "a b", metadata: { a: "b" } });
    expect(response.usage).toEqual({
      input_tokens: 5,
      input_tokens_details: { cached_tokens: 4 },
      output_tokens: 2,
      output_tokens_details: { reasoning_tokens: 1 },
      total_tokens: 7,
    });
  });

  it("is incomplete where it was cut off", () => {
    const chat = chatCompletionBody(identity, [{ text: "a", finishReason: "length" }], usageOf(5, 1, 0));
    expect(answerTo({ input: "x", max_output_tokens: 1 }).whole(chat)).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
    });
  });

  it("calls functions", async () => {
    const tool = { id: "call_1", name: "f" };
    const chat = chatCompletionBody(
      identity,
      [{ text: '{"a":1}', finishReason: "tool_calls", tool }],
      usageOf(5, 1, 0),
    );
    const response = await clientOf(answerTo({ input: "x" }).whole(chat)).responses.create({ model: "m", input: "x" });
    expect(response.output).toEqual([
      { type: "function_call", id: "fc_1", call_id: "call_1", name: "f", arguments: '{"a":1}', status: "completed" },
    ]);
  });

  it("streams as the openai package expects", async () => {
    const template = chunkTemplate({ ...identity, endpoint: "chat", includeUsage: true });
    const answer = answerTo({ model: "m", input: "x", stream: true });
    const chunks = [template.role, template.token("Grüße"), template.token(" b", { finishReason: "stop" })];
    const events = translated(answer, [...chunks, template.usage(usageOf(3, 2, 0))]) + answer.end();
    const stream = clientOf(events).responses.stream({ model: "m", input: "x" });
    const types: string[] = [];
    const numbers: number[] = [];
    for await (const event of stream) {
      types.push(event.type);
      numbers.push(event.sequence_number);
    }
    expect(types).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(numbers).toEqual(numbers.map((_, i) => i));
    const response = await stream.finalResponse();
    expect(response).toMatchObject({ output_text: "Grüße b", usage: { total_tokens: 5 } });
  });

  it("streams a call of a function", async () => {
    const template = chunkTemplate({ ...identity, endpoint: "chat", field: "arguments", tool: { id: "c", name: "f" } });
    const answer = answerTo({ model: "m", input: "x", stream: true });
    const pieces = ['{"a":', "1}"].map((piece) => template.token(piece));
    const events = translated(answer, [template.role, ...pieces, template.finish("tool_calls")]) + answer.end();
    const response = await clientOf(events).responses.stream({ model: "m", input: "x" }).finalResponse();
    expect(response.output).toMatchObject([{ type: "function_call", call_id: "c", name: "f", arguments: '{"a":1}' }]);
  });

  it("ends with an error where the chat has failed", async () => {
    const answer = answerTo({ model: "m", input: "x", stream: true });
    const events = answer.start() + answer.failed(serviceUnavailable("gone"));
    const stream = await clientOf(events).responses.create({ model: "m", input: "x", stream: true });
    const seen: unknown[] = [];
    for await (const event of stream) seen.push(event);
    expect(seen.at(-1)).toMatchObject({ type: "error", code: "service_unavailable", message: "gone" });
  });
});
