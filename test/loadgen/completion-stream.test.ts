import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CompletionStream } from "../../src/loadgen/completion-stream.ts";
import { chunk, event } from "./fake-server.ts";

const chat = { path: "/v1/chat/completions" };
const role = event({ choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] });
const usage = { prompt_tokens: 7, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 3 } };

function read(text: string, endpoint: "chat" | "completions" = "chat", cuts: number[] = []) {
  const stream = new CompletionStream(endpoint);
  const bytes = Buffer.from(text);
  let tokens = 0;
  let from = 0;
  for (const cut of [...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    tokens += stream.feed(bytes.subarray(from, cut));
    from = cut;
  }
  return { stream, tokens };
}

describe("a stream of chat chunks", () => {
  const text =
    role +
    chunk(chat, " one") +
    chunk(chat, ' "two" \\ [DONE]\n"content":"') +
    chunk(chat, " größer 😀") +
    chunk(chat, " last", "length") +
    event({ choices: [], usage }) +
    event("[DONE]");

  it("counts events with text, and nothing else", () => {
    const { stream, tokens } = read(text);
    expect(tokens).toBe(4);
    expect(stream.finished).toBe(true);
    expect(stream.usage()).toEqual({ promptTokens: 7, completionTokens: 9, cachedTokens: 3, reasoningTokens: -1 });
    expect(stream.malformed).toBeNull();
  });

  it("reads the same however it is cut into pieces", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (cuts) => {
        const { stream, tokens } = read(text, "chat", cuts);
        expect([tokens, stream.finished, stream.usage().completionTokens]).toEqual([4, true, 9]);
      }),
    );
  });

  it("reads lines that end with CR LF, and passes over comments and event names", () => {
    const wild = `: ping\r\n\r\nevent: chunk\r\n${text.replaceAll("\n", "\r\n")}`;
    expect(read(wild).tokens).toBe(4);
  });

  it("reads JSON with spaces", () => {
    const spaced = `data: {"choices": [{"delta": {"content": " a"}, "finish_reason": null}]}\n\n`;
    const last = `data: {"choices": [{"delta": {"content": ""}, "finish_reason": "stop"}]}\n\n`;
    const { stream, tokens } = read(spaced + spaced + last);
    expect([tokens, stream.finished]).toEqual([2, true]);
  });

  it("counts reasoning and tool calls as output", () => {
    const deltas = [
      { reasoning_content: "hm" },
      { reasoning: "hm" },
      { tool_calls: [{ index: 0 }] },
      { refusal: "no" },
    ];
    const events = deltas.map((delta) => event({ choices: [{ delta }] })).join("");
    expect(read(events).tokens).toBe(4);
  });

  it("tells reasoning from what it leads to, and its tokens by the usage", () => {
    const delta = (fields: object) => event({ choices: [{ delta: fields }] });
    const thoughts = delta({ reasoning_content: " hm" }) + delta({ content: null, reasoning: " hm" });
    const thinking = read(role + thoughts).stream;
    expect([thinking.answered, thinking.reasoningEvents]).toEqual([false, 2]);
    for (const answer of [chunk(chat, " a"), delta({ tool_calls: [{ index: 0 }] }), delta({ refusal: "no" })]) {
      const { stream } = read(role + thoughts + answer + delta({ reasoning: " hm", content: " b" }));
      expect([stream.answered, stream.reasoningEvents]).toEqual([true, 2]);
    }
    const told = event({ choices: [], usage: { ...usage, completion_tokens_details: { reasoning_tokens: 4 } } });
    expect(read(told).stream.usage().reasoningTokens).toBe(4);
  });

  it("takes the usage of the last event that has one (continuous usage)", () => {
    const withUsage = (tokens: number) =>
      event({
        choices: [{ delta: { content: " a" }, finish_reason: null }],
        usage: { prompt_tokens: 5, completion_tokens: tokens },
      });
    const { stream, tokens } = read(withUsage(1) + withUsage(3));
    expect(tokens).toBe(2);
    expect(stream.usage()).toEqual({ promptTokens: 5, completionTokens: 3, cachedTokens: -1, reasoningTokens: -1 });
    expect(stream.finished).toBe(false);
  });

  it("tells the message of an error event", () => {
    const { stream, tokens } = read(chunk(chat, " a") + event({ error: { message: "größer als erlaubt", code: 500 } }));
    expect([tokens, stream.error]).toEqual([1, "größer als erlaubt"]);
  });

  it("keeps the first line that is no JSON", () => {
    expect(read("data: <html>\n\ndata: {\n\n").stream.malformed).toBe("<html>");
  });

  it("says that nothing was told where there is no usage", () => {
    expect(read(chunk(chat, " a", "stop")).stream.usage()).toEqual({
      promptTokens: -1,
      completionTokens: -1,
      cachedTokens: -1,
      reasoningTokens: -1,
    });
  });
});

it("a stream of completion chunks is counted by its texts", () => {
  const asked = { path: "/v1/completions" };
  const { stream, tokens } = read(chunk(asked, " a") + chunk(asked, " b") + chunk(asked, "", "length"), "completions");
  expect([tokens, stream.finished]).toEqual([2, true]);
});

it("any sequence of events reads as if every one were parsed", () => {
  const text = fc.oneof(fc.constantFrom("", " a", '"', "\\", '"},"finish_reason":null}]}', '"usage":{'), fc.string());
  const choice = fc.record({
    text,
    reason: fc.constantFrom(null, null, null, "stop", "tool_calls"),
    usage: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(choice, { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 5 }), (events, cuts) => {
      const sent = events.map(({ text: content, reason, usage: told }, i) => ({
        id: "x",
        choices: [{ index: 0, delta: { content }, finish_reason: reason }],
        ...(told ? { usage: { prompt_tokens: 1, completion_tokens: i } } : {}),
      }));
      const { stream, tokens } = read(sent.map(event).join(""), "chat", cuts);
      expect(tokens).toBe(events.filter(({ text: content }) => content !== "").length);
      expect(stream.finished).toBe(events.some(({ reason }) => reason !== null));
      expect(stream.usage().completionTokens).toBe(events.findLastIndex(({ usage: told }) => told));
      expect(stream.malformed).toBeNull();
    }),
    { numRuns: 500 },
  );
});
