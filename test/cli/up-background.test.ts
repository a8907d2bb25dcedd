import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { StateFolder } from "#src/deployment";
import { startInBackground } from "../../src/cli/commands/up/background.ts";

/** Says where its control API is, as a runner does before it has begun anything; when it has been looked at, it ends or has begun. */
const RUNNER = `
import { existsSync, writeFileSync } from "node:fs";
const [controlFile, lookedAt, then] = process.argv.slice(2);
const say = (hasStarted) => writeFileSync(controlFile, JSON.stringify({
  url: "http://127.0.0.1:1", tokenFile: "token", pid: process.pid, hasStarted,
}));
say(false);
const look = setInterval(() => {
  if (!existsSync(lookedAt)) return;
  clearInterval(look);
  if (then === "begin") return say(true);
  console.error("a note\\nerror: --port: port 1 is taken");
  process.exitCode = 2;
}, 10);
`;

/** Leaves a file when somebody has found the control file twice. */
class WatchedFolder extends StateFolder {
  #looks = 0;

  get lookedAt(): string {
    return join(this.path, "looked-at");
  }

  override get controlFile(): string {
    const file = super.controlFile;
    if (existsSync(file) && ++this.#looks === 2) writeFileSync(this.lookedAt, "");
    return file;
  }
}

let state: WatchedFolder;
const argv = [...process.argv];
beforeEach(() => {
  state = new WatchedFolder(mkdtempSync(join(tmpdir(), "understudy-background-")));
  const script = join(state.path, "runner.mjs");
  writeFileSync(script, RUNNER);
  process.argv[1] = script;
});
afterEach(() => {
  process.argv.splice(0, process.argv.length, ...argv);
  rmSync(state.path, { recursive: true });
});

const start = (then: "begin" | "end") => startInBackground(state, [state.controlFile, state.lookedAt, then], "");

it("is there when it has begun what it was started for", async () => {
  expect(await start("begin")).toBeGreaterThan(0);
  expect(existsSync(state.lookedAt)).toBe(true);
});

it("ends with the runner's error and exit code where the runner ends after its control API answers", async () => {
  await expect(start("end")).rejects.toMatchObject({
    code: "RUNNER_DID_NOT_START",
    message: "the runner in the background ended: --port: port 1 is taken",
    exitCode: 2,
  });
});
