import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Answer,
  type AnswerOptions,
  parseChatRequest,
  parseCompletionRequest,
  planAnswer,
} from "#mocker/protocol";
import { builtinTokenizer } from "#mocker/text";

const tokenizer = builtinTokenizer();
const prompt = tokenizer.encode("What shall we do?");

function plan(body: object, more: Partial<AnswerOptions> = {}): Answer {
  const request = parseChatRequest({ messages: [{ role: "user", content: "x" }], ...body });
  return planAnswer(request, {
    tokenizer,
    promptTokens: prompt,
    requestId: "r1",
    choice: 0,
    defaultOutputTokens: 100,
    ...more,
  });
}
const textOf = (answer: Answer, from = 0): string =>
  Array.from({ length: answer.tokens - from }, (_, i) => answer.text(from + i)).join("");
const tools = [
  { type: "function", function: { name: "f", parameters: { type: "object", properties: { a: { type: "string" } } } } },
  { type: "function", function: { name: "g", parameters: { type: "object", properties: { b: { type: "string" } } } } },
];

describe("the length of an answer", () => {
  it("is exactly max_tokens, and then the reason", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (maxTokens) => {
        expect(plan({ max_tokens: maxTokens })).toMatchObject({ tokens: maxTokens, finishReason: "length" });
      }),
    );
  });

  it("is drawn around the default where it is left open", () => {
    const lengths = Array.from({ length: 2000 }, (_, i) => plan({}, { requestId: `r${i}` }).tokens);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(150);
    expect(lengths.reduce((sum, length) => sum + length, 0) / lengths.length).toBeCloseTo(100, -1);
    expect(new Set(lengths).size).toBeGreaterThan(90);
    expect(plan({}).finishReason).toBe("stop");
  });

  it("is at least min_tokens, and at most what the context has left", () => {
    expect(plan({ min_tokens: 400 })).toMatchObject({ tokens: 400, finishReason: "stop" });
    expect(plan({}, { roomTokens: 20 })).toMatchObject({ tokens: 20, finishReason: "length" });
  });
});

describe("the text of an answer", () => {
  it("is that of its tokens", () => {
    const answer = plan({ max_tokens: 300 });
    const ids = Array.from({ length: 300 }, (_, i) => answer.id(i));
    expect(Array.from(tokenizer.encode(textOf(answer)))).toEqual(ids);
  });

  it("is the same for the same prompt and seed, whoever asks", () => {
    const text = textOf(plan({ seed: 5, max_tokens: 40 }));
    expect(textOf(plan({ seed: 5, max_tokens: 40 }, { requestId: "r2" }))).toBe(text);
    expect(textOf(plan({ seed: 6, max_tokens: 40 }))).not.toBe(text);
    expect(textOf(plan({ seed: 5, max_tokens: 40 }, { choice: 1 }))).not.toBe(text);
    expect(textOf(plan({ seed: 5, max_tokens: 40 }, { promptTokens: Int32Array.of(1) }))).not.toBe(text);
    expect(textOf(plan({ seed: 5, max_tokens: 80 })).startsWith(text)).toBe(true);
  });

  it("follows from the prompt alone at temperature 0, and from the request's id else", () => {
    const text = (temperature: number, requestId: string) =>
      textOf(plan({ temperature, max_tokens: 40 }, { requestId }));
    expect(text(0, "r1")).toBe(text(0, "r2"));
    expect(text(1, "r1")).not.toBe(text(1, "r2"));
    expect(text(1, "r1")).toBe(text(1, "r1"));
  });

  it("is a completion's as well", () => {
    const request = parseCompletionRequest({ prompt: "x", max_tokens: 10, seed: 1 });
    const options = { tokenizer, promptTokens: prompt, requestId: "r", choice: 0, defaultOutputTokens: 9 };
    expect(planAnswer(request, options)).toMatchObject({ tokens: 10, tool: null });
  });
});

describe("stop strings", () => {
  const seed = 11;
  const whole = textOf(plan({ seed, max_tokens: 200 }));

  it("end the text before them, after the tokens that they took", () => {
    fc.assert(
      fc.property(fc.nat(whole.length - 8), fc.integer({ min: 1, max: 8 }), fc.boolean(), (at, length, keep) => {
        const stop = whole.slice(at, at + length);
        const answer = plan({ seed, max_tokens: 200, stop, include_stop_str_in_output: keep });
        const end = whole.indexOf(stop) + stop.length;
        expect(textOf(answer)).toBe(whole.slice(0, keep ? end : end - stop.length));
        expect(answer.finishReason).toBe("stop");
        // The token that completes the stop string is the last.
        expect(answer.tokens).toBe(tokenizer.encode(whole.slice(0, end)).length);
      }),
    );
  });

  it("count from min_tokens on", () => {
    const late = plan({ seed, max_tokens: 200, min_tokens: 30, stop: " the" });
    const early = plan({ seed, max_tokens: 200, stop: " the" });
    expect(early.tokens).toBeLessThan(30);
    expect(late.tokens).toBeGreaterThan(30);
    expect(whole.startsWith(textOf(late))).toBe(true);
  });

  it("end it at the one that comes first, of several", () => {
    const words = whole.trim().split(" ");
    const [first, second] = [` ${words[3]} ${words[4]}`, ` ${words[9]} ${words[10]}`];
    expect(textOf(plan({ seed, max_tokens: 200, stop: [second, first] }))).toBe(whole.slice(0, whole.indexOf(first)));
  });

  it("that don't occur change nothing", () => {
    const answer = plan({ seed, max_tokens: 200, stop: ["§", "the the the the"] });
    expect(answer).toMatchObject({ tokens: 200, finishReason: "length" });
    expect(textOf(answer)).toBe(whole);
  });

  it("may be tokens, which are not shown", () => {
    const answer = plan({ seed, max_tokens: 200 });
    const stopped = plan({ seed, max_tokens: 200, stop_token_ids: [answer.id(7)] });
    const first = Array.from({ length: 8 }, (_, i) => answer.id(i)).indexOf(answer.id(7));
    expect(stopped).toMatchObject({ tokens: first + 1, finishReason: "stop" });
    expect(stopped.text(first)).toBe("");
  });
});

describe("the call of a function", () => {
  it("is the named one's, with arguments of its schema and exactly so many tokens", () => {
    const answer = plan({ tools, tool_choice: { type: "function", function: { name: "g" } }, max_tokens: 50 });
    expect(answer).toMatchObject({ tokens: 50, finishReason: "tool_calls" });
    expect(answer.tool).toEqual({ id: expect.stringMatching(/^call_[0-9a-f]{24}$/), name: "g" });
    expect(JSON.parse(textOf(answer))).toEqual({ b: expect.any(String) });
  });

  it("is one of them where one is required, and none where the model may choose", () => {
    const called = new Set(
      Array.from({ length: 30 }, (_, i) => plan({ tools, tool_choice: "required" }, { requestId: `r${i}` }).tool?.name),
    );
    expect(called).toEqual(new Set(["f", "g"]));
    expect(plan({ tools }).tool).toBeNull();
    expect(plan({ tools, tool_choice: "none" }).tool).toBeNull();
  });

  it("has an id of its own for each request", () => {
    const id = (requestId: string) => plan({ tools, tool_choice: "required" }, { requestId }).tool?.id;
    expect(id("r1")).toBe(id("r1"));
    expect(id("r1")).not.toBe(id("r2"));
  });
});

describe("an answer that is one of several texts", () => {
  it("is one of them", () => {
    const said = (i: number) => textOf(plan({ guided_choice: ["yes", "no way"] }, { requestId: `r${i}` }));
    expect(new Set(Array.from({ length: 30 }, (_, i) => said(i)))).toEqual(new Set(["yes", "no way"]));
    expect(plan({ guided_choice: ["no way at all"], max_tokens: 2 })).toMatchObject({
      tokens: 2,
      finishReason: "length",
    });
    expect(plan({ guided_choice: ["yes"] }).finishReason).toBe("stop");
  });
});

describe("reasoning", () => {
  it("takes its share of the tokens, as Dynamo's mocker has it", () => {
    const share = (maxTokens: number, thinkingRatio: number) =>
      plan({ max_tokens: maxTokens }, { thinkingRatio }).thinkingTokens;
    expect([share(100, 0.3), share(10, 0.1), share(10, 0.05), share(1, 1), share(2, 0.5), share(9, 1)]).toEqual([
      30, 2, 0, 0, 2, 9,
    ]);
  });

  it("comes before the text, between two marks that say nothing", () => {
    const answer = plan({ max_tokens: 20 }, { thinkingRatio: 0.5 });
    expect(answer).toMatchObject({ tokens: 20, thinkingTokens: 10 });
    expect([answer.text(0), answer.text(9)]).toEqual(["", ""]);
    expect(tokenizer.encode(textOf(answer))).toHaveLength(18);
    expect(Array.from({ length: 8 }, (_, i) => answer.text(i + 1)).every((text) => text !== "")).toBe(true);
  });

  it("leaves the rest to a call of a function, and may leave nothing", () => {
    const answer = plan({ tools, tool_choice: "required", max_tokens: 60 }, { thinkingRatio: 0.5 });
    expect(answer.tokens).toBe(60);
    expect(() => JSON.parse(textOf(answer, answer.thinkingTokens))).not.toThrow();
    expect(plan({ max_tokens: 5 }, { thinkingRatio: 1 })).toMatchObject({ tokens: 5, finishReason: "length" });
  });
});
