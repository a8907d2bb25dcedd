import { openNativeEngine } from "#src/estimator";
import {
  type ClassErrors,
  type CompareOptions,
  compareModel,
  type EstimateClass,
  type ModelComparison,
  type OpenEngine,
} from "./compare.ts";
import { type Agreement, addAgreement, noAgreement } from "./layout-picks.ts";
import { type RecordedModel, readRecordedModels } from "./recorded.ts";
import { Errors } from "./relative-errors.ts";

/** What a class must keep, %: mean error of TTFT and of ITL; and how often the same layout is picked. */
export const ESTIMATOR_LIMITS = {
  mapePercent: { dense: 3, moe: 3, analytic: 12 },
  agreementPercent: { dense: 95, moe: 90 },
  memoryPercent: 5e-3,
} as const;

const CLASSES: readonly EstimateClass[] = ["dense", "moe", "gaps", "analytic"];
const LIMITED = ["dense", "moe", "analytic"] as const;
/** Boxes whose GPUs talk over PCIe; the analytic kernels' limit is not theirs. */
const PCIE_SYSTEMS: ReadonlySet<string> = new Set([
  "l40s",
  "l4",
  "a30",
  "h100_pcie",
  "a100_pcie",
  "rtx_pro_6000_server",
]);

/** One limit, and whether it was kept. */
export interface Verdict {
  what: string;
  /** NaN where nothing was compared; such a limit is neither kept nor broken. */
  found: number;
  limit: number;
  passed: boolean;
}

export interface EstimatorConformance {
  models: ModelComparison[];
  totals: Record<EstimateClass, ClassErrors>;
  agreement: Record<"dense" | "moe", { prefill: Agreement; decode: Agreement }>;
  memory: Errors;
  verdicts: Verdict[];
  passed: boolean;
}

export interface EstimatorConformanceOptions {
  /** Only models whose name or file contains this. */
  only?: string;
  /** What users get: times with the tables' artefacts bounded. */
  sanitise?: boolean;
  open?: OpenEngine;
  onModel?(comparison: ModelComparison): void;
}

/**
 * Compares the built-in estimator with recorded answers of the AI configurator: times on each file's grid, memory, and the
 * layouts that an SLA picks. Where tables exist they answer; the analytic kernels are asked once more on their own, on GPUs
 * joined by NVLink.
 * @throws UserError where the folder can't be read or holds no recorded model
 */
export function runEstimatorConformance(
  folder: string,
  options: EstimatorConformanceOptions = {},
): EstimatorConformance {
  const compare: CompareOptions = {
    open: options.open ?? openNativeEngine,
    sanitise: options.sanitise ?? false,
  };
  const models: ModelComparison[] = [];
  for (const recorded of readRecordedModels(folder)) {
    if (options.only && !`${recorded.file} ${recorded.model}`.includes(options.only)) continue;
    const comparison = withAnalytic(recorded, compare);
    models.push(comparison);
    options.onModel?.(comparison);
  }
  return summary(models);
}

function withAnalytic(recorded: RecordedModel, options: CompareOptions): ModelComparison {
  const comparison = compareModel(recorded, options);
  const alone = compareModel(recorded, {
    ...options,
    analytic: { systems: (system) => !PCIE_SYSTEMS.has(system) },
  });
  comparison.errors.analytic = alone.errors.analytic;
  return comparison;
}

function summary(models: ModelComparison[]): EstimatorConformance {
  const totals = { dense: classErrors(), moe: classErrors(), gaps: classErrors(), analytic: classErrors() };
  const agreement = { dense: pairOfAgreements(), moe: pairOfAgreements() };
  const memory = new Errors();
  for (const model of models) {
    for (const name of CLASSES) {
      totals[name].ttft.addAll(model.errors[name].ttft);
      totals[name].itl.addAll(model.errors[name].itl);
    }
    const picks = agreement[model.moe ? "moe" : "dense"];
    addAgreement(picks.prefill, model.prefill);
    addAgreement(picks.decode, model.decode);
    memory.addAll(model.memory);
  }
  const verdicts = verdictsOf(totals, agreement, memory);
  const refused = models.reduce((sum, model) => sum + model.refusals.length, 0);
  verdicts.push({ what: "layouts refused by one side alone", found: refused, limit: 0, passed: refused === 0 });
  return { models, totals, agreement, memory, verdicts, passed: verdicts.every((verdict) => verdict.passed) };
}

function verdictsOf(
  totals: EstimatorConformance["totals"],
  agreement: EstimatorConformance["agreement"],
  memory: Errors,
): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const name of LIMITED) {
    const limit = ESTIMATOR_LIMITS.mapePercent[name];
    verdicts.push(atMost(`${name} TTFT MAPE %`, totals[name].ttft.mapePercent, limit));
    verdicts.push(atMost(`${name} ITL MAPE %`, totals[name].itl.mapePercent, limit));
  }
  for (const name of ["dense", "moe"] as const) {
    const { prefill, decode } = agreement[name];
    const found = (agreementPercent(prefill) + agreementPercent(decode)) / 2;
    const limit = ESTIMATOR_LIMITS.agreementPercent[name];
    verdicts.push({ what: `${name} layout agreement %`, found, limit, passed: Number.isNaN(found) || found >= limit });
  }
  verdicts.push(
    atMost(
      "largest memory error %",
      memory.count === 0 ? Number.NaN : memory.largestPercent,
      ESTIMATOR_LIMITS.memoryPercent,
    ),
  );
  return verdicts;
}

function atMost(what: string, found: number, limit: number): Verdict {
  return { what, found, limit, passed: Number.isNaN(found) || found <= limit };
}

/** How often both sides pick the same layout, %; NaN where nothing was asked. */
export function agreementPercent({ agreed, asked }: Agreement): number {
  return (100 * agreed) / asked;
}

/** Throughput that our picks give away, %. */
export function regretPercent({ regret, compared }: Agreement): number {
  return (100 * regret) / compared;
}

const classErrors = (): ClassErrors => ({ ttft: new Errors(), itl: new Errors() });
const pairOfAgreements = () => ({ prefill: noAgreement(), decode: noAgreement() });
