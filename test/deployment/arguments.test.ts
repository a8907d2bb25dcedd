import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Arguments } from "../../src/deployment/engines/arguments.ts";

const PYTHON = ["python3", "-m", "dynamo.vllm"];
const SHELL = ["/bin/sh", "-c"];

describe("Arguments of a list", () => {
  it("sets a flag where it stands, in the spelling that is there", () => {
    const args = new Arguments(PYTHON, ["--model", "a", "--tp", "1", "--foo"]);
    args.set("8", "--tensor-parallel-size", "--tp").set("b", "--model");
    expect(args.list()).toEqual(["--model", "b", "--tp", "8", "--foo"]);
  });

  it("reads and writes --flag=value", () => {
    const args = new Arguments(PYTHON, ["--tp=2", "--x"]);
    expect(args.value("--tp")).toBe("2");
    expect(args.set("4", "--tp").list()).toEqual(["--tp=4", "--x"]);
    expect(args.dropValued("--tp").list()).toEqual(["--x"]);
  });

  it("takes an item with flag and value apart, JSON it leaves whole", () => {
    const json = '{"kv_connector": "NixlConnector", "a": [1, 2]}';
    const args = new Arguments(PYTHON, ["--model a --tp 2", "--kv-transfer-config", json]);
    expect(args.list()).toEqual(["--model", "a", "--tp", "2", "--kv-transfer-config", json]);
  });

  it("adds new flags before a pipe and a redirection", () => {
    const args = new Arguments(PYTHON, ["--model", "a", "2>&1", "|", "tee", "log"]);
    args.append("--x", "1").enable("--y");
    expect(args.list()).toEqual(["--model", "a", "--x", "1", "--y", "2>&1", "|", "tee", "log"]);
  });

  it("drops a flag's value with it, but never the flag behind it", () => {
    const args = new Arguments(PYTHON, ["--disaggregation-mode", "--is-prefill-worker", "--a", "-1"]);
    expect(args.dropValued("--disaggregation-mode").list()).toEqual(["--is-prefill-worker", "--a", "-1"]);
    expect(args.dropValued("--a").list()).toEqual(["--is-prefill-worker"]);
  });

  it("enables once, drops all", () => {
    const args = new Arguments(PYTHON, ["--x", "--x"]);
    expect(args.enable("--x").list()).toEqual(["--x", "--x"]);
    expect(args.drop("--x").list()).toEqual([]);
  });
});

describe("Arguments of a shell script", () => {
  it("keeps quoting, line ends and what follows the command", () => {
    const script = "python3 -m dynamo.vllm \\\n  --model 'a b' --tp 1 2>&1 | tee /tmp/log\n";
    const args = new Arguments(SHELL, [script]);
    args.set("4", "--tp").enable("--no-enable-prefix-caching");
    expect(args.list()).toEqual([
      "python3 -m dynamo.vllm \\\n  --model 'a b' --tp 4 --no-enable-prefix-caching 2>&1 | tee /tmp/log",
    ]);
  });

  it("quotes what it adds where a shell would take it apart", () => {
    const args = new Arguments(SHELL, ["run --a 1"]);
    args.append("--override-engine-args", `{"a": "it's"}`);
    expect(args.list()).toEqual([`run --a 1 --override-engine-args '{"a": "it'\\''s"}'`]);
  });

  it("reads quoted values", () => {
    const args = new Arguments(SHELL, [`run --x "a \\"b\\"" --y 'c d'`]);
    expect([args.value("--x"), args.value("--y")]).toEqual(['a "b"', "c d"]);
  });
});

const word = fc
  .stringMatching(/^[a-z0-9{}":',. ]{1,12}$/)
  .filter((text) => text.trim() !== "" && !text.startsWith("-"));
const flag = fc.stringMatching(/^--[a-z]{1,8}$/);

describe("Arguments, any", () => {
  it("say what was set, whatever else is there", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(word, flag)), flag, word, (list, name, value) => {
        const args = new Arguments(PYTHON, list);
        args.dropValued(name).set(value, name);
        expect(args.value(name)).toBe(value);
        expect(new Arguments(PYTHON, args.list()).value(name)).toBe(value);
      }),
    );
  });

  it("survive a script: what was set is what a shell would read", () => {
    fc.assert(
      fc.property(flag, word, (name, value) => {
        const args = new Arguments(SHELL, ["run --first 1 | tee log"]);
        args.set(value, name);
        expect(new Arguments(SHELL, args.list()).value(name)).toBe(value);
        expect(args.list()[0]).toMatch(/\| tee log$/);
      }),
    );
  });
});
