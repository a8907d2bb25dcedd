import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadHistory, readRequestTrace } from "#planner/traces";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "request-trace-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const mooncake = (timestamp: number, input_length = 100) =>
  `${JSON.stringify({ timestamp, input_length, output_length: 10, hash_ids: [1] })}\n`;
const dynamo = (request_received_ms: number, input_length = 100) =>
  `${JSON.stringify({
    schema: "dynamo.request.trace.v1",
    event_type: "request_end",
    request: { request_received_ms, output_tokens: 10, replay: { input_length } },
  })}\n`;

describe("a request trace", () => {
  it("is read in Mooncake's format on its own clock, in any order", () => {
    const path = file("trace.jsonl", `${mooncake(70_000)}${mooncake(5000, 300)}\n`);
    expect(readRequestTrace(path)).toEqual([
      { timestampMs: 70_000, isl: 100, osl: 10 },
      { timestampMs: 5000, isl: 300, osl: 10 },
    ]);
  });

  it("is read in Dynamo's format: requests alone, relative to the earliest, bare or wrapped by the recorder", () => {
    const tool = `${JSON.stringify({ schema: "dynamo.request.trace.v1", event_type: "tool_end", tool: {} })}\n`;
    const wrapped = `${JSON.stringify({ timestamp: 1, event: JSON.parse(dynamo(1_700_000_002_000)) })}\n`;
    const path = file("trace.jsonl", dynamo(1_700_000_005_000) + tool + wrapped);
    expect(readRequestTrace(path).map(({ timestampMs }) => timestampMs)).toEqual([3000, 0]);
  });

  it("is read packed, cut in segments, by folder and by glob", () => {
    const packed = gzipSync(mooncake(1000));
    file("b.jsonl.gz", Buffer.concat([packed, gzipSync(mooncake(2000))]));
    file("a.jsonl", mooncake(0));
    file("notes.txt", "no trace");
    const times = (path: string) => readRequestTrace(path).map(({ timestampMs }) => timestampMs);
    expect(times(folder)).toEqual([0, 1000, 2000]);
    expect(times(join(folder, "*.gz"))).toEqual([1000, 2000]);
  });

  it("is refused by file and line where a line says nothing of a request", () => {
    const path = file("trace.jsonl", `${mooncake(0)}{"timestamp":1,"input_length":"long","output_length":1}\n`);
    expect(() => readRequestTrace(path)).toThrowError(
      expect.objectContaining({ code: "PLANNER_TRACE_BAD_LINE", where: `${path}:2` }),
    );
    expect(() => readRequestTrace(file("text.jsonl", "hello\n"))).toThrowError(
      expect.objectContaining({ code: "PLANNER_TRACE_BAD_LINE" }),
    );
  });

  it("is refused where there is none: no file, an empty one, an empty folder, damaged gzip", () => {
    const empty = join(folder, "empty");
    mkdirSync(empty);
    const cut = file("cut.jsonl.gz", gzipSync(mooncake(0).repeat(2000)).subarray(0, 60));
    for (const path of [join(folder, "none.jsonl"), join(folder, "*.none"), file("nothing.jsonl", "\n"), empty, cut]) {
      expect(() => readRequestTrace(path)).toThrowError(expect.objectContaining({ code: "PLANNER_TRACE_UNREADABLE" }));
    }
  });
});

describe("load history", () => {
  it("shows intervals without requests as zero requests without lengths", () => {
    const request = (timestampMs: number, isl: number) => ({ timestampMs, isl, osl: 10 });
    expect(
      loadHistory([request(130_000, 200), request(61_000, 100), request(200_000, 7), request(62_000, 300)], 60),
    ).toEqual([
      { requests: 2, isl: 200, osl: 10 },
      { requests: 1, isl: 200, osl: 10 },
      { requests: 1, isl: 7, osl: 10 },
    ]);
    expect(loadHistory([request(0, 1), request(130_000, 1)], 60)[1]).toEqual({
      requests: 0,
      isl: Number.NaN,
      osl: Number.NaN,
    });
  });
});
