/** Runs one row of the benchmark in our simulator: the row as JSON on stdin, summary and cost as JSON on stdout. */
import { readFileSync } from "node:fs";
import { parseDynosimCase, replayDynosimCase, replaySummary } from "#src/conformance";
import type { BenchRow } from "./rows.ts";

const row = JSON.parse(readFileSync(0, "utf8")) as BenchRow;
const run = parseDynosimCase(
  {
    name: row.name,
    call: { args: row.args, kwargs: row.kwargs },
    normalized_engine_args: row.engines,
    summary: {},
    per_request: [],
  },
  row.name,
);
const before = process.cpuUsage();
const { result } = replayDynosimCase(run);
const summary = replaySummary(run, result);
const spent = process.cpuUsage(before);
const total = process.resourceUsage();
const { passes, steadyPasses, skippedPasses, preemptions, prefixHitTokens } = result.engine;
process.stdout.write(
  JSON.stringify({
    summary,
    perRequestRows: result.requests.count,
    runCpuSeconds: (spent.user + spent.system) / 1e6,
    processCpuSeconds: (total.userCPUTime + total.systemCPUTime) / 1e6,
    peakRssBytes: total.maxRSS * 1024,
    passes,
    steadyPasses,
    skippedPasses,
    preemptions,
    prefixHitTokens,
  }),
);
