import OpenAI, {
  APIConnectionError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CliServer, loadOf, serverForTest, startServer, waitFor } from "./processes.ts";

const KEY = "sk-integration";
/** Everything takes no time; a prompt and an answer have at most 256 tokens together. */
const WORKER = ["--model-name", "llama", "--speedup-ratio", "0", "--max-model-len", "256", "--api-key", KEY];

let worker: CliServer;
let frontend: CliServer;

beforeAll(async () => {
  worker = await startServer("mocker", WORKER);
  frontend = await startServer("frontend", ["--worker", worker.url, "--api-key", KEY, "--worker-api-key", KEY]);
});

afterAll(() => Promise.all([worker?.process.end(), frontend?.process.end()]));

describe.each(["worker", "frontend"] as const)("the openai package (npm) at a %s", (which) => {
  let client: OpenAI;
  const baseURL = () => `${(which === "worker" ? worker : frontend).url}/v1`;

  beforeAll(() => {
    client = new OpenAI({ baseURL: baseURL(), apiKey: KEY, maxRetries: 0 });
  });

  const messages = [{ role: "user" as const, content: "Tell me a story of seven words." }];

  it("lists the model", async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id, object }) => ({ id, object }))).toEqual([{ id: "llama", object: "model" }]);
    expect(await client.models.retrieve("llama")).toMatchObject({ id: "llama", object: "model" });
  });

  it("completes a chat", async () => {
    const chat = await client.chat.completions.create({ model: "llama", messages, max_tokens: 12 });
    expect(chat.object).toBe("chat.completion");
    expect(chat.choices).toHaveLength(1);
    expect(chat.choices[0]).toMatchObject({ index: 0, finish_reason: "length", message: { role: "assistant" } });
    expect(chat.choices[0]!.message.content!.trim().split(/\s+/)).toHaveLength(12);
    expect(chat.usage).toMatchObject({ completion_tokens: 12 });
    expect(chat.usage!.total_tokens).toBe(chat.usage!.prompt_tokens + 12);
    expect(chat.usage!.prompt_tokens).toBeGreaterThan(0);
  });

  it("streams a chat: the role, a word per chunk, the reason of the end, usage", async () => {
    const stream = await client.chat.completions.create({
      model: "llama",
      messages,
      max_completion_tokens: 9,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks[0]!.choices[0]!.delta).toMatchObject({ role: "assistant", content: "" });
    const words = chunks.flatMap(({ choices }) => choices[0]?.delta.content || []);
    expect(words).toHaveLength(9);
    expect(chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? [])).toEqual(["length"]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 9 } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    const whole = await client.chat.completions.create({ model: "llama", messages, max_tokens: 9, seed: 7 });
    const again = await client.chat.completions.create({ model: "llama", messages, max_tokens: 9, seed: 7 });
    expect(again.choices[0]!.message.content).toBe(whole.choices[0]!.message.content);
  });

  it("completes prompts, several of them, and token ids", async () => {
    const request = { model: "llama", max_tokens: 5 };
    const one = await client.completions.create({ ...request, prompt: "Once upon a time" });
    expect(one).toMatchObject({ object: "text_completion", usage: { completion_tokens: 5 } });
    const ids = await client.completions.create({ ...request, prompt: [11, 12, 13] });
    expect(ids.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 });
    const two = await client.completions.create({ ...request, prompt: ["Once", "Twice"], n: 2 });
    expect(two.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(two.usage).toMatchObject({ completion_tokens: 20 });
  });

  it("streams a completion", async () => {
    const stream = await client.completions.create({ model: "llama", prompt: "Once", max_tokens: 6, stream: true });
    let text = "";
    let finish: string | null = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
    }
    expect(text.trim().split(/\s+/)).toHaveLength(6);
    expect(finish).toBe("length");
  });

  it("says which prompt tokens were cached", async () => {
    const prompt = Array.from({ length: 130 }, (_, i) => 3 + i);
    await client.completions.create({ model: "llama", prompt, max_tokens: 1 });
    const second = await client.completions.create({ model: "llama", prompt, max_tokens: 1 });
    expect(second.usage!.prompt_tokens_details!.cached_tokens).toBe(128);
  });

  it("calls a tool with arguments of its schema", async () => {
    const parameters = {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer" } },
      required: ["city", "days"],
    };
    const tools = [{ type: "function" as const, function: { name: "forecast", parameters } }];
    const chat = await client.chat.completions.create({
      model: "llama",
      messages,
      tools,
      tool_choice: "required",
      max_tokens: 64,
    });
    expect(chat.choices[0]!.finish_reason).toBe("tool_calls");
    const call = chat.choices[0]!.message.tool_calls![0]!;
    if (call.type !== "function") throw new Error("not a function");
    expect(call.function.name).toBe("forecast");
    const values = JSON.parse(call.function.arguments) as Record<string, unknown>;
    expect(values.city).toBeTypeOf("string");
    expect(Number.isInteger(values.days)).toBe(true);
  });

  it("answers in JSON where that is asked for", async () => {
    const chat = await client.chat.completions.create({
      model: "llama",
      messages,
      max_tokens: 64,
      response_format: { type: "json_object" },
    });
    expect(JSON.parse(chat.choices[0]!.message.content!)).toBeTypeOf("object");
  });

  it.each([
    ["a model that is not served", NotFoundError, 404, { model: "gpt-9", messages }],
    ["no messages", BadRequestError, 400, { model: "llama", messages: [] }],
    ["a negative length", BadRequestError, 400, { model: "llama", messages, max_tokens: -1 }],
    ["more than the context holds", BadRequestError, 400, { model: "llama", messages, max_tokens: 100_000 }],
  ])("refuses %s with the typed error", async (_, type, status, body) => {
    const error = await client.chat.completions.create(body).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ status, type: expect.any(String), message: expect.stringMatching(/\w{3,}/) });
  });

  it("refuses a wrong key with the typed error", async () => {
    const stranger = new OpenAI({ baseURL: baseURL(), apiKey: "sk-wrong", maxRetries: 0 });
    const error = await stranger.chat.completions.create({ model: "llama", messages }).catch((reason) => reason);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
  });
});

describe("the openai package (npm) at a frontend, beyond completions", () => {
  let client: OpenAI;

  beforeAll(() => {
    client = new OpenAI({ baseURL: `${frontend.url}/v1`, apiKey: KEY, maxRetries: 0 });
  });

  it("embeds", async () => {
    const { data, usage } = await client.embeddings.create({ model: "llama", input: ["one", "two words"] });
    expect(data.map(({ index }) => index)).toEqual([0, 1]);
    expect(data[0]!.embedding.length).toBeGreaterThan(0);
    expect(usage.prompt_tokens).toBeGreaterThan(0);
  });

  const input = { model: "llama", input: "Say something.", max_output_tokens: 16 };

  it("answers responses", async () => {
    const response = await client.responses.create(input);
    expect(response.output_text.trim().split(/\s+/)).toHaveLength(16);
    expect(response.usage).toMatchObject({ output_tokens: 16 });
  });

  it("streams responses", async () => {
    const stream = await client.responses.create({ ...input, stream: true });
    const types: string[] = [];
    let text = "";
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    expect(types[0]).toBe("response.created");
    expect(types.at(-1)).toMatch(/^response\.(completed|incomplete)$/);
    expect(text.trim().split(/\s+/)).toHaveLength(16);
  });
});

describe("too many requests", () => {
  const request = { model: "llama", prompt: [1, 2, 3], max_tokens: 5000 };

  async function refusal(client: OpenAI): Promise<void> {
    const error = await client.completions.create(request).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RateLimitError);
    expect((error as RateLimitError).headers.get("retry-after")).toMatch(/^\d+$/);
  }

  it("get 429 with Retry-After from a worker whose queue is full", async () => {
    const busy = await serverForTest("mocker", ["--model-name", "llama", "--max-num-seqs", "1", "--max-waiting", "1"]);
    const client = new OpenAI({ baseURL: `${busy.url}/v1`, apiKey: "none", maxRetries: 0 });
    const running = await client.completions.create({ ...request, stream: true });
    await running[Symbol.asyncIterator]().next();
    const waiting = new AbortController();
    const second = client.completions.create(request, { signal: waiting.signal }).catch(() => "aborted");
    await waitFor("a request to wait", async () => (await loadOf(busy)).waiting === 1);
    await refusal(client);
    waiting.abort();
    running.controller.abort();
    expect(await second).toBe("aborted");
  });

  it("get 429 with Retry-After from a frontend that is full", async () => {
    const slow = await serverForTest("mocker", ["--model-name", "llama"]);
    const full = await serverForTest("frontend", ["--worker", slow.url, "--max-in-flight", "1", "--max-queued", "0"]);
    const client = new OpenAI({ baseURL: `${full.url}/v1`, apiKey: "none", maxRetries: 0 });
    const running = await client.completions.create({ ...request, stream: true });
    await running[Symbol.asyncIterator]().next();
    await refusal(client);
    running.controller.abort();
  });
});

it("nobody there is a connection error, as with any server", async () => {
  const client = new OpenAI({ baseURL: "http://127.0.0.1:9/v1", apiKey: "none", maxRetries: 0 });
  await expect(client.models.list()).rejects.toThrow(APIConnectionError);
});
