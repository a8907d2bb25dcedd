import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OpenAiError, parseCompletionRequest, parseEmbeddingsRequest } from "#mocker/protocol";

function refusal(parse: (body: unknown) => unknown, body: unknown): OpenAiError {
  try {
    parse(body);
  } catch (error) {
    if (error instanceof OpenAiError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

const FORMS: [unknown, unknown[]][] = [
  ["a", ["a"]],
  ["", [""]],
  [
    ["a", "b"],
    ["a", "b"],
  ],
  [[1, 2, 3], [Int32Array.of(1, 2, 3)]],
  [
    [[1, 2], [3]],
    [Int32Array.of(1, 2), Int32Array.of(3)],
  ],
  [
    ["a", [3]],
    ["a", Int32Array.of(3)],
  ],
];
const MISTAKES: [unknown, string, string | null, string][] = [
  [undefined, "", "missing_required_parameter", "Missing required parameter"],
  [null, "", "missing_required_parameter", "Missing required parameter"],
  [5, "", "invalid_type", "but got an integer"],
  [[], "", "empty_array", "empty array"],
  [[1, "a"], "[1]", "invalid_type", "expected a token id, but got a string"],
  [[[1], [2, 2.5]], "[1][1]", "invalid_type", "expected a token id, but got a decimal"],
  [["a", {}], "[1]", "invalid_type", "but got an object"],
  [[-1], "[0]", null, "out of vocabulary"],
  [[2 ** 31], "[0]", null, "out of vocabulary"],
];

describe.each([
  ["prompt", parseCompletionRequest, (body: unknown) => parseCompletionRequest(body).prompts],
  ["input", parseEmbeddingsRequest, (body: unknown) => parseEmbeddingsRequest(body).inputs],
] as const)("a request's %s", (name, parse, sources) => {
  it.each(FORMS)("is text or token ids, one or several: %j", (given, expected) => {
    expect(sources({ [name]: given })).toEqual(expected);
  });

  it.each(MISTAKES)("is refused where it is wrong: %j", (given, place, code, message) => {
    const error = refusal(parse, { [name]: given });
    expect(error).toMatchObject({ status: 400, type: "invalid_request_error", param: `${name}${place}`, code });
    expect(error.message).toContain(message);
  });

  it("never fails otherwise, whatever it holds", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (given) => {
        try {
          parse({ [name]: given });
        } catch (error) {
          expect(error).toBeInstanceOf(OpenAiError);
        }
      }),
    );
  });
});

describe("a completion request", () => {
  it("reads its own parameters", () => {
    expect(parseCompletionRequest({ prompt: "a", max_tokens: 3, logprobs: 2, echo: true, best_of: 1 })).toMatchObject({
      kind: "completion",
      prompts: ["a"],
      maxTokens: 3,
      logprobs: 2,
      echo: true,
    });
    expect(parseCompletionRequest({ prompt: "a" })).toMatchObject({ maxTokens: null, logprobs: null, echo: false });
    expect(parseCompletionRequest({ prompt: "a", logprobs: 0 }).logprobs).toBe(0);
  });

  it("is refused a suffix, and too many alternatives", () => {
    expect(refusal(parseCompletionRequest, { prompt: "a", suffix: "b" })).toMatchObject({ param: "suffix" });
    expect(refusal(parseCompletionRequest, { prompt: "a", logprobs: 21 })).toMatchObject({ param: "logprobs" });
  });
});

describe("an embeddings request", () => {
  it("reads its own parameters", () => {
    expect(parseEmbeddingsRequest({ model: "m", input: "a", encoding_format: "base64", dimensions: 8 })).toEqual({
      kind: "embeddings",
      model: "m",
      inputs: ["a"],
      encoding: "base64",
      dimensions: 8,
      user: null,
    });
    expect(refusal(parseEmbeddingsRequest, { input: "a", encoding_format: "hex" })).toMatchObject({
      param: "encoding_format",
      code: "invalid_value",
    });
  });
});
