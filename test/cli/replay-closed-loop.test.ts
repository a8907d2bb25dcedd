import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runUnderstudy } from "./run-understudy.ts";

it("understudy replay --concurrency keeps so many requests of the trace in flight, whatever its timestamps say", () => {
  const folder = mkdtempSync(join(tmpdir(), "understudy-replay-"));
  const row = { timestamp: 0, input_length: 2000, output_length: 400 };
  writeFileSync(join(folder, "trace.jsonl"), `${JSON.stringify(row)}\n`.repeat(30));
  const { status, stdout } = runUnderstudy(
    folder,
    ...["replay", "trace.jsonl", "--profile", "h200-llama-3.1-8b-fp8-tp1-estimate", "--concurrency", "3", "--json"],
  );
  rmSync(folder, { recursive: true });
  expect(status).toBe(0);
  const report = JSON.parse(stdout) as { requests: { completed: number }; timeline: { runningRequests: number[] } };
  expect(report.requests.completed).toBe(30);
  expect(Math.max(...report.timeline.runningRequests)).toBe(3);
});
