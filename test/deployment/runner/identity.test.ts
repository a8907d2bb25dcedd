import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { identityOf, isAlive, processesWith } from "../../../src/deployment/runner/identity.ts";
import { waitFor } from "../../integration/processes.ts";

it("a process is told apart by its start, and found by its environment", async () => {
  const own = identityOf(process.pid)!;
  expect(isAlive(own)).toBe(true);
  expect(isAlive({ ...own, startTime: "earlier" })).toBe(false);
  const mark = `mark-${process.pid}`;
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
    env: { UNDERSTUDY_TEST_MARK: mark },
    stdio: "ignore",
  });
  const found = await waitFor("the child to be found", () => processesWith("UNDERSTUDY_TEST_MARK", mark)[0]);
  expect(found.pid).toBe(child.pid);
  expect(processesWith("UNDERSTUDY_TEST_MARK", mark.slice(0, -1))).toEqual([]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isAlive(found)).toBe(false);
  expect(processesWith("UNDERSTUDY_TEST_MARK", mark)).toEqual([]);
});
