import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { post, startWorker } from "./harness.ts";

let url: string;
beforeAll(async () => {
  ({ url } = await startWorker({ engine: { maxModelLen: 512 }, settings: { dpSize: 2 } }));
});

const KNOWN = [
  "model",
  "messages",
  "prompt",
  "max_tokens",
  "max_completion_tokens",
  "min_tokens",
  "n",
  "stop",
  "stop_token_ids",
  "stream",
  "stream_options",
  "seed",
  "temperature",
  "logprobs",
  "top_logprobs",
  "echo",
  "tools",
  "tool_choice",
  "response_format",
  "return_token_ids",
  "kv_transfer_params",
  "guided_json",
  "guided_choice",
];

const message = fc.record(
  {
    role: fc.constantFrom("user", "system", "assistant", "tool", "wizard"),
    content: fc.oneof(fc.string({ unit: "binary" }), fc.array(fc.anything()), fc.jsonValue()),
  },
  { requiredKeys: [] },
);
/** Values that are often right, so that requests get beyond the first check. */
const likely: Record<string, fc.Arbitrary<unknown>> = {
  messages: fc.array(message, { maxLength: 3 }),
  prompt: fc.oneof(fc.string({ unit: "binary" }), fc.array(fc.nat()), fc.array(fc.string(), { maxLength: 4 })),
  max_tokens: fc.integer({ min: -1, max: 700 }),
  min_tokens: fc.integer({ min: -1, max: 20 }),
  n: fc.integer({ min: 0, max: 4 }),
  stop: fc.oneof(fc.string({ maxLength: 3 }), fc.array(fc.string({ maxLength: 3 }), { maxLength: 3 })),
  stream: fc.boolean(),
  stream_options: fc.record({ include_usage: fc.boolean(), continuous_usage_stats: fc.boolean() }),
  seed: fc.integer(),
  temperature: fc.double({ min: 0, max: 2, noNaN: true }),
  logprobs: fc.oneof(fc.boolean(), fc.nat(6)),
  top_logprobs: fc.nat(6),
  echo: fc.boolean(),
  tools: fc.array(
    fc.record({
      type: fc.constant("function"),
      function: fc.record({
        name: fc.string({ minLength: 1 }),
        parameters: fc.dictionary(fc.string(), fc.jsonValue()),
      }),
    }),
    { maxLength: 2 },
  ),
  tool_choice: fc.constantFrom("none", "auto", "required"),
  response_format: fc.oneof(
    fc.constantFrom({ type: "text" }, { type: "json_object" }),
    fc.record({ type: fc.constant("json_schema"), json_schema: fc.record({ schema: fc.jsonValue() }) }),
  ),
  return_token_ids: fc.boolean(),
};

const body = fc
  .subarray(KNOWN, { maxLength: 8 })
  .chain((names) =>
    fc.record(
      Object.fromEntries(
        names.map((name) => [name, fc.oneof({ weight: 8, arbitrary: likely[name] ?? fc.jsonValue() }, fc.jsonValue())]),
      ),
    ),
  );

it("whatever the body says, the answer is a result or a client's error in OpenAI's shape", async () => {
  const endpoint = fc.constantFrom("/v1/chat/completions", "/v1/completions", "/tokenize", "/detokenize");
  await fc.assert(
    fc.asyncProperty(endpoint, fc.oneof({ weight: 9, arbitrary: body }, fc.jsonValue()), async (path, value) => {
      const reply = await post(`${url}${path}`, JSON.stringify(value) ?? "");
      if (reply.status === 200) {
        if (String(reply.headers["content-type"]).startsWith("text/event-stream")) {
          expect(reply.text.endsWith("data: [DONE]\n\n")).toBe(true);
        } else {
          reply.json();
        }
        return;
      }
      expect([400, 404]).toContain(reply.status);
      expect(reply.json()).toEqual({
        error: {
          message: expect.any(String),
          type: expect.any(String),
          param: reply.json().error.param === null ? null : expect.any(String),
          code: reply.json().error.code === null ? null : expect.any(String),
        },
      });
    }),
    { numRuns: process.env.CI ? 400 : 300, seed: 20_261_124 },
  );
});

it("bytes that are no JSON are a client's error", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 50 }), async (text) => {
      const reply = await post(`${url}/v1/chat/completions`, text);
      expect(reply.status).toBe(400);
      expect(reply.json().error.type).toBe("invalid_request_error");
    }),
    { numRuns: 60, seed: 20_261_124 },
  );
});

it("bodies that are nested deeper than a stack are a client's error, or served where nobody looks inside", async () => {
  const depth = 100_000;
  const nested = `${'{"a":'.repeat(depth)}{}${"}".repeat(depth)}`;
  const messages = '"messages":[{"role":"user","content":"a"}],"max_tokens":2';
  const tools = `"tools":[{"type":"function","function":{"name":"f","parameters":${nested}}}]`;
  const refused = await post(`${url}/v1/chat/completions`, `{${messages},${tools}}`);
  expect(refused.status).toBe(400);
  expect(refused.json().error.message).toContain("nested too deeply");
  expect((await post(`${url}/v1/chat/completions`, `{${messages},"metadata":${nested}}`)).status).toBe(200);
});
