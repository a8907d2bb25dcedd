import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

export interface TraceLine {
  timestamp: number;
  input_length: number;
  output_length: number;
  hash_ids?: number[];
  session_id?: string;
  delay?: number;
}

interface CaseParts {
  kwargs?: Record<string, unknown>;
  /** Arguments of the one engine, or of both pools' engines. */
  engine?: Record<string, unknown>;
  /** Differences of the prefill and decode engines; makes the case disaggregated. */
  pools?: { prefill: Record<string, unknown>; decode: Record<string, unknown> };
}

/** A folder for made-up cases that goes away after the tests of the file. */
export function caseFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "understudy-conformance-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A case as a recorded file has it, without results; `args` name a trace's lines or a synthetic load. */
export function madeCase(args: Record<string, unknown>, { kwargs = {}, engine = {}, pools }: CaseParts = {}): unknown {
  const defaults = { num_gpu_blocks: 1024, block_size: 16, max_num_seqs: 16, max_num_batched_tokens: 8192 };
  const worker = (differences: Record<string, unknown>) => ({ engine: { ...defaults, ...engine, ...differences } });
  return {
    name: "made",
    call: { args, kwargs: { trace_block_size: 16, replay_mode: "offline", ...kwargs } },
    normalized_engine_args:
      pools === undefined
        ? { default: worker({}) }
        : {
            prefill_engine_args: worker({ worker_type: "prefill", ...pools.prefill }),
            decode_engine_args: worker({ worker_type: "decode", ...pools.decode }),
          },
    summary: {},
    per_request: [],
  };
}

/** Writes a trace beside a case and returns its name. */
export function writeTrace(folder: string, name: string, lines: TraceLine[]): string {
  writeFileSync(join(folder, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return name;
}
