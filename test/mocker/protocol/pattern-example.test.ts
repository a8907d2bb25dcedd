import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseChatRequest, planAnswer } from "#mocker/protocol";
import { builtinTokenizer } from "#mocker/text";

/** What an answer says where its schema has this pattern; a word stands for "none". */
function example(pattern: string): string {
  const schema = { type: "string", pattern };
  const request = parseChatRequest({ messages: [{ role: "user", content: "x" }], guided_json: schema });
  const options = { tokenizer: builtinTokenizer(), promptTokens: Int32Array.of(1), requestId: "r", choice: 0 };
  const answer = planAnswer(request, { ...options, defaultOutputTokens: 9 });
  return JSON.parse(Array.from({ length: answer.tokens }, (_, i) => answer.text(i)).join("")) as string;
}

const character = fc.constantFrom(..."abz059-_@/ é漢");
const escaped = fc.constantFrom("\\d", "\\w", "\\s", "\\D", "\\S", "\\W", "\\.", "\\/", "\\(", "\\n", "\\t");
const charClass = fc
  .tuple(
    fc.constantFrom("", "^"),
    fc.array(fc.constantFrom("a-f", "0-9", "_", "\\d", "\\w", ".", "é"), { minLength: 1 }),
  )
  .map(([negated, members]) => `[${negated}${members.join("")}]`);
/*
 * Two levels, and no quantifier without a limit: a generated expression must not run for ever when it is held against its
 * example.
 */
const unit = fc.oneof(
  character.filter((c) => c !== "/"),
  escaped,
  charClass,
  fc.constant("."),
);
const units = (of: fc.Arbitrary<string>, quantifiers: string[]): fc.Arbitrary<string> => {
  const quantified = fc.tuple(of, fc.constantFrom(...quantifiers)).map(([text, quantifier]) => text + quantifier);
  const sequence = fc.array(quantified, { maxLength: 3 }).map((parts) => parts.join(""));
  return fc.array(sequence, { minLength: 1, maxLength: 2 }).map((alternatives) => alternatives.join("|"));
};
const inGroup = units(unit, ["", "", "?", "{3}", "{1,2}", "{0,2}?"]);
const group = fc.tuple(fc.constantFrom("(", "(?:", "(?<g>"), inGroup).map(([open, text]) => `${open}${text})`);
const anyPattern = units(fc.oneof(unit, group), ["", "", "?", "{2}"]).filter((text) => text.split("(?<g>").length < 3);

describe("the example of a pattern", () => {
  it("matches it", () => {
    fc.assert(
      fc.property(anyPattern, (inner) => {
        const pattern = `^(?:${inner})$`;
        expect(example(pattern)).toMatch(new RegExp(pattern, "u"));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["^[0-9]{5}(-[0-9]{4})?$", "00000"],
    ["^\\+?[1-9]\\d{1,14}$", "10"],
    ["^(red|green)+$", "red"],
    ["[^a]*x+?y{2,}", "xyy"],
    ["^[^@\\s]+@(?:\\w+\\.)+io$|^-$", "a@a.io"],
    ["", ""],
  ])("is short: %s", (pattern, expected) => {
    expect(example(pattern)).toBe(expected);
    expect(expected).toMatch(new RegExp(pattern, "u"));
  });

  it.each(["\\bword\\b", "(?=a)a", "(a)\\1", "\\p{L}", "a^b", "a$b", "(^a)", "[", "(?i:a)", "x{99999999}"])(
    "is any word where it can't be told: %s",
    (pattern) => {
      expect(example(pattern)).toMatch(/^[a-z]+$/);
    },
  );

  it("costs nothing, however long the expression itself would run", () => {
    expect(example("^((a+)+){30}!\\b$")).toMatch(/^[a-z]+$/);
    expect(example("^((a+)+){30}!$")).toBe(`${"a".repeat(30)}!`);
  });
});
