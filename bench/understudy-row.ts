/** Runs one row of the benchmark in our simulator: the row as JSON on stdin, summary and cost as JSON on stdout. */
import { readFileSync } from "node:fs";
import { simulate } from "#src/simulator";
import { dynosimSummary } from "../src/conformance/dynosim/summary.ts";
import type { BenchRow } from "./rows.ts";
import { benchSpec } from "./spec.ts";

const row = JSON.parse(readFileSync(0, "utf8")) as BenchRow;
const before = process.cpuUsage();
const result = simulate(await benchSpec(row));
const summary = dynosimSummary(result);
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
