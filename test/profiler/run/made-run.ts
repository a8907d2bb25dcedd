import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { onTestFinished } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import type { ModelFacts } from "#src/estimator";
import {
  type ConsoleLine,
  type ProfilingRequest,
  type ProfilingResult,
  profile,
  type RunServices,
  readProfilingRequest,
} from "#src/profiler";
import { type Calls, type MadeSourceOptions, madeSource } from "../made-engines.ts";

export const QWEN: ModelFacts = {
  id: "Qwen/Qwen3-32B",
  origin: "built-in",
  architecture: "Qwen3ForCausalLM",
  family: "llama",
  layers: 64,
  hiddenSize: 5120,
  heads: 64,
  kvHeads: 8,
  headSize: 128,
  intermediateSize: 25_600,
  vocabSize: 151_936,
  qkNorm: true,
  tiedEmbeddings: false,
  formats: { gemm: "bfloat16", moe: "bfloat16" },
  maxContextLength: 40_960,
  weightMib: 62_500,
  weightSource: "sizes",
  parameters: 32.8e9,
  needsRemoteCode: false,
};

export interface MadeRun {
  folder: string;
  request: ProfilingRequest;
  calls: Calls;
  lines: ConsoleLine[];
  /** Rejects where the run does. */
  result: Promise<ProfilingResult>;
}

export interface MadeRunOptions extends Partial<Omit<RunServices, "now" | "openSource">> {
  folder?: string;
  source?: MadeSourceOptions;
  /** Of the clock, ms, from one look to the next. */
  tickMs?: number;
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "understudy-profile-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs the pipeline over made engines, for a request in flags (`--isl 3000`, without dashes) or a document. */
export function madeRun(
  flags: Readonly<Record<string, string | true>>,
  { folder = temporaryFolder(), source: options, tickMs = 0, ...services }: MadeRunOptions = {},
): MadeRun {
  const { config, dialect, ...rest } = flags;
  const request = readProfilingRequest({
    flags: [...Object.entries({ ...rest, "output-dir": folder })].map(([name, value]) => ({
      flag: `--${name}`,
      name,
      value,
    })),
    ...(typeof config === "string" ? { config } : {}),
    ...(typeof dialect === "string" ? { dialect } : {}),
  });
  const { source, calls } = madeSource({ kind: request.strategy, ...options });
  const lines: ConsoleLine[] = [];
  let at = Date.UTC(2026, 2, 1, 12, 0, 0);
  let drawn = 0;
  const result = profile(request, {
    signal: new AbortController().signal,
    console: (line) => lines.push(line),
    hexDigits: (count) => String(drawn++).padStart(count, "a"),
    tool: "understudy test",
    facts: QWEN,
    ...services,
    now: () => {
      at += tickMs;
      return new Date(at);
    },
    openSource: () => source,
  });
  // Whoever waits for it sees the rejection.
  result.catch(() => {});
  return { folder, request, calls, lines, result };
}

/** All files of a folder, relative, sorted. */
export function filesIn(folder: string): string[] {
  const walk = (path: string): string[] =>
    readdirSync(path).flatMap((name) => {
      const full = join(path, name);
      return statSync(full).isDirectory() ? walk(full) : [relative(folder, full)];
    });
  return walk(folder).sort();
}

export function read(folder: string, name: string): string {
  return readFileSync(join(folder, name), "utf8");
}

export function status(folder: string): Record<string, unknown> {
  return parse(read(folder, "profiler_status.yaml"), { version: "1.1" }) as Record<string, unknown>;
}

// biome-ignore lint/suspicious/noExplicitAny: documents are looked into deeply, and a wrong path fails the test.
export function documents(folder: string, name: string): any[] {
  return parseAllDocuments(read(folder, name)).map((document) => document.toJS());
}
