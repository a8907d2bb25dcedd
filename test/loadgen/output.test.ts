import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  goodRequests,
  judgedRows,
  type LoadResult,
  loadRecord,
  outcomeText,
  parseGoodput,
  vllmText,
  writeArtifacts,
} from "#src/loadgen";
import { GapSketch, RequestStatus } from "#src/record";
import { summarize } from "#src/report";
import { dependenciesOf } from "../../scenarios/workload/dependencies.ts";
import { loadColumns } from "../../src/loadgen/columns.ts";
import { openLoop } from "./made-load.ts";

/** Five requests: two complete, one failed, one cancelled, one never sent. */
function madeResult(): LoadResult {
  const columns = loadColumns(5, false);
  const { requests, details } = columns;
  const gaps = new GapSketch();
  requests.isl.fill(20);
  requests.arrivalMs.set([0, 10, 20, 30]);
  details.sentMs.set([0, 11, 20, 30]);
  details.respondedMs.set([1, 12, 21, 31]);
  details.endedMs.set([130, 240, 22, 60]);
  const rows: [number, number, number, number, number][] = [
    [0, 50, 60, 130, 9],
    [1, 110, 120, 240, 14],
  ];
  for (const [row, first, second, last, tokens] of rows) {
    requests.firstTokenMs[row] = first;
    requests.secondTokenMs[row] = second;
    requests.lastTokenMs[row] = last;
    requests.outputTokens[row] = tokens;
    requests.status[row] = RequestStatus.completed;
    gaps.add((last - first) / (tokens - 1), tokens - 1);
  }
  requests.status[2] = RequestStatus.failed;
  details.cancelled[3] = 1;
  requests.decodeWorker[0] = 2;
  return {
    workload: openLoop([0, 10, 20, 30, 40], 20, 9),
    runId: "run",
    ...columns,
    gaps: gaps.statistics(),
    counts: { sent: 4, completed: 2, rejected: 0, failed: 1, unfinished: 0, cancelled: 1 },
    failures: [{ request: 2, kind: "server", status: 503, message: "status 503: no workers" }],
    retries: { endedMs: Float64Array.of(25), sentMs: Float64Array.of(28) },
    lateness: { count: 4, meanMs: 0.25, p99Ms: 1, maxMs: 1, loopDelayMs: 0 },
    endMs: 240,
    startMs: 1000,
    startUnixMs: 1_700_000_000_000,
    timeScale: 2,
    connections: 3,
    aborted: false,
    warnings: [],
  };
}

describe("a load run as a record", () => {
  it("has the requests that were sent, without those that the client gave up on purpose", () => {
    const result = madeResult();
    expect([...judgedRows(result)]).toEqual([0, 1, 2]);
    const record = loadRecord(result, {
      name: "x",
      sla: { ttftMs: 60, itlMs: 11 },
      feasible: Uint8Array.of(1, 1, 0, 1, 1),
    });
    expect([...record.requests.arrivalMs]).toEqual([0, 10, 20]);
    expect([...record.requests.status]).toEqual([0, 0, 2]);
    expect([...record.feasible]).toEqual([1, 1, 0]);
    expect(record).toMatchObject({ mode: "agg", durationMs: 240, endMs: 240, workers: [] });
    expect(record.timeline.requestRate).toEqual([(5 / 240) * 1000]);
    const summary = summarize(record);
    expect(summary.metrics.ttftMs.mean).toBe(75);
    expect(summary.attainment).toMatchObject({ judged: 2, good: 1 });
  });

  it("is disaggregated where a prefill worker is named", () => {
    const result = madeResult();
    result.requests.prefillWorker[1] = 0;
    expect(loadRecord(result, { name: "x", sla: { ttftMs: 1, itlMs: 1 } }).mode).toBe("disagg");
  });
});

describe("goodput", () => {
  it.each([
    ["time_to_first_token:60", 1],
    ["time_to_first_token:100 inter_token_latency:10", 2],
    ["ttft:100,tpot:9.99", 0],
    ["request_latency:130", 1],
    ["output_token_throughput_per_user:100", 2],
    ["output_token_throughput_per_user:101", 0],
    ["time_to_second_token:9", 0],
  ])("%s is kept by %i requests", (limits, good) => {
    expect(goodRequests(madeResult().requests, parseGoodput(limits))).toBe(good);
  });

  it("is not missed for want of a second token", () => {
    const { requests } = madeResult();
    requests.outputTokens[0] = 1;
    requests.lastTokenMs[0] = requests.firstTokenMs[0]!;
    requests.secondTokenMs[0] = Number.NaN;
    expect(goodRequests(requests, parseGoodput("inter_token_latency:1 time_to_second_token:1"))).toBe(1);
  });

  it.each(["time_to_first_tokn:250", "time_to_first_token", "ttft:0", "ttft:x"])("refuses %j", (text) => {
    expect(() => parseGoodput(text)).toThrow(expect.objectContaining({ code: "LOADGEN_BAD_GOODPUT" }));
  });
});

describe("files", () => {
  const write = (result: LoadResult) => {
    const dir = mkdtempSync(join(tmpdir(), "understudy-load-"));
    const summary = summarize(loadRecord(result, { name: "m", sla: { ttftMs: 60, itlMs: 11 } }));
    const goodput = { good: 1, perSecond: 4.5 };
    writeArtifacts(result, dir, { summary, goodput, inputConfig: { model: "m", requestRate: 5 } });
    const [jsonl, json, csv] = ["profile_export.jsonl", "profile_export_aiperf.json", "profile_export_aiperf.csv"].map(
      (name) => readFileSync(join(dir, name), "utf8"),
    );
    rmSync(dir, { recursive: true });
    return { jsonl: jsonl!, json: JSON.parse(json!) as Record<string, Record<string, unknown>>, csv: csv! };
  };

  it("profile_export.jsonl has a line per request that was sent", () => {
    const lines = write(madeResult())
      .jsonl.trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { metadata: Record<string, unknown>; metrics: unknown; error: unknown });
    expect(lines.map(({ metadata }) => metadata.x_request_id)).toEqual(["run-0", "run-1", "run-2", "run-3"]);
    expect(lines[1]).toMatchObject({
      // 10 ms of model time are 5 ms at a time scale of 2.
      metadata: { session_num: 1, turn_index: 0, was_cancelled: false, request_start_ns: 1_700_000_000_005_000_000 },
      metrics: {
        time_to_first_token: { value: 100, unit: "ms" },
        request_latency: { value: 230, unit: "ms" },
        inter_token_latency: { value: 10, unit: "ms" },
        output_sequence_length: { value: 14, unit: "tokens" },
        schedule_lateness: { value: 1, unit: "ms" },
      },
      error: null,
    });
    expect(lines[2]).toMatchObject({
      metrics: null,
      error: { code: 503, type: "server", message: "status 503: no workers" },
    });
    expect(lines[3]).toMatchObject({
      metadata: { was_cancelled: true, cancellation_time_ns: 1_700_000_000_030_000_000 },
      error: { code: 499, type: "cancelled" },
    });
  });

  it("profile_export.jsonl has one session for requests that wait for each other", () => {
    const result = madeResult();
    const edge = { delayMs: 0, onStart: false };
    const edges = [
      { ...edge, parent: 0, child: 2 },
      { ...edge, parent: 1, child: 3 },
    ];
    const { jsonl } = write({ ...result, workload: { ...result.workload, dependencies: dependenciesOf(edges, 5) } });
    const lines = jsonl.trim().split("\n");
    const records = lines.map((line) => JSON.parse(line) as { metadata: { session_num: number } });
    expect(records.map(({ metadata }) => metadata.session_num)).toEqual([0, 1, 0, 1]);
  });

  it("profile_export_aiperf.json has the metrics by AIPerf's tags, and what the generator did", () => {
    const { json } = write(madeResult());
    expect(json.time_to_first_token).toMatchObject({ unit: "ms", avg: 75, min: 50, max: 100, p50: 75 });
    expect(json.request_count).toEqual({ unit: "requests", avg: 2 });
    expect(json.goodput).toEqual({ unit: "requests/sec", avg: 4.5 });
    expect(json.error_request_count).toEqual({ unit: "requests", avg: 1 });
    expect(json.schedule_lateness).toEqual({ unit: "ms", avg: 0.25, p99: 1, max: 1 });
    expect(json.input_config).toEqual({ model: "m", requestRate: 5 });
    expect(json.error_summary).toEqual([{ error_details: { message: "server: status 503: no workers" }, count: 1 }]);
    expect(json.start_time).toBe("2023-11-14T22:13:20.000Z");
  });

  it("profile_export_aiperf.csv has two sections", () => {
    const [head, ...lines] = write(madeResult()).csv.split("\r\n");
    expect(head).toBe("Metric,avg,min,max,sum,p1,p5,p10,p25,p50,p75,p90,p95,p99,std");
    expect(lines).toContainEqual(expect.stringMatching(/^Time to First Token \(ms\),75\.00,50\.00,100\.00,150\.00,/));
    const second = lines.indexOf("Metric,Value");
    expect(lines[second - 1]).toBe("");
    expect(lines.slice(second + 1)).toContain("Request Count,2");
    expect(lines.slice(second + 1)).toContain("Goodput (requests/sec),4.50");
  });
});

describe("text", () => {
  it("vLLM's block has its lines and widths", () => {
    const result = madeResult();
    const summary = summarize(loadRecord(result, { name: "m", sla: { ttftMs: 60, itlMs: 11 } }));
    const text = vllmText(summary, { gaps: result.gaps, failed: 1, requestRate: 5, goodput: 4.5 });
    const lines = text.trimEnd().split("\n");
    expect(lines[0]).toBe("============ Serving Benchmark Result ============");
    expect(lines).toContain("Successful requests:                     2         ");
    expect(lines).toContain("Failed requests:                         1         ");
    expect(lines).toContain("Request rate configured (RPS):           5.00      ");
    expect(lines).toContain("Total generated tokens:                  23        ");
    expect(lines).toContain("---------------Time to First Token----------------");
    expect(lines).toContain("-----Time per Output Token (excl. 1st token)------");
    expect(lines).toContain("Mean TTFT (ms):                          75.00     ");
    expect(lines.at(-1)).toBe("=".repeat(50));
  });

  it("the outcome names what failed, how often, and how late the generator was", () => {
    const text = outcomeText(madeResult(), { good: 1, perSecond: 4.5 });
    expect(text).toContain("4 sent · 2 completed · 1 failed · 1 cancelled by the client · 1 sent once more");
    expect(text).toContain("4.50 good req/s · 1 good (25.00 % of those sent)");
    expect(text).toContain("late by 0.3 ms on average, p99 1 ms, at most 1 ms · 3 connections · time scale 2");
    expect(text).toContain("1 × server: status 503: no workers");
  });
});
