import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OpenAiError, parseChatRequest } from "#mocker/protocol";

const user = (content: unknown) => ({ role: "user", content });
const body = (more: object = {}) => ({ model: "m", messages: [user("hi")], ...more });
const tool = (name: string) => ({ type: "function", function: { name, parameters: { type: "object" } } });

function refusal(request: unknown): OpenAiError {
  try {
    parseChatRequest(request);
  } catch (error) {
    if (error instanceof OpenAiError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("a chat request", () => {
  it("has OpenAI's defaults where it says nothing", () => {
    expect(parseChatRequest({ messages: [user("hi")] })).toEqual({
      kind: "chat",
      model: null,
      messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
      tools: [],
      toolChoice: { type: "none" },
      maxTokens: null,
      minTokens: 0,
      ignoreEos: false,
      n: 1,
      stop: [],
      stopTokenIds: [],
      includeStop: false,
      stream: false,
      includeUsage: false,
      continuousUsage: false,
      seed: null,
      temperature: null,
      logprobs: null,
      returnTokenIds: false,
      format: { type: "text" },
      user: null,
      priority: 0,
      kvTransfer: null,
    });
  });

  it("takes null for absent, as clients send it", () => {
    const names = "max_tokens max_completion_tokens stop stream stream_options seed temperature top_p n logprobs tools";
    const nothing = Object.fromEntries(
      `${names} tool_choice response_format user`.split(" ").map((name) => [name, null]),
    );
    expect(parseChatRequest(body(nothing))).toEqual(parseChatRequest(body()));
  });

  it("lets max_completion_tokens beat max_tokens", () => {
    expect(parseChatRequest(body({ max_tokens: 5, max_completion_tokens: 7 })).maxTokens).toBe(7);
    expect(parseChatRequest(body({ max_tokens: 5 })).maxTokens).toBe(5);
  });

  it("passes over what it doesn't know", () => {
    const request = parseChatRequest(
      body({ add_generation_prompt: true, chat_template_kwargs: { a: 1 }, service_tier: "auto", modalities: ["text"] }),
    );
    expect(request).toEqual(parseChatRequest(body()));
  });

  it("reads vLLM's own parameters", () => {
    const kv = {
      do_remote_prefill: true,
      remote_host: "h",
      remote_port: 1,
      remote_request_id: "r",
      held_at: 1.5,
      own: 1,
    };
    expect(
      parseChatRequest(
        body({
          max_tokens: 9,
          min_tokens: 3,
          ignore_eos: true,
          stop_token_ids: [4],
          include_stop_str_in_output: true,
          return_token_ids: true,
          priority: -2,
          top_k: -1,
          repetition_penalty: 1.1,
          kv_transfer_params: kv,
        }),
      ),
    ).toMatchObject({
      minTokens: 3,
      ignoreEos: true,
      stopTokenIds: [4],
      includeStop: true,
      returnTokenIds: true,
      priority: -2,
      kvTransfer: kv,
    });
  });

  it("reads what a stream shall report", () => {
    const stream = (options: object) => parseChatRequest(body({ stream: true, stream_options: options }));
    expect(stream({ include_usage: true })).toMatchObject({ stream: true, includeUsage: true, continuousUsage: false });
    expect(stream({ include_usage: true, continuous_usage_stats: true })).toMatchObject({ continuousUsage: true });
    // Without include_usage vLLM heeds no continuous_usage_stats.
    expect(stream({ continuous_usage_stats: true })).toMatchObject({ includeUsage: false, continuousUsage: false });
  });

  it("joins nothing: parts of a message stay apart, images with their tokens", () => {
    const content = [
      { type: "text", text: "a" },
      { type: "image_url", image_url: { url: "data:x" } },
      { type: "image_url", image_url: { url: "data:y", detail: "low" } },
    ];
    expect(parseChatRequest({ messages: [user(content)] }).messages[0]!.parts).toEqual([
      { type: "text", text: "a" },
      { type: "image", url: "data:x", tokens: 765 },
      { type: "image", url: "data:y", tokens: 85 },
    ]);
  });

  it("counts an assistant's calls as what they say", () => {
    const call = { id: "c", type: "function", function: { name: "add", arguments: '{"a":1}' } };
    const messages = [
      user("x"),
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", content: "2" },
    ];
    expect(parseChatRequest({ messages }).messages[1]!.parts).toEqual([{ type: "text", text: 'add{"a":1}' }]);
  });

  it("knows which function has to be called", () => {
    const tools = [tool("f"), tool("g")];
    expect(parseChatRequest(body({ tools })).toolChoice).toEqual({ type: "auto" });
    expect(parseChatRequest(body({ tools, tool_choice: "required" })).toolChoice).toEqual({ type: "required" });
    const named = { type: "function", function: { name: "g" } };
    expect(parseChatRequest(body({ tools, tool_choice: named })).toolChoice).toEqual({ type: "named", name: "g" });
  });

  it("knows what form the answer must have", () => {
    const format = (more: object) => parseChatRequest(body(more)).format;
    const schema = { type: "object", properties: { a: { type: "string" } } };
    expect(format({ response_format: { type: "text" } })).toEqual({ type: "text" });
    expect(format({ response_format: { type: "json_object" } })).toEqual({ type: "json", schema: { type: "object" } });
    expect(format({ response_format: { type: "json_schema", json_schema: { name: "x", schema } } })).toEqual({
      type: "json",
      schema,
    });
    expect(format({ guided_json: schema })).toEqual({ type: "json", schema });
    expect(format({ guided_json: JSON.stringify(schema) })).toEqual({ type: "json", schema });
    expect(format({ structured_outputs: { choice: ["a", "b"] } })).toEqual({ type: "choice", choices: ["a", "b"] });
  });

  it.each([
    [{}, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."],
    [{ messages: "x" }, "messages", "invalid_type", "expected an array, but got a string instead"],
    [{ messages: [] }, "messages", "empty_array", "Expected an array with minimum length 1"],
    [{ messages: [user(5)] }, "messages[0].content", "invalid_type", "a string or an array of content parts"],
    [{ messages: [user(null)] }, "messages[0].content", "invalid_type", "but got null"],
    [{ messages: [{ role: "queen", content: "x" }] }, "messages[0].role", "invalid_value", "'queen'"],
    [{ messages: [{ content: "x" }] }, "messages[0].role", "missing_required_parameter", "messages[0].role"],
    [
      body({ messages: [user([{ type: "input_audio" }])] }),
      "messages[0].content[0].type",
      "invalid_value",
      "input_audio",
    ],
    [body({ temperature: 2.5 }), "temperature", "decimal_above_max_value", "<= 2, but got 2.5"],
    [body({ temperature: -1 }), "temperature", "integer_below_min_value", ">= 0, but got -1"],
    [body({ temperature: "hot" }), "temperature", "invalid_type", "expected a decimal, but got a string"],
    [body({ top_p: 1.5 }), "top_p", "decimal_above_max_value", "<= 1"],
    [body({ max_tokens: 0 }), "max_tokens", "integer_below_min_value", ">= 1"],
    [body({ max_tokens: 1.5 }), "max_tokens", "invalid_type", "expected an integer, but got a decimal"],
    [body({ max_tokens: 4, min_tokens: 5 }), "min_tokens", null, "max_tokens=4, got 5"],
    [body({ n: 0 }), "n", "integer_below_min_value", ">= 1"],
    [body({ stop: 7 }), "stop", "invalid_type", "a string or an array of up to 64 strings"],
    [body({ stop: [""] }), "stop", null, "empty string"],
    [body({ stream: "yes" }), "stream", "invalid_type", "expected a boolean, but got a string"],
    [body({ stream_options: { include_usage: true } }), "stream_options", null, "when 'stream' is enabled"],
    [body({ top_logprobs: 2 }), "top_logprobs", null, "'logprobs' must be set to true"],
    [body({ logprobs: true, top_logprobs: 21 }), "top_logprobs", "integer_above_max_value", "<= 20"],
    [body({ tool_choice: "required" }), "tool_choice", null, "only allowed when 'tools' are specified"],
    [
      body({ tools: [tool("f")], tool_choice: { type: "function", function: { name: "g" } } }),
      "tool_choice",
      "invalid_value",
      "'g' not found",
    ],
    [body({ response_format: { type: "xml" } }), "response_format.type", "invalid_value", "'xml'"],
    [body({ guided_json: "{" }), "guided_json", "invalid_value", "not JSON"],
    [[], null, "invalid_json", "got an array instead"],
    ["text", null, "invalid_json", "got a string instead"],
    [null, null, "invalid_json", "got null instead"],
  ])("is refused where it is wrong: %j", (request, param, code, message) => {
    const error = refusal(request);
    expect(error).toMatchObject({ status: 400, type: "invalid_request_error", param, code });
    expect(error.message).toContain(message);
  });

  it("never fails otherwise, whatever it holds", () => {
    const names = [
      ..."model messages max_tokens stop stream stream_options tools tool_choice response_format n".split(" "),
    ];
    const value = fc.jsonValue({ maxDepth: 3 });
    const loose = fc.dictionary(fc.constantFrom(...names), value);
    const near = loose.map((fields) => ({ messages: [user("x")], ...fields }));
    fc.assert(
      fc.property(fc.oneof(value, loose, near), (request) => {
        try {
          parseChatRequest(request);
        } catch (error) {
          expect(error).toBeInstanceOf(OpenAiError);
          expect((error as OpenAiError).message).not.toContain("undefined");
        }
      }),
    );
  });
});
