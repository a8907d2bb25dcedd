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
const quantifier = fc.constantFrom("", "", "?", "*", "+", "{3}", "{2,}", "{1,4}", "+?", "*?", "{0,2}?");
const { pattern: anyPattern } = fc.letrec<{ pattern: string; sequence: string }>((tie) => ({
  sequence: fc
    .array(
      fc
        .tuple(
          fc.oneof(
            { depthSize: "small", withCrossShrink: true },
            character.filter((c) => c !== "/"),
            escaped,
            charClass,
            fc.constant("."),
            tie("pattern").map((inner) => `(${inner})`),
            tie("pattern").map((inner) => `(?:${inner})`),
          ),
          quantifier,
        )
        .map(([unit, count]) => unit + count),
      { maxLength: 5 },
    )
    .map((units) => units.join("")),
  pattern: fc.array(tie("sequence"), { minLength: 1, maxLength: 2 }).map((alternatives) => alternatives.join("|")),
}));

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
