import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ResultStore, type RunOutcome } from "#src/study";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-store-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const OUTCOME: RunOutcome = { seed: 7, passed: true, measures: { goodput: 0.1 + 0.2, "ttft.p99": 1e-17 } };

describe("the store of results", () => {
  it("gives back exactly what was put in, in another process's time", () => {
    const file = join(folder, "deeper", "sweep.sqlite");
    const store = ResultStore.open(file, false);
    store.put({ key: "a", candidate: "x=1", seed: 7, outcome: OUTCOME });
    store.put({ key: "b", candidate: "x=2", seed: null, outcome: { refused: "no", code: "NO" } });
    // Another reader sees it while the writer is at work.
    const reader = ResultStore.open(file, true);
    expect(reader.get("a")).toEqual(OUTCOME);
    reader.close();
    store.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
    const again = ResultStore.open(file, true);
    expect(again.get("a")).toEqual(OUTCOME);
    expect(again.get("b")).toEqual({ refused: "no", code: "NO" });
    expect(again.get("c")).toBeUndefined();
    again.close();
  });

  it("is not begun over another, and refuses what is none", () => {
    const file = join(folder, "sweep.sqlite");
    ResultStore.open(file, false).close();
    expect(() => ResultStore.open(file, false)).toThrow(expect.objectContaining({ code: "STUDY_STORE_TAKEN" }));
    writeFileSync(file, "something else that is long enough to be looked at ".repeat(40));
    expect(() => ResultStore.open(file, true)).toThrow(expect.objectContaining({ code: "STUDY_STORE_UNREADABLE" }));
  });
});
