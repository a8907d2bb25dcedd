import { describe, expect, it } from "vitest";
import { chatPromptTokens, OpenAiError, parseChatRequest, promptTokens } from "#mocker/protocol";
import { builtinTokenizer, promptIds, promptText } from "#mocker/text";

const tokenizer = builtinTokenizer();
const chat = (messages: object[], more: object = {}): Int32Array =>
  chatPromptTokens(parseChatRequest({ messages, ...more }), tokenizer);
const user = (content: unknown) => ({ role: "user", content });

describe("the tokens of a chat", () => {
  it("are those of its contents, and no others", () => {
    const shape = { tokens: 100, unique: 1 };
    expect(chat([user(promptText(tokenizer, 1, shape))])).toEqual(promptIds(tokenizer, 1, shape));
    expect(chat([{ role: "system", content: "Be brief." }, user("Hi")])).toEqual(
      Int32Array.of(...tokenizer.encode("Be brief."), ...tokenizer.encode("Hi")),
    );
  });

  it("of a conversation's next turn begin with those of the turn before and its answer", () => {
    const turns = [user("one, two"), { role: "assistant", content: " three four" }, user("five")];
    const [first, next] = [chat(turns.slice(0, 1)), chat(turns)];
    expect(next.slice(0, first.length)).toEqual(first);
    expect(next.slice(first.length, first.length + 2)).toEqual(tokenizer.encode(" three four"));
  });

  it("count images as their parts say, equal ones equally", () => {
    const image = (url: string, detail: string) => ({ type: "image_url", image_url: { url, detail } });
    const tokens = (url: string, detail = "low") => chat([user([image(url, detail)])]);
    expect(tokens("data:a")).toHaveLength(85);
    expect(tokens("data:a", "high")).toHaveLength(765);
    expect(tokens("data:a")).toEqual(tokens("data:a"));
    expect(tokens("data:a")).not.toEqual(tokens("data:b"));
  });

  it("hold the definitions of tools, first", () => {
    const tool = { type: "function", function: { name: "f", description: "does", parameters: { type: "object" } } };
    const definition = tokenizer.encode(JSON.stringify(tool));
    expect(chat([user("Hi")], { tools: [tool] })).toEqual(Int32Array.of(...definition, ...tokenizer.encode("Hi")));
  });

  it("are never none", () => {
    expect(chat([user("")])).toHaveLength(1);
    expect(chat([{ role: "assistant", content: null }])).toHaveLength(1);
  });
});

describe("the tokens of a prompt", () => {
  it("are those of its text, or itself", () => {
    expect(promptTokens(" a b", tokenizer, "prompt")).toEqual(tokenizer.encode(" a b"));
    expect(promptTokens(Int32Array.of(3, 4), tokenizer, "prompt")).toEqual(Int32Array.of(3, 4));
    expect(promptTokens("", tokenizer, "prompt")).toHaveLength(1);
  });

  it("must be known to the tokenizer", () => {
    const small = { ...tokenizer, vocabSize: 100 };
    expect(() => promptTokens(Int32Array.of(5, 100), small, "prompt")).toThrow(
      expect.objectContaining({ constructor: OpenAiError, status: 400, param: "prompt" }),
    );
  });
});
