import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { UserError } from "#common";
import type { EngineSpec } from "#src/estimator";
import { conformanceUnreadable } from "../dynosim/errors.ts";

const figure = z.number().nullable();

const recordedEntry = z.object({
  system: z.string(),
  backend: z.enum(["vllm", "sglang", "trtllm"]),
  version: z.string().optional(),
  kind: z.string(),
  tp: z.int(),
  attnDp: z.int(),
  moeTp: z.int(),
  moeEp: z.int(),
  gpus: z.int(),
  quant: z.object({ gemm: z.string(), moe: z.string(), kv: z.string(), fmha: z.string() }).optional(),
  /** By `isl`; null where the reference has no data. */
  ttftMs: z.array(figure).optional(),
  /** By `batch`, then by `context`. */
  itlMs: z.array(z.array(figure)).optional(),
  /** Why the reference refused the layout. */
  error: z.string().optional(),
  kv: z
    .union([
      z.object({
        tokens: z.number(),
        bytesPerToken: z.number(),
        budgetBytes: z.number(),
        fraction: z.number(),
        weightsBytes: z.number(),
        activationBytes: z.number(),
        runtimeBytes: z.number(),
        commBytes: z.number(),
      }),
      z.object({ error: z.string() }),
    ])
    .optional(),
});

const recordedModel = z.object({
  model: z.string(),
  isl: z.array(z.number()),
  batch: z.array(z.number()),
  context: z.array(z.number()),
  entries: z.array(recordedEntry),
});

/** Answers of the AI configurator for one engine. */
export type RecordedEntry = z.infer<typeof recordedEntry>;
/** Answers of the AI configurator for one model, on systems × backends × layouts. */
export type RecordedModel = z.infer<typeof recordedModel> & { file: string };

/**
 * The recorded models of a folder, in order of their files; JSON files of another kind are left out.
 * @throws UserError CONFORMANCE_UNREADABLE, CONFORMANCE_ESTIMATOR_BAD_FILE or CONFORMANCE_NO_CASES
 */
export function readRecordedModels(folder: string): RecordedModel[] {
  const models: RecordedModel[] = [];
  for (const file of filesOf(folder)) {
    const value = parsed(join(folder, file));
    if (typeof value !== "object" || value === null || !("entries" in value && "isl" in value)) continue;
    const read = recordedModel.safeParse(value);
    if (!read.success) throw badFile(join(folder, file), read.error);
    models.push({ ...read.data, file });
  }
  if (models.length === 0) throw noRecordedModels(folder);
  return models;
}

/** The engine that an entry was recorded of, to be asked without the estimator's own caution. */
export function specOf({ model }: RecordedModel, entry: RecordedEntry): EngineSpec {
  const { tp, attnDp, moeTp, moeEp, quant } = entry;
  // Plain models are recorded with or without a split of the experts that they don't have.
  const experts = entry.kind === "TP" ? { moeTp: tp, moeEp: 1 } : { moeTp, moeEp };
  return {
    model,
    system: entry.system,
    backend: entry.backend,
    parallelism: `tp${tp}pp1dp${attnDp}etp${experts.moeTp}ep${experts.moeEp}`,
    leastHeadsPerGpu: 1,
    allowOversize: true,
    ...(entry.kv && "fraction" in entry.kv ? { memoryFraction: entry.kv.fraction } : {}),
    ...(quant ? { quantization: { gemm: quant.gemm, moe: quant.moe, kvcache: quant.kv, fmha: quant.fmha } } : {}),
  };
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .sort();
  } catch (error) {
    throw conformanceUnreadable(folder, error);
  }
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw conformanceUnreadable(file, error);
  }
}

function badFile(file: string, problem: z.ZodError): UserError {
  const issue = problem.issues[0];
  return new UserError({
    code: "CONFORMANCE_ESTIMATOR_BAD_FILE",
    where: `${file} ${issue?.path.join(".") ?? ""}`.trim(),
    message: issue?.message ?? "found something unexpected",
    hint: "a file holds model, isl, batch, context and entries with ttftMs, itlMs and kv",
  });
}

function noRecordedModels(folder: string): UserError {
  return new UserError({
    code: "CONFORMANCE_NO_CASES",
    where: folder,
    message: "found no recorded estimates (.json with model and entries)",
    hint: "give the folder that holds the model files itself",
  });
}
