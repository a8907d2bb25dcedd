import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTokenizer, promptIds, promptText, type Tokenizer, wordStream } from "#mocker/text";
import { describeWithPython } from "../../tools.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const docs = here("../../../docs");

await describeWithPython("tokenizers that Hugging Face's library trained", ["tokenizers"], (python) => {
  let folder: string;
  const texts = readdirSync(docs).filter((name) => name.endsWith(".md"));
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "trained-"));
    execFileSync(python, [here("train_tokenizers.py"), folder, ...texts.map((name) => join(docs, name))]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe.each(["byte-level-bpe", "wordpiece", "unigram"])("%s", (family) => {
    let file: string;
    let tokenizer: Tokenizer;
    beforeAll(async () => {
      file = join(folder, `${family}.json`);
      tokenizer = await loadTokenizer(file);
    });
    const theirs = (all: readonly string[]): number[][] => {
      const output = execFileSync(python, [here("encode_texts.py"), file], {
        input: JSON.stringify(all),
        maxBuffer: 1 << 28,
      });
      return JSON.parse(output.toString());
    };

    it("encodes as the library does", () => {
      const paragraphs = texts
        .flatMap((name) => readFileSync(join(docs, name), "utf8").split("\n\n"))
        .filter((text) => text.trim() !== "")
        .slice(0, 200);
      const all = [...paragraphs, "Hello, World!", " naïve café – 100,000 €", "x = [1, 2]; // ok", "a  b\tc"];
      const ours = all.map((text) => Array.from(tokenizer.encode(text)));
      const expected = theirs(all);
      expect(ours.map((ids) => ids.length)).toEqual(expected.map((ids) => ids.length));
      // Ways to cut a text that are equally likely ("--" + "-", "-" + "--") are told apart by nothing in Unigram.
      if (family !== "unigram") expect(ours).toEqual(expected);
    });

    it("makes text in which the library counts the tokens that we counted", () => {
      expect(tokenizer.words.length).toBeGreaterThan(200);
      const seeds = Array.from({ length: 20 }, (_, seed) => seed);
      const prompts = seeds.map((unique) => promptText(tokenizer, 1, { tokens: 500, unique }));
      expect(theirs(prompts)).toEqual(
        seeds.map((unique) => Array.from(promptIds(tokenizer, 1, { tokens: 500, unique }))),
      );
      const said = seeds.map((seed) => {
        const words = wordStream(tokenizer, seed);
        const indices = Array.from({ length: 100 }, (_, i) => i);
        return { text: indices.map(words.text).join(""), ids: indices.map(words.id) };
      });
      expect(theirs(said.map(({ text }) => text))).toEqual(said.map(({ ids }) => ids));
    });
  });
});
