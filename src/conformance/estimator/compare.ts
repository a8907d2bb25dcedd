import { UserError } from "#common";
import type { EngineSpec, EstimateOrigin, NativeEngine } from "#src/estimator";
import {
  type Agreement,
  type Answers,
  addAgreement,
  decodeAgreement,
  noAgreement,
  prefillAgreement,
} from "./layout-picks.ts";
import { type RecordedEntry, type RecordedModel, specOf } from "./recorded.ts";
import { Errors } from "./relative-errors.ts";

/**
 * Which part of the estimator answered: op tables alone, of a plain or an expert model; something else for at least one operation
 * (`gaps`); or the analytic kernels because they alone were asked.
 */
export type EstimateClass = "dense" | "moe" | "gaps" | "analytic";

export interface ClassErrors {
  ttft: Errors;
  itl: Errors;
}

/** How one recorded model compares with the estimator. */
export interface ModelComparison {
  file: string;
  model: string;
  moe: boolean;
  errors: Record<EstimateClass, ClassErrors>;
  memory: Errors;
  prefill: Agreement;
  decode: Agreement;
  /** Layouts that the reference refuses and the estimator builds, or the other way round. */
  refusals: string[];
  entries: number;
  /** Why the model was not compared, or null. */
  skipped: string | null;
}

export type OpenEngine = (spec: EngineSpec) => NativeEngine;

export interface CompareOptions {
  open: OpenEngine;
  sanitise: boolean;
  /** Whether to ask the analytic kernels alone; entries of other systems are left out then. */
  analytic?: { systems: (system: string) => boolean };
}

/** Compares every recorded entry of a model. */
export function compareModel(recorded: RecordedModel, options: CompareOptions): ModelComparison {
  const comparison = emptyComparison(recorded);
  const groups = Map.groupBy(recorded.entries, (entry) => `${entry.system}/${entry.backend}`);
  for (const entries of groups.values()) {
    const candidates = entries.flatMap((entry) => {
      if (options.analytic && !options.analytic.systems(entry.system)) return [];
      const ours = compareEntry(recorded, entry, options, comparison);
      return ours ? [{ entry, ours }] : [];
    });
    addAgreement(comparison.prefill, prefillAgreement(recorded, candidates));
    addAgreement(comparison.decode, decodeAgreement(recorded, candidates));
  }
  return comparison;
}

function emptyComparison(recorded: RecordedModel): ModelComparison {
  const errors = (): ClassErrors => ({ ttft: new Errors(), itl: new Errors() });
  return {
    file: recorded.file,
    model: recorded.model,
    moe: recorded.entries.some((entry) => entry.kind !== "TP"),
    errors: { dense: errors(), moe: errors(), gaps: errors(), analytic: errors() },
    memory: new Errors(),
    prefill: noAgreement(),
    decode: noAgreement(),
    refusals: [],
    entries: 0,
    skipped: null,
  };
}

function compareEntry(
  recorded: RecordedModel,
  entry: RecordedEntry,
  options: CompareOptions,
  comparison: ModelComparison,
): Answers | undefined {
  const spec: EngineSpec = {
    ...specOf(recorded, entry),
    sanitise: options.sanitise,
    ...(options.analytic ? { method: "analytic" } : {}),
  };
  const label = `${entry.system} ${entry.backend} ${entry.kind}${entry.gpus}`;
  let engine: NativeEngine;
  try {
    engine = options.open(spec);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (entry.error === undefined) comparison.refusals.push(`${label}: ours says ${error.message}`);
    return undefined;
  }
  if (entry.error !== undefined) {
    comparison.refusals.push(`${label}: the reference says ${entry.error}`);
    return undefined;
  }
  comparison.entries++;
  if (!options.analytic) compareMemory(engine, entry, label, comparison);
  return compareTimes(engine, recorded, entry, comparison, options.analytic !== undefined);
}

function compareTimes(
  engine: NativeEngine,
  recorded: RecordedModel,
  entry: RecordedEntry,
  { errors, moe }: ModelComparison,
  analyticAlone: boolean,
): Answers {
  const classOf = (origin: EstimateOrigin): EstimateClass => {
    if (analyticAlone) return "analytic";
    if (origin !== "table") return "gaps";
    return moe ? "moe" : "dense";
  };
  const ttftMs = recorded.isl.map((isl, at) => {
    const { ms, origin } = engine.context(1, isl);
    const reference = entry.ttftMs?.[at];
    if (reference != null) errors[classOf(origin)].ttft.add(ms, reference);
    return ms;
  });
  const itlMs = recorded.batch.map((batch, row) =>
    recorded.context.map((context, column) => {
      // The step that writes the next token reads it too.
      const { ms, origin } = engine.generation(batch, context + 1);
      const reference = entry.itlMs?.[row]?.[column];
      if (reference != null) errors[classOf(origin)].itl.add(ms, reference);
      return ms;
    }),
  );
  return { ttftMs, itlMs, kvTokens: engine.kvTokensPerRank };
}

function compareMemory(engine: NativeEngine, { kv }: RecordedEntry, label: string, comparison: ModelComparison): void {
  if (kv === undefined) return;
  if ("error" in kv) {
    if (engine.kvTokensPerRank > 0) comparison.refusals.push(`${label}: the reference says ${kv.error}`);
    return;
  }
  const { memory } = engine;
  if (engine.kvTokensPerRank === 0) {
    comparison.refusals.push(`${label}: ours finds no memory for the KV cache, the reference ${kv.tokens} tokens`);
    return;
  }
  comparison.memory.add(memory.weightsBytes, kv.weightsBytes);
  comparison.memory.add(memory.activationBytes, kv.activationBytes);
  comparison.memory.add(memory.runtimeBytes, kv.runtimeBytes);
  if (kv.commBytes > 0) comparison.memory.add(memory.communicationBytes, kv.commBytes);
  comparison.memory.add(memory.kvBytesPerToken, kv.bytesPerToken);
  comparison.memory.add(memory.kvBudgetBytes, kv.budgetBytes);
  comparison.memory.add(engine.kvTokensPerRank, kv.tokens);
}
