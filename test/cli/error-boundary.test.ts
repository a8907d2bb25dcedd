import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const fixture = fileURLToPath(new URL("fixture-cli.ts", import.meta.url));
const environment = { ...process.env, NO_COLOR: "1" };

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fixture, ...args], {
    encoding: "utf8",
    env: environment,
  });
  return { status, stdout, stderr };
}

describe("the error boundary of the command line", () => {
  it("shows a user's mistake with its place and hint, and exits 2", () => {
    expect(run("refused")).toEqual({
      status: 2,
      stdout: "",
      stderr: "error: a.yaml:1:2: found 3, expected 4\n  hint: write 4\n",
    });
  });

  it("exits 1 where a run or an assertion failed", () => {
    expect(run("failed")).toMatchObject({ status: 1, stderr: "error: the assertion does not hold\n" });
  });

  it("names the file that can't be read", () => {
    expect(run("absent")).toMatchObject({
      status: 2,
      stderr: "error: no-such-file.yaml: no such file or folder\n",
    });
  });

  it.runIf(existsSync("/dev/full"))("tells a full disk from bad input", () => {
    expect(run("full")).toMatchObject({ status: 1, stderr: "error: no space left on the disk\n" });
  });

  it("shows one line of an unexpected error and how to report it, without a stack trace", () => {
    const { status, stderr } = run("broken");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: unexpected: x is not a function\n {2}hint: .*report.*--debug\n$/);
  });

  it("shows the stack trace with --debug, wherever it stands", () => {
    expect(run("broken", "--debug").stderr).toMatch(/TypeError: x is not a function[\s\S]+ at .*fixture-cli/);
    expect(run("--debug", "broken").stderr).toContain(" at ");
  });

  it("catches what is thrown outside of the command's promise", () => {
    expect(run("late")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^error: unexpected: thrown in a timer\n/),
    });
  });
});

describe("usage errors", () => {
  it("suggest the subcommand that was meant", () => {
    expect(run("ecko", "x")).toMatchObject({
      status: 2,
      stderr: "error: unknown command 'ecko'\n  hint: did you mean echo?\n",
    });
  });

  it("suggest the flag that was meant, also in a subcommand", () => {
    expect(run("echo", "x", "--uper-case")).toMatchObject({
      status: 2,
      stderr: "error: unknown option '--uper-case'\n  hint: did you mean --upper-case?\n",
    });
  });

  it("name a missing argument and one too many", () => {
    expect(run("echo")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("missing required argument 'word'"),
    });
    expect(run("echo", "a", "b")).toMatchObject({ status: 2, stderr: expect.stringContaining("too many arguments") });
  });

  it("show help on stderr where no subcommand is given", () => {
    const { status, stdout, stderr } = run();
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("Commands:");
  });
});

describe("help and version", () => {
  it("go to stdout and exit 0", () => {
    expect(run("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("echo"), stderr: "" });
    expect(run("--version")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect(run("echo", "--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--upper-case") });
  });
});

describe("a reader that goes away", () => {
  it("ends the program silently", async () => {
    const child = spawn(process.execPath, [fixture, "flood"], { stdio: ["ignore", "pipe", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdout.once("data", () => child.stdout.destroy());
    const [code] = await once(child, "close");
    expect({ code, stderr }).toEqual({ code: 141, stderr: "" });
  });
});

describe("Ctrl-C", () => {
  it("ends a computation that never yields, as SIGINT does (130 in a shell)", async () => {
    const child = spawn(process.execPath, [fixture, "spin"], { stdio: ["ignore", "pipe", "pipe"] });
    await once(child.stdout, "data");
    child.kill("SIGINT");
    const [code, signal] = await once(child, "exit");
    expect({ code, signal }).toEqual({ code: null, signal: "SIGINT" });
  });
});
