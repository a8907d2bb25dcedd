import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { traceUnreadable } from "./errors.ts";
import { MAX_LINE_CHARS, type TraceOptions, TraceReader } from "./trace-reader.ts";
import type { Workload } from "./workload.ts";

/**
 * Reads a Mooncake trace (JSONL) from memory. Rows of one `session_id` are turns in file order: the first arrives at its
 * timestamp, each later one `delay_ms` after the one before ended (DynoSim's replay rule). Time 0 is the first request kept.
 * @param file name for messages @throws UserError SCENARIOS_TRACE_… with `file:line`
 */
export function parseTrace(text: string, file: string, options: TraceOptions = {}): Workload {
  const reader = new TraceReader(file, options);
  let start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (start < text.length && !reader.done) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    reader.line(text.slice(start, end));
    start = end + 1;
  }
  return reader.finish();
}

/**
 * Reads a trace file in pieces: memory holds the requests, not the file, and reading stops where the slice ends.
 * @throws UserError SCENARIOS_TRACE_… with `file:line`
 */
export function readTraceFile(path: string, options: TraceOptions = {}): Workload {
  const reader = new TraceReader(path, options);
  const handle = open(path);
  try {
    const buffer = new Uint8Array(2 ** 20);
    const decoder = new TextDecoder("utf-8");
    let rest = "";
    let first = true;
    while (!reader.done) {
      const bytes = readSync(handle, buffer);
      if (bytes === 0) break;
      if (first && buffer[0] === 0x1f && buffer[1] === 0x8b) {
        throw traceUnreadable(path, "gzip data", "unpack it first: gunzip FILE");
      }
      first = false;
      const lines = (rest + decoder.decode(buffer.subarray(0, bytes), { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (reader.done) break;
        reader.line(line);
      }
      if (rest.length > MAX_LINE_CHARS) reader.line(rest);
    }
    if (!reader.done && rest !== "") reader.line(rest);
  } finally {
    closeSync(handle);
  }
  return reader.finish();
}

function open(path: string): number {
  let handle: number;
  try {
    handle = openSync(path, "r");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw traceUnreadable(
      path,
      code === "ENOENT" ? "no such file" : `a file that cannot be opened (${code})`,
      "paths in a scenario are relative to the scenario's file",
    );
  }
  if (fstatSync(handle).isDirectory()) {
    closeSync(handle);
    throw traceUnreadable(path, "a directory");
  }
  return handle;
}
