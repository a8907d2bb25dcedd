import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type JsonSchema, parseChatRequest, planAnswer } from "#mocker/protocol";
import { builtinTokenizer } from "#mocker/text";

const tokenizer = builtinTokenizer();

/** The JSON that an answer of a schema is. */
function example(schema: JsonSchema, more: object = {}, seed = 1): { text: string; tokens: number; reason: string } {
  const request = parseChatRequest({
    messages: [{ role: "user", content: "x" }],
    response_format: { type: "json_schema", json_schema: { name: "x", schema } },
    seed,
    ...more,
  });
  const answer = planAnswer(request, {
    tokenizer,
    promptTokens: Int32Array.of(1),
    requestId: "r",
    choice: 0,
    defaultOutputTokens: 50,
  });
  const text = Array.from({ length: answer.tokens }, (_, i) => answer.text(i)).join("");
  return { text, tokens: answer.tokens, reason: answer.finishReason };
}

function expectValid(schema: JsonSchema, text: string): void {
  const result = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(JSON.parse(text));
  expect(result.success ? [] : [text, ...result.error.issues]).toEqual([]);
}

const name = fc.stringMatching(/^[a-z]{1,5}$/);
const lengths = fc
  .tuple(fc.nat(12), fc.nat(12))
  .map(([a, b]) => ({ minLength: Math.min(a, b), maxLength: Math.max(a, b) }));
const range = fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 50 }));
const leaf: fc.Arbitrary<JsonSchema> = fc.oneof(
  fc.constant({ type: "string" }),
  lengths.map((limits) => ({ type: "string", ...limits })),
  fc.constantFrom("date-time", "date", "email", "uuid", "ipv4", "uri").map((format) => ({ type: "string", format })),
  fc
    .constantFrom(
      "^[0-9]{5}(-[0-9]{4})?$",
      "^(red|green)$",
      "^[A-Z]{2}\\d{3}$",
      "^\\+?[1-9]\\d{1,14}$",
      "^[^@\\s]+@x\\.io$",
    )
    .map((pattern) => ({ type: "string", pattern })),
  fc.constantFrom("integer", "number", "boolean", "null").map((type) => ({ type })),
  range.map(([low, span]) => ({ type: "integer", minimum: low, maximum: low + span })),
  range.map(([low, span]) => ({ type: "number", exclusiveMinimum: low, exclusiveMaximum: low + span })),
  range.map(([low, span]) => ({ type: "integer", exclusiveMinimum: low, maximum: low + span })),
  fc.integer({ min: 1, max: 9 }).map((multipleOf) => ({ type: "integer", multipleOf, minimum: 10 })),
  fc.array(fc.oneof(name, fc.integer()), { minLength: 1, maxLength: 3 }).map((values) => ({ enum: values })),
  name.map((value) => ({ const: value })),
);
const { schema: anySchema } = fc.letrec<{ schema: JsonSchema }>((tie) => ({
  schema: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.dictionary(name, tie("schema"), { maxKeys: 4 }).map((properties) => ({
      type: "object",
      properties,
      required: Object.keys(properties).slice(1),
      additionalProperties: false,
    })),
    fc
      .record({ items: tie("schema"), minItems: fc.nat(3) })
      .map(({ items, minItems }) => ({ type: "array", items, minItems, maxItems: minItems + 1 })),
    fc.array(tie("schema"), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    tie("schema").map((schema) => ({ anyOf: [{ type: "null" }, schema] })),
  ),
}));

describe("an answer of a JSON schema", () => {
  it("satisfies it", () => {
    fc.assert(
      fc.property(anySchema, fc.nat(), (schema, seed) => expectValid(schema, example(schema, {}, seed).text)),
      {
        numRuns: 300,
      },
    );
  });

  it("has exactly the tokens that were asked for, where it has a string to fill", () => {
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 400 }), fc.integer({ min: 1, max: 5 }), (wanted, strings) => {
        const properties = Object.fromEntries(Array.from({ length: strings }, (_, i) => [`s${i}`, { type: "string" }]));
        const schema = { type: "object", properties, additionalProperties: false };
        const { text, tokens, reason } = example(schema, { max_tokens: wanted });
        expectValid(schema, text);
        expect({ tokens, reason, counted: tokenizer.encode(text).length }).toEqual({
          tokens: wanted,
          reason: "stop",
          counted: wanted,
        });
      }),
    );
  });

  it("has at least min_tokens, and is short where nothing is asked", () => {
    const schema = { type: "object", properties: { text: { type: "string" } } };
    expect(example(schema, { min_tokens: 70 })).toMatchObject({ tokens: 70, reason: "stop" });
    expect(example(schema).tokens).toBeLessThan(12);
  });

  it("is cut where it can't be as short as was asked", () => {
    const schema = { type: "object", properties: { number: { type: "integer" }, other: { type: "boolean" } } };
    const whole = example(schema, { max_tokens: 500 });
    expect(whole).toMatchObject({ reason: "stop", text: '{"number":1,"other":true}' });
    const cut = example(schema, { max_tokens: 5 });
    expect(cut).toMatchObject({ reason: "length", tokens: 5 });
    expect(whole.text.startsWith(cut.text)).toBe(true);
  });

  it("follows references, recursive ones to an end", () => {
    const node = {
      type: "object",
      properties: { name: { type: "string" }, children: { type: "array", items: { $ref: "#/$defs/node" } } },
      required: ["name", "children"],
      additionalProperties: false,
    };
    const schema = { $ref: "#/$defs/node", $defs: { node } };
    expectValid(schema, example(schema).text);
    const list = {
      type: "object",
      properties: { value: { type: "integer" }, next: { anyOf: [{ $ref: "#" }, { type: "null" }] } },
      required: ["value", "next"],
    };
    expectValid(list, example(list).text);
    const endless = { type: "object", properties: { again: { $ref: "#" } }, required: ["again"] };
    expect(() => JSON.parse(example(endless).text)).not.toThrow();
    expect(() => JSON.parse(example({ $ref: "#" }).text)).not.toThrow();
    expect(() => JSON.parse(example({ $ref: "#/nowhere" }).text)).not.toThrow();
  });

  it("merges allOf, and takes types in lists", () => {
    const schema = {
      type: "object",
      properties: {
        both: {
          allOf: [
            { type: "integer", minimum: 3 },
            { minimum: 5, maximum: 6 },
          ],
        },
        maybe: { type: ["null", "string"], enum: ["a", null] },
        any: { type: ["string", "integer"] },
        fixed: { type: "array", prefixItems: [{ const: 1 }, { type: "string" }], items: false },
      },
      required: ["both", "maybe", "any", "fixed"],
    };
    const value = JSON.parse(example(schema).text);
    expect(value).toMatchObject({ both: 5, maybe: "a", any: expect.any(String), fixed: [1, expect.any(String)] });
  });

  it("is an object of some text where anything will do", () => {
    for (const format of [{ type: "json_object" }, { type: "json_schema", json_schema: { name: "x", schema: {} } }]) {
      const { text, tokens } = example(true, { response_format: format, max_tokens: 40 });
      expect(JSON.parse(text)).toEqual({ text: expect.any(String) });
      expect(tokens).toBe(40);
    }
  });

  it("stays small where a schema demands no end of values", () => {
    const string = { type: "string", minLength: 1e9 };
    const deep = (depth: number): JsonSchema =>
      depth === 0 ? { type: "integer" } : { type: "array", minItems: 1000, items: deep(depth - 1) };
    const schemas = [
      string,
      deep(4),
      { type: "object", minProperties: 1e9 },
      { type: "string", pattern: "^((a{1000}){1000}){1000}$" },
      { type: "string", pattern: "^(((((a{99}){99}){99}){99}){0}$" },
    ];
    for (const schema of schemas) {
      const { text } = example(schema, { max_tokens: 10_000_000 });
      expect(() => JSON.parse(text)).not.toThrow();
      expect(text.length).toBeLessThan(1_000_000);
    }
  });

  it("comes to an end whatever the schema says", () => {
    const keyword = fc.constantFrom(
      "type",
      "items",
      "properties",
      "enum",
      "pattern",
      "minItems",
      "anyOf",
      "$ref",
      "allOf",
    );
    fc.assert(
      fc.property(fc.dictionary(keyword, fc.jsonValue({ maxDepth: 2 })), (schema) => {
        expect(() => JSON.parse(example(schema).text)).not.toThrow();
      }),
    );
  });
});
