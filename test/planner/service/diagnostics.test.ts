import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Diagnostics, type DiagnosticsOptions, LOG_SCHEMA } from "#planner/service";
import { madeService } from "./made-service.ts";

let folder: string;
const said: string[] = [];
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "understudy-diagnostics-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function made(more: Partial<DiagnosticsOptions> = {}) {
  return new Diagnostics({
    folder: join(folder, "reports"),
    filename: null,
    writeLog: true,
    metadata: { strategy: "made" },
    page: () => "<p>report</p>",
    nowUnixMs: () => Date.UTC(2026, 2, 1, 12, 30, 5),
    warn: (text) => said.push(text),
    ...more,
  });
}

async function ticks(count: number) {
  const all = madeService([{ prefill: 2, decode: 1 }]);
  await all.service.start();
  await all.clock.advance(5000 * count);
  await all.service.stop();
  return all.snapshots;
}

describe("diagnostics", () => {
  it("leave a report and the log of its ticks, under Dynamo's names", async () => {
    const diagnostics = made();
    for (const snapshot of await ticks(3)) diagnostics.record(snapshot);
    // Nothing has its name before it is whole.
    expect(readdirSync(join(folder, "reports")).filter((name) => !name.startsWith("."))).toEqual([]);
    const paths = await diagnostics.report();
    expect(paths.map((path) => path.split("/").at(-1))).toEqual([
      "planner_report_20260301_123005_001.html",
      "planner_report_20260301_123005_001.log.jsonl.gz",
    ]);
    expect(readFileSync(paths[0]!, "utf8")).toBe("<p>report</p>");
    const lines = gunzipSync(readFileSync(paths[1]!))
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ kind: "metadata", schema: LOG_SCHEMA, strategy: "made" });
    expect(lines.slice(1).map(({ kind, tick, action }) => [kind, tick, action.status])).toEqual([
      ["snapshot", 1, "applied"],
      ["snapshot", 2, "no-decision"],
      ["snapshot", 3, "no-decision"],
    ]);
    expect(readdirSync(join(folder, "reports"))).toHaveLength(2);
  });

  it("number reports, and begin a log anew for each", async () => {
    const diagnostics = made({ filename: "mine.html" });
    const snapshots = await ticks(2);
    diagnostics.record(snapshots[0]!);
    await diagnostics.report();
    diagnostics.record(snapshots[1]!);
    const [report, log] = await diagnostics.report();
    expect(report).toMatch(/mine_002\.html$/);
    expect(gunzipSync(readFileSync(log!)).toString().trimEnd().split("\n")).toHaveLength(2);
    expect(readdirSync(join(folder, "reports")).sort()).toEqual([
      "mine.html",
      "mine.log.jsonl.gz",
      "mine_002.html",
      "mine_002.log.jsonl.gz",
    ]);
  });

  it("write each report of the ticks since the one before, and none where there were none", async () => {
    const from: number[] = [];
    const page = (afterTick: number) => {
      from.push(afterTick);
      return "";
    };
    const diagnostics = made({ page, writeLog: false });
    expect(await diagnostics.report()).toEqual([]);
    const [first, second, third] = await ticks(3);
    for (const snapshot of [first!, second!]) diagnostics.record(snapshot);
    await diagnostics.report();
    diagnostics.record(third!);
    await diagnostics.report();
    expect(await diagnostics.report()).toEqual([]);
    expect(from).toEqual([0, 2]);
  });

  it("write no log where none is wanted", async () => {
    const diagnostics = made({ writeLog: false });
    for (const snapshot of await ticks(1)) diagnostics.record(snapshot);
    expect(await diagnostics.report()).toHaveLength(1);
  });

  it("a log that can't be written ends no planner: it is told once, and begins anew with the next report", async () => {
    said.splice(0);
    const diagnostics = made();
    const [first, second, third] = await ticks(3);
    rmSync(join(folder, "reports"), { recursive: true });
    diagnostics.record(first!);
    await vi.waitFor(() => expect(said).toHaveLength(1));
    expect(said[0]).toMatch(/the log of ticks can't be written.*ENOENT/);
    diagnostics.record(second!);
    expect(await diagnostics.report()).toHaveLength(1);
    diagnostics.record(third!);
    const [, log] = await diagnostics.report();
    const lines = gunzipSync(readFileSync(log!)).toString().trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).tick)).toEqual([undefined, 3]);
    expect(said).toHaveLength(1);
  });
});
