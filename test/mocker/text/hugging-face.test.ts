import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tokenizer as HuggingFace } from "@huggingface/tokenizers";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "#common";
import { loadTokenizer, promptIds, promptText, type Tokenizer, wordStream } from "#mocker/text";
import { byteLevelBpe, FILE_WORDS, sentencePieceBpe, unigram, wordPiece } from "./tokenizer-files.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenizers-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function load(name: string, content: object, config?: object): Promise<Tokenizer> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "tokenizer.json"), JSON.stringify(content));
  if (config !== undefined) await writeFile(join(path, "tokenizer_config.json"), JSON.stringify(config));
  return loadTokenizer(path);
}

async function mistake(path: string): Promise<UserError> {
  const error = await loadTokenizer(path).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

const FAMILIES: [string, () => object][] = [
  ["byte-level BPE", byteLevelBpe],
  ["WordPiece", wordPiece],
  ["Unigram with metaspaces", unigram],
  ["SentencePiece's BPE", sentencePieceBpe],
];

describe.each(FAMILIES)("a tokenizer.json of %s", (family, content) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await load(family.replace(/\W/g, "-"), content());
  });

  it("has words that are one token each, whatever they follow", () => {
    const { words, prependsSpace } = tokenizer;
    expect(words.map(({ text }) => text)).toEqual(expect.arrayContaining(FILE_WORDS.map((word) => ` ${word}`)));
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 40 }), (said) => {
        const text = said.map((word) => word.text).join("");
        expect(Array.from(tokenizer.encode(prependsSpace ? text.slice(1) : text))).toEqual(said.map(({ id }) => id));
      }),
    );
  });

  it("makes prompts and streams of them that re-encode to what they say", () => {
    const shape = { tokens: 200, unique: 3, blockIds: [1, 2], blockTokens: 50 };
    expect(tokenizer.encode(promptText(tokenizer, 5, shape))).toEqual(promptIds(tokenizer, 5, shape));
    const words = wordStream(tokenizer, 9);
    const text = Array.from({ length: 80 }, (_, i) => words.text(i)).join("");
    expect(Array.from(tokenizer.encode(text))).toEqual(Array.from({ length: 80 }, (_, i) => words.id(i)));
  });

  it("decodes what it encoded", () => {
    const text = "the time that you had";
    expect(tokenizer.decode(tokenizer.encode(text)).trim()).toBe(text);
  });

  it("encodes as the library does, though it remembers words", () => {
    const library = new HuggingFace(content(), {});
    const unit = fc.oneof(
      fc.constantFrom(...FILE_WORDS.map((word) => ` ${word}`)),
      fc.constantFrom(" ", "  ", "\n", ",", ". ", " 17 ", "é", " A", "'s ", "xyz", "漢"),
    );
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 40 }), (units) => {
        const text = units.join("");
        expect(Array.from(tokenizer.encode(text))).toEqual(library.encode(text, { add_special_tokens: false }).ids);
      }),
    );
  });

  it("takes nothing, and ids that it doesn't know", () => {
    expect(tokenizer.encode("")).toHaveLength(0);
    expect(tokenizer.decode([])).toBe("");
    expect(typeof tokenizer.decode([tokenizer.vocabSize + 5, -1])).toBe("string");
    expect(tokenizer.vocabSize).toBeGreaterThan(FILE_WORDS.length);
  });
});

describe("loading a tokenizer", () => {
  it("knows which ones put a space before each text by themselves", async () => {
    expect((await load("llama2", sentencePieceBpe())).prependsSpace).toBe(true);
    expect((await load("gpt2", byteLevelBpe())).prependsSpace).toBe(false);
    expect((await load("t5", unigram())).prependsSpace).toBe(false);
  });

  it("takes the file itself, and heeds the configuration beside it", async () => {
    await load("cased", unigram(), { do_lowercase_and_remove_accent: true });
    const tokenizer = await loadTokenizer(join(folder, "cased", "tokenizer.json"));
    expect(tokenizer.encode("THE TIME")).toEqual(tokenizer.encode("the time"));
  });

  it("adds no special tokens, but reads those in the text", async () => {
    const tokenizer = await load("special", byteLevelBpe());
    const ids = tokenizer.encode(" the<|endoftext|> the");
    expect(ids).toHaveLength(3);
    expect(tokenizer.decode(ids)).toBe(" the<|endoftext|> the");
  });

  it("takes a file that leaves out the parts it doesn't need", async () => {
    const { model, pre_tokenizer, decoder } = byteLevelBpe();
    const tokenizer = await load("lean", { model, pre_tokenizer, decoder });
    expect(tokenizer.encode(" the time")).toHaveLength(2);
  });

  it("tells what is wrong", async () => {
    const write = async (name: string, text: string): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, text);
      return path;
    };
    expect(await mistake(join(folder, "nowhere"))).toMatchObject({ code: "TEXT_TOKENIZER_UNREADABLE" });
    await mkdir(join(folder, "empty"), { recursive: true });
    expect(await mistake(join(folder, "empty"))).toMatchObject({
      code: "TEXT_TOKENIZER_UNREADABLE",
      where: join(folder, "empty", "tokenizer.json"),
      message: "the tokenizer can't be read: the folder holds no such file",
    });
    expect(await mistake(await write("text.json", "{ no"))).toMatchObject({ code: "TEXT_TOKENIZER_UNREADABLE" });
    expect(await mistake(await write("list.json", "[]"))).toMatchObject({
      code: "TEXT_TOKENIZER_INVALID",
      message: "found an array, expected an object",
    });
    expect(await mistake(await write("config.json", '{"architectures":[],"vocab_size":9}'))).toMatchObject({
      code: "TEXT_TOKENIZER_INVALID",
      message: "found the keys architectures, vocab_size, expected model.vocab",
    });
    const odd = { ...byteLevelBpe(), pre_tokenizer: { type: "Telepathy" } };
    expect(await mistake(await write("odd.json", JSON.stringify(odd)))).toMatchObject({
      code: "TEXT_TOKENIZER_UNSUPPORTED",
      message: expect.stringContaining("Telepathy"),
    });
    const poor = { ...byteLevelBpe(), model: { type: "BPE", vocab: { a: 0, b: 1 }, merges: [] } };
    expect(await mistake(await write("poor.json", JSON.stringify(poor)))).toMatchObject({
      code: "TEXT_TOKENIZER_FEW_WORDS",
    });
  });
});
