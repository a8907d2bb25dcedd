import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseChatRequest, planAnswer } from "#mocker/protocol";
import { builtinTokenizer, loadTokenizer, type Tokenizer } from "#mocker/text";
import { byteLevelBpe, sentencePieceBpe, unigram, wordPiece } from "../text/tokenizer-files.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "said-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function loaded(content: object): Promise<Tokenizer> {
  const file = join(folder, "tokenizer.json");
  await writeFile(file, JSON.stringify(content));
  return loadTokenizer(file);
}

const schema = { type: "object", properties: { made: { type: "string" }, number: { type: "integer" } } };

describe.each<[string, () => Promise<Tokenizer>]>([
  ["the built-in tokenizer", async () => builtinTokenizer()],
  ["byte-level BPE", () => loaded(byteLevelBpe())],
  ["WordPiece", () => loaded(wordPiece())],
  ["Unigram", () => loaded(unigram())],
  ["SentencePiece's BPE", () => loaded(sentencePieceBpe())],
])("JSON said in tokens of %s", (_, make) => {
  it("is valid, of so many tokens, each with its own part of the text", async () => {
    const tokenizer = await make();
    const request = parseChatRequest({
      messages: [{ role: "user", content: "x" }],
      response_format: { type: "json_schema", json_schema: { schema } },
      max_tokens: 80,
    });
    const promptTokens = Int32Array.of(1);
    const answer = planAnswer(request, { tokenizer, promptTokens, requestId: "r", choice: 0, defaultOutputTokens: 9 });
    const pieces = Array.from({ length: answer.tokens }, (_, i) => answer.text(i));
    const text = pieces.join("");
    expect(JSON.parse(text)).toEqual({ made: expect.any(String), number: 1 });
    expect(Array.from(tokenizer.encode(text))).toEqual(pieces.map((_, i) => answer.id(i)));
    expect(answer).toMatchObject({ tokens: 80, finishReason: "stop" });
    // Words are not torn: almost every piece is a word of its own.
    const words = new Set(tokenizer.words.map((word) => word.text));
    expect(pieces.filter((piece) => words.has(piece)).length).toBeGreaterThan(25);
  });
});
