import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { findGpuSystem } from "../systems/find.ts";
import type { GpuSystem } from "../systems/types.ts";
import type { Backend } from "../types.ts";
import { AttentionTables } from "./attention.ts";
import { CommunicationTables } from "./communication.ts";
import { ExpertTables } from "./experts.ts";
import type { TableFile } from "./file.ts";
import { GemmTables } from "./gemm.ts";
import { MlaTables } from "./mla.ts";
import type { OpTables } from "./types.ts";

const cache = new Map<string, OpTables | null>();

/** Heads of DeepSeek-V3, the model that most block tables of latent attention were measured for. */
const DEEPSEEK_HEADS = 128;

/**
 * The op tables that are shipped for a backend on a GPU system (by any of its names), or null. Read once, synchronously; single
 * tables are unpacked when they are first asked for.
 */
export function loadOpTables(system: string, backend: Backend): OpTables | null {
  const sheet = findGpuSystem(system);
  if (!sheet) return null;
  const key = `${sheet.name}_${backend}`;
  let tables = cache.get(key);
  if (tables === undefined) {
    const path = fileURLToPath(new URL(`../data/${key}.json.gz`, import.meta.url));
    tables = existsSync(path) ? readTables(readFileSync(path), sheet) : null;
    cache.set(key, tables);
  }
  return tables;
}

function readTables(bytes: Uint8Array, sheet: GpuSystem): OpTables {
  return opTables(JSON.parse(gunzipSync(bytes).toString("utf8")) as TableFile, sheet);
}

/** Look-ups over a table file. */
export function opTables(file: TableFile, sheet: GpuSystem): OpTables {
  const { step } = file;
  const gemm = new GemmTables(file.gemm, sheet, step);
  const attention = new AttentionTables(file.context, file.generation, step);
  const mla = new MlaTables(file.mla, step);
  const experts = new ExpertTables(file.experts, step);
  const communication = new CommunicationTables(file.communication, sheet, step);
  return {
    system: sheet.name,
    backend: file.backend as Backend,
    backendVersion: file.version,
    source: file.source,
    gemmFormats: gemm.formats,
    contextAttentionFormats: attention.contextFormats,
    generationAttentionFormats: attention.generationFormats,
    expertBlocks: experts.blocks,
    gemm: (format, m, n, k, quantised = false) => gemm.micros(format, m, n, k, quantised),
    contextAttention: (fmha, kv, shape, batch, tokens, prefix = 0) =>
      attention.contextMicros(fmha, kv, shape, batch, tokens, prefix),
    generationAttention: (kv, shape, batch, context) => attention.generationMicros(kv, shape, batch, context),
    allReduce: (gpus, elements) => communication.micros("custom_all_reduce", gpus, elements),
    collective: (kind, gpus, elements) => communication.micros(kind, gpus, elements),
    experts: (shape, format, tokens, moeTp, moeEp) => experts.micros(shape, format, tokens, moeTp, moeEp),
    contextMla: (fmha, kv, format, heads, batch, tokens, prefix = 0, modelHeads = DEEPSEEK_HEADS) =>
      mla.contextMicros(fmha, kv, format, heads, batch, tokens, prefix, modelHeads),
    generationMla: (kv, format, heads, batch, context, modelHeads = DEEPSEEK_HEADS) =>
      mla.generationMicros(kv, format, heads, batch, context, modelHeads),
  };
}
