import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { readYamlDocument, type YamlErrors } from "#common/documents";

const ERRORS: YamlErrors = {
  invalid: (where, reason) => new UserError({ code: "INVALID", where, message: reason }),
  tooLarge: (file, found, expected) =>
    new UserError({ code: "TOO_LARGE", where: file, message: `found ${found}, expected ${expected}` }),
};
const read = (text: string) => readYamlDocument(text, "a.yaml", ERRORS);

describe("aliases in a document", () => {
  it("stand for the same value in several places", () => {
    expect(read("a: &x {n: [1]}\nb: *x\nc: [*x, *x]\n").value).toEqual({
      a: { n: [1] },
      b: { n: [1] },
      c: [{ n: [1] }, { n: [1] }],
    });
  });

  it.each([
    ["its map", "a: &x\n  b: 1\n  c: *x\n", "a.yaml:3:6 (a.c)"],
    ["its list, further in", "a: &x\n  - 1\n  - {c: [*x]}\n", "a.yaml:3:10 (a[1].c[0])"],
    ["the document", "&x {a: *x}", "a.yaml:1:8 (a)"],
  ])("are refused, with their place, where they stand for %s", (_, text, where) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: "INVALID", where }));
  });
});
