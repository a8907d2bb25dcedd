import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RequestStatus, type RunRecord } from "#src/record";
import { REPORT_FILES, type ReportKind, reportSchema, summarize, writeReports } from "#src/report";
import { simulate } from "#src/simulator";
import { randomCase, specOf } from "../simulator/random-spec.ts";
import { recordOf } from "./record.ts";
import { syntheticRun } from "./synthetic-run.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "understudy-report-"));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const ALL_KINDS = Object.keys(REPORT_FILES) as ReportKind[];

function written(kind: ReportKind): string {
  return readFileSync(join(dir, REPORT_FILES[kind]), "utf8");
}

function withExpectations(): RunRecord {
  const record = syntheticRun({ requests: 500, minutes: 5 });
  record.name = 'night <shift> & "co"';
  record.expectations = [
    { name: "slaAttainment", expected: ">= 0.9", actual: "0.99", passed: true },
    { name: "gpuHours", expected: "<= 0.1", actual: "0.5", passed: false, where: "a.yaml:3:5", message: "5 × as much" },
  ];
  return record;
}

describe("writeReports", () => {
  it("writes the same bytes for the same run, file by file", () => {
    const hashes = [0, 1].map(() => {
      writeReports(syntheticRun({ requests: 3000 }), dir, { kinds: ALL_KINDS, metadata: { startedAt: "now" } });
      const names = readdirSync(dir).sort();
      return names.map(
        (name) =>
          `${name} ${createHash("sha256")
            .update(readFileSync(join(dir, name)))
            .digest("hex")}`,
      );
    });
    expect(hashes[0]).toHaveLength(ALL_KINDS.length);
    expect(hashes[1]).toEqual(hashes[0]);
  });

  it("leaves nothing but the files it names, and makes missing folders", () => {
    const deep = join(dir, "a", "b");
    const files = writeReports(syntheticRun({ requests: 50 }), deep);
    expect(readdirSync(deep).sort()).toEqual(files.map(({ kind }) => REPORT_FILES[kind]).sort());
  });

  it("writes JUnit only where something was expected and run.json only where there is metadata", () => {
    const kinds = (record: RunRecord, metadata?: Record<string, unknown>) =>
      writeReports(record, dir, metadata === undefined ? {} : { metadata }).map(({ kind }) => kind);
    expect(kinds(syntheticRun({ requests: 50 }))).not.toContain("junit");
    expect(kinds(withExpectations(), { startedAt: "2026-01-01" })).toEqual(
      expect.arrayContaining(["junit", "metadata"]),
    );
  });
});

describe("report.json", () => {
  it("holds the summary, with null where there is no number", () => {
    const record = syntheticRun({ requests: 300 });
    writeReports(record, dir, { kinds: ["json"] });
    const report = JSON.parse(written("json"));
    const summary = summarize(record);
    expect(report.schema).toBe("understudy-report/1");
    expect(report.metrics.ttftMs.p99).toBe(summary.metrics.ttftMs.p99);
    expect(report.timeline.requestRate).toEqual(record.timeline.requestRate);
    expect(report.bestStatic).toBeNull();
    expect(reportSchema.safeParse(report).error).toBeUndefined();
    record.requests.status.fill(1);
    writeReports(record, dir, { kinds: ["json"] });
    expect(JSON.parse(written("json")).metrics.ttftMs.p99).toBeNull();
    expect(reportSchema.safeParse(JSON.parse(written("json"))).error).toBeUndefined();
  });

  it("follows its schema with everything that a run can have", () => {
    const record = withExpectations();
    const found = { prefill: 4, decode: 3, attainment: 0.995, goodputPerGpu: 1.5, gpuHours: 3.5 };
    record.bestStatic = { floor: 0.99, maxGpus: 12, tried: 66, atFloor: found, any: null };
    writeReports(record, dir, { kinds: ["json"] });
    const report = JSON.parse(written("json"));
    expect(reportSchema.safeParse(report).error).toBeUndefined();
    expect(reportSchema.safeParse({ ...report, surprise: 1 }).success).toBe(false);
  });

  it("follows its schema for whatever the simulator runs", () => {
    fc.assert(
      fc.property(randomCase, (random) => {
        writeReports(simulate({ ...specOf({ ...random, quirks: [] }), engine: "skipping" }), dir, { kinds: ["json"] });
        expect(reportSchema.safeParse(JSON.parse(written("json"))).error).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  it("keeps decisions apart, a line each, with all that led to them", () => {
    const record = syntheticRun({ requests: 300 });
    writeReports(record, dir, { kinds: ["decisions"] });
    const lines = written("decisions").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(record.decisions);
  });
});

describe("per-request rows", () => {
  it("agree between CSV, Parquet and the table", async () => {
    const record = recordOf([
      { arrivalMs: 10.123456789, ttftMs: 100, itlMs: 8, osl: 101 },
      { arrivalMs: 20, ttftMs: 0, itlMs: 0, osl: 1, status: RequestStatus.rejected, feasible: false },
      { arrivalMs: 30, ttftMs: 250, itlMs: 0, osl: 1 },
      ...Array.from({ length: 997 }, (_, i) => ({
        arrivalMs: 40 + i / 3,
        ttftMs: i / 7,
        itlMs: 1 + i / 100,
        osl: 2 + i,
      })),
    ]);
    writeReports(record, dir, { kinds: ["csv", "parquet"] });
    const file = await asyncBufferFromFile(join(dir, REPORT_FILES.parquet));
    const rows = await parquetReadObjects({ file });
    const [heading, ...lines] = written("csv").trimEnd().split("\n");
    const names = heading!.split(",");
    expect(rows).toHaveLength(1000);
    expect(lines).toHaveLength(1000);
    expect(Object.keys(rows[0]!)).toEqual(names);
    rows.forEach((row, i) => {
      lines[i]!.split(",").forEach((cell, c) => {
        const value = row[names[c]!];
        const name = `row ${i} ${names[c]}`;
        if (value === null) expect(cell, name).toBe("");
        else if (typeof value === "number") expect(Math.abs(Number(cell) - value), name).toBeLessThan(1e-6);
        else expect(cell, name).toBe(String(value));
      });
      expect(row.arrival_ms).toBe(record.requests.arrivalMs[i]);
    });
    expect(rows[0]).toMatchObject({
      status: "completed",
      ttft_ms: 100,
      itl_ms: 8,
      prefill_worker: null,
      itl_met: true,
    });
    expect(rows[1]).toMatchObject({ status: "rejected", ttft_ms: null, feasible: false, ttft_met: false });
    expect(rows[2]).toMatchObject({ ttft_met: false, itl_ms: null, itl_met: true });
  });

  it("are complete across row groups", async () => {
    const record = syntheticRun({ requests: 100_500 });
    writeReports(record, dir, { kinds: ["parquet"] });
    const file = await asyncBufferFromFile(join(dir, REPORT_FILES.parquet));
    const rows = await parquetReadObjects({ file, columns: ["request"], rowStart: 99_990 });
    expect(rows.map((row) => row.request)).toEqual(Array.from({ length: 510 }, (_, i) => 99_990 + i));
  });
});

describe("junit.xml", () => {
  it("has a case per expectation, and says of a failed one what was found and where it stands", () => {
    writeReports(withExpectations(), dir, { kinds: ["junit"] });
    expect(written("junit")).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <testsuites name="understudy" tests="2" failures="1" errors="0">
        <testsuite name="night &lt;shift&gt; &amp; &quot;co&quot;" tests="2" failures="1" errors="0">
          <testcase classname="night &lt;shift&gt; &amp; &quot;co&quot;" name="slaAttainment &gt;= 0.9"/>
          <testcase classname="night &lt;shift&gt; &amp; &quot;co&quot;" name="gpuHours &lt;= 0.1">
            <failure message="gpuHours is 0.5, expected &lt;= 0.1">a.yaml:3:5
      5 × as much</failure>
          </testcase>
        </testsuite>
      </testsuites>
      "
    `);
  });
});

describe("the AIPerf export", () => {
  it("has AIPerf's tags, units and percentiles", () => {
    const record = syntheticRun({ requests: 400 });
    writeReports(record, dir, { kinds: ["aiperf"] });
    const exported = JSON.parse(written("aiperf"));
    expect(Object.keys(exported.inter_token_latency)).toEqual(
      "unit avg p1 p5 p10 p25 p50 p75 p90 p95 p99 min max std".split(" "),
    );
    expect(exported.time_to_first_token.avg).toBe(summarize(record).metrics.ttftMs.mean);
    expect(exported.request_count).toEqual({ unit: "requests", avg: summarize(record).requests.completed });
  });
});
