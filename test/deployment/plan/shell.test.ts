import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { followScript } from "../../../src/deployment/plan/shell/follow.ts";
import { NotFollowed } from "../../../src/deployment/plan/shell/parse.ts";

// Shells have braces where JavaScript has placeholders.
const braced = (text: string) => `\${${text}}`;
const follow = (script: string, variables: Record<string, string> = {}) =>
  followScript(script, new Map(Object.entries(variables)));

describe("a script of a container", () => {
  it.each([
    ["python3 -m dynamo.mocker --model-path a", ["python3", "-m", "dynamo.mocker", "--model-path", "a"]],
    ["exec python3 -m x", ["python3", "-m", "x"]],
    ["cd /workspace && exec python3 -m x --a 1", ["python3", "-m", "x", "--a", "1"]],
    ["set -euo pipefail; python3 -m x", ["python3", "-m", "x"]],
    ["python3 -m x \\\n  --a 1 \\\n  --b '2 3'\n", ["python3", "-m", "x", "--a", "1", "--b", "2 3"]],
    ["# first\npython3 -m x # last\n", ["python3", "-m", "x"]],
    ["python3 -m x 2>&1 | tee /tmp/log", ["python3", "-m", "x"]],
    ["python3 -m x > /dev/null 2>&1", ["python3", "-m", "x"]],
    ["env A=1 B=2 python3 -m x", ["python3", "-m", "x"]],
    ["python3 -m x || exit 1", ["python3", "-m", "x"]],
    ["python3 -m x & wait", ["python3", "-m", "x"]],
    ['p --r \'{"a": 1}\' --s "q \\"w\\" $"', ["p", "--r", '{"a": 1}', "--s", 'q "w" $']],
    ["p a\\ b '' \"\"", ["p", "a b", "", ""]],
  ])("%j runs one command", (script, words) => {
    expect(follow(script).words).toEqual(words);
  });

  it("expands variables as a shell does: divided at spaces unless quoted, defaults, what it sets itself", () => {
    const variables = { MODEL: "Qwen/Qwen3-0.6B", FLAGS: "--a 1  --b", EMPTY: "" };
    expect(follow(`p $MODEL "${braced("MODEL")}" $FLAGS "$FLAGS" $NONE "$NONE" x`, variables).words).toEqual([
      "p",
      "Qwen/Qwen3-0.6B",
      "Qwen/Qwen3-0.6B",
      "--a",
      "1",
      "--b",
      "--a 1  --b",
      "",
      "x",
    ]);
    expect(
      follow(`p ${["NONE:-a", "EMPTY:-b", "EMPTY-c"].map(braced).join(" ")}x ${braced("NONE:-$MODEL")}`, variables)
        .words,
    ).toEqual(["p", "a", "b", "x", "Qwen/Qwen3-0.6B"]);
    const { words, assigned } = follow("export A=1 B='2 3'; C=$A; D=$C.4 p --c=$C \"$B\" $D");
    expect(words).toEqual(["p", "--c=1", "2 3"]);
    expect(Object.fromEntries(assigned)).toEqual({ A: "1", B: "2 3", C: "1", D: "1.4" });
    expect(follow("p '$MODEL' \\$MODEL a$MODEL", variables).words).toEqual([
      "p",
      "$MODEL",
      "$MODEL",
      "aQwen/Qwen3-0.6B",
    ]);
  });

  it("says what is left aside, and where it went", () => {
    const { left, folder } = follow("mkdir -p /a; cd /b; pip install x && p 2>&1 | tee log");
    expect(left).toEqual(["mkdir -p /a", "pip install x", "redirections of its output", "tee log"]);
    expect(folder).toBe("/b");
  });

  it.each([
    ["a; b", "two programs, a and b"],
    ["", "no program"],
    ["cd /x", "no program"],
    ["if true; then p; fi", '"if"'],
    ["for i in 1 2; do p; done", '"for"'],
    ["(p)", "subshell"],
    ["p $(cat x)", "$(…)"],
    ["p `cat x`", "(`)"],
    ["p 'a", "never closed"],
    ['p "a', "never closed"],
    ["p <<EOF\nx\nEOF", "here-document"],
    ["p | grep x", "grep"],
    ["p $1", "$1"],
    [`p ${braced("A:?no")}`, "A:?no"],
    ["&& p", "follows nothing"],
  ])("%j can't be followed", (script, reason) => {
    expect(() => follow(script)).toThrow(NotFollowed);
    expect(() => follow(script)).toThrow(reason);
  });

  it("any text is followed or refused, and what is quoted comes through", () => {
    fc.assert(
      fc.property(fc.string(), (script) => {
        try {
          follow(script);
        } catch (error) {
          expect(error).toBeInstanceOf(NotFollowed);
        }
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
        expect(follow(`p ${quoted}`).words).toEqual(["p", ...words.map((word) => word.replaceAll("\r\n", "\n"))]);
      }),
    );
  });
});
