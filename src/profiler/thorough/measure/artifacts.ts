import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "#common";
import { type LoadResult, loadRecord, writeArtifacts } from "#src/loadgen";
import { summarize } from "#src/report";
import type { SteadyState } from "./steady.ts";

/** What AIPerf writes of a run, and we do. */
export const EXPORT_FILE = "profile_export_aiperf.json";

/** What is read of a run's export: AIPerf's own, or ours. */
export interface RunFigures {
  ttftMs: { mean: number; min: number; max: number };
  itlMs: number;
  /** Output tokens per second. */
  tokensPerSecond: number;
  completed: number;
  steady: SteadyState | null;
}

/** Writes the files of a run into `folder`. Nothing in them is secret. @returns what `readFigures` will find */
export function writeRun(
  result: LoadResult,
  folder: string,
  steady: SteadyState | null,
  inputConfig: Record<string, unknown>,
): RunFigures {
  const summary = summarize(
    loadRecord(result, {
      name: "profiling",
      sla: { ttftMs: Number.POSITIVE_INFINITY, itlMs: Number.POSITIVE_INFINITY },
    }),
  );
  writeArtifacts(result, folder, { summary, goodput: null, inputConfig });
  const path = join(folder, EXPORT_FILE);
  const written = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  writeFileAtomically(path, `${JSON.stringify({ ...written, steady_state: asJson(steady) }, null, 2)}\n`);
  return readFigures(folder)!;
}

/** Figures of an earlier run whose export lies anywhere below `folder`; null where there is none, or it was cut off. */
export function readFigures(folder: string): RunFigures | null {
  const path = findExport(folder);
  if (path === null) return null;
  let found: Record<string, Record<string, number> | undefined> & { was_cancelled?: unknown };
  try {
    found = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
  const ttft = found.time_to_first_token;
  if (found.was_cancelled === true || !isNumber(ttft?.avg) || !isNumber(ttft.max)) return null;
  const steady = found.steady_state;
  return {
    ttftMs: { mean: ttft.avg, min: ttft.min ?? ttft.avg, max: ttft.max },
    itlMs: found.inter_token_latency?.avg ?? Number.NaN,
    tokensPerSecond: found.output_token_throughput?.avg ?? Number.NaN,
    completed: found.request_count?.avg ?? 0,
    steady:
      steady === undefined || steady === null
        ? null
        : {
            itlMs: steady.inter_token_latency!,
            tokensPerSecond: steady.output_token_throughput!,
            share: steady.request_share!,
            tokenShare: steady.token_share!,
          },
  };
}

function asJson(steady: SteadyState | null) {
  if (steady === null) return null;
  return {
    inter_token_latency: steady.itlMs,
    output_token_throughput: steady.tokensPerSecond,
    request_share: steady.share,
    token_share: steady.tokenShare,
  };
}

function findExport(folder: string): string | null {
  let entries: string[];
  try {
    entries = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return null;
  }
  const found = entries.filter((entry) => entry.split(/[\\/]/).at(-1) === EXPORT_FILE).sort();
  return found[0] === undefined ? null : join(folder, found[0]);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
