import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../scripts/soak.ts", import.meta.url));

function soak(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

describe("npm run soak", () => {
  it("explains its options", () => {
    const { status, stdout, stderr } = soak("--help");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const flag of ["--only", "--count", "--seed", "--write", "--list"]) expect(stdout).toContain(flag);
  });

  it("lists the campaigns that are chosen", () => {
    const { status, stdout } = soak("--list", "--only", "default-steady");
    expect(status).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(stdout).toMatch(/^planner-default-steady +100000 /);
  });

  it("runs so many cases of a seed, and says so", () => {
    const { status, stdout } = soak("--only", "planner-strategies", "--count", "3", "--seed", "7");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^planner-strategies: held, 3 strategies .* seed 7\n$/);
  });

  it.each([
    [["--cuont", "3"], "Unknown option '--cuont'; --help shows all options\n"],
    [["--count"], "Option '--count <value>' argument missing; --help shows all options\n"],
    [["steady"], /^Unexpected argument 'steady'.*; --help shows all options\n$/],
    [["--count", "-3"], /^Option '--count' argument is ambiguous.*; --help shows all options\n$/s],
    [["--count", "3.5"], "--count 3.5: expected a whole number from 1\n"],
    [["--seed", "x"], "--seed x: expected a whole number from 1\n"],
    [["--only", "nothing"], "--only nothing: no campaign has this in its name; --list shows them all\n"],
  ])("refuses %j in one line, with exit code 2", (args, message) => {
    const { status, stdout, stderr } = soak(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toEqual(typeof message === "string" ? message : expect.stringMatching(message));
  });
});
