import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "#common";
import { openPlannerLog } from "../../src/cli/planner/log-file.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-planner-log-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const now = () => new Date("2026-01-02T03:04:05.678Z");

function opened(at: string | null, mostBytes?: number) {
  const told: string[] = [];
  const log = openPlannerLog({
    folder: at,
    place: "planner.yaml:2:1 (log_dir)",
    terminal: (line) => told.push(line),
    now,
    ...(mostBytes === undefined ? {} : { mostBytes }),
  });
  return { log, told };
}

describe("log_dir", () => {
  it("has the service's lines in planner.log, beside the terminal, and keeps those of earlier runs", () => {
    const at = join(folder, "made", "for it");
    for (let run = 0; run < 2; run++) {
      const { log, told } = opened(at);
      log.info("strategy default");
      log.warn("two\n  lines");
      log.failed("it ended");
      log.close();
      expect(told).toEqual(["strategy default", "warning: two\n  lines"]);
    }
    const once = [
      "2026-01-02T03:04:05.678Z INFO strategy default",
      "2026-01-02T03:04:05.678Z WARNING two lines",
      "2026-01-02T03:04:05.678Z ERROR it ended",
    ];
    expect(readFileSync(join(at, "planner.log"), "utf8").trim().split("\n")).toEqual([...once, ...once]);
  });

  it("is bounded: a file that is full is set aside, and the oldest goes", () => {
    const at = join(folder, "full");
    const { log } = opened(at, 50);
    for (let line = 1; line <= 20; line++) log.info(`line ${line}, which is long enough`);
    log.close();
    const files = readdirSync(at).sort();
    expect(files).toEqual(["planner.log", "planner.log.1", "planner.log.2", "planner.log.3", "planner.log.4"]);
    const lines = files.map((file) => readFileSync(join(at, file), "utf8").trim().split("\n").length);
    expect(lines).toEqual([1, 1, 1, 1, 1]);
    expect(readFileSync(join(at, "planner.log"), "utf8")).toContain("line 20,");
    expect(readFileSync(join(at, "planner.log.4"), "utf8")).toContain("line 16,");
  });

  it("is refused where there can be no such folder, by its field", () => {
    writeFileSync(join(folder, "file"), "");
    let error: unknown;
    try {
      opened(join(folder, "file"));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ code: "PLANNER_LOG_DIR", where: "planner.yaml:2:1 (log_dir)", exitCode: 2 });
    expect((error as Error).message).toContain(join(folder, "file"));
  });

  it("null: the terminal alone", () => {
    const { log, told } = opened(null);
    log.info("said");
    log.failed("not said twice");
    log.close();
    expect(told).toEqual(["said"]);
  });
});
