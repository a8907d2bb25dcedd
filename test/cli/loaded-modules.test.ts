import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

const PRINT_LOADED = `
import { registerHooks } from "node:module";
registerHooks({ load: (url, context, next) => { console.log(url); return next(url, context); } });
await import(process.argv[1]);
`;

/** Addresses of all modules that a module of the command line takes with it. */
function loaded(module: string): string[] {
  const { href } = new URL(`../../src/cli/${module}`, import.meta.url);
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", PRINT_LOADED, href], {
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  return stdout.trim().split("\n");
}

const SERVERS = /planner\/(connectors|sources)|src\/(deployment|live)|node_modules\/(fastify|undici)/;

describe("what starts many times, or at once, loads what it needs", () => {
  it.each([
    ["sweep/evaluate.ts", /node_modules\/commander|planner\/connectors|src\/executor/],
    ["rehearse.ts", /planner\/connectors|src\/executor/],
    ["commands/run.ts", SERVERS],
    ["commands/sweep.ts", SERVERS],
    ["judge/run.ts", SERVERS],
  ])("%s", { timeout: 120_000 }, (module, spared) => {
    const modules = loaded(module);
    expect(modules.some((url) => url.endsWith("src/rehearsal/rehearse.ts"))).toBe(true);
    expect(modules.filter((url) => spared.test(url))).toEqual([]);
  });
});
