import { compareCapacity, compareRegression } from "./capacity-cases.ts";
import { kindOf } from "./case-schemas.ts";
import { checkRow, type PlannerConformanceRow } from "./conformance-row.ts";
import { parseCases } from "./errors.ts";
import { compareMerge, comparePairBound, comparePower, compareSingleBound } from "./limit-cases.ts";
import { compareMockerTable, spansProfile } from "./mocker-table-cases.ts";
import type { RecordedProfiles } from "./profiles.ts";
import { compareLoadScaling, compareThroughputScaling } from "./scaling-cases.ts";
import {
  budgetFile,
  capacityFile,
  loadFile,
  mergeFile,
  mockerTableFile,
  regressionFile,
  throughputFile,
} from "./scaling-schemas.ts";

/** Rows of a file with cases of the planner of 2026, or null for another file. */
export function scalingRows(
  value: unknown,
  file: string,
  label: string,
  profiles: RecordedProfiles,
): PlannerConformanceRow[] | null {
  switch (kindOf(value)) {
    case "budget": {
      const budgets = parseCases(budgetFile, value, file);
      return [
        ...budgets.proportional_clamp_pair.map((recorded, i) =>
          checkRow(`${label}#pair ${i}`, () => comparePairBound(recorded)),
        ),
        ...budgets.proportional_clamp_single.map((recorded, i) =>
          checkRow(`${label}#single ${i}`, () => compareSingleBound(recorded)),
        ),
        ...budgets.apply_power_budget.map((recorded, i) =>
          checkRow(`${label}#power ${i}`, () => comparePower(recorded)),
        ),
      ];
    }
    case "merge":
      return parseCases(mergeFile, value, file).cases.map((recorded, i) =>
        checkRow(`${label}#${i}`, () => compareMerge(recorded)),
      );
    case "regression":
      return parseCases(regressionFile, value, file).cases.map((recorded, i) =>
        checkRow(`${label}#${i} ${recorded.kind}`, () => compareRegression(recorded)),
      );
    case "capacity": {
      const { cases, linear_model_ms: model } = parseCases(capacityFile, value, file);
      return cases.map((recorded, i) =>
        checkRow(`${label}#${i} ${recorded.worker_type}`, () => compareCapacity(model, recorded)),
      );
    }
    case "load": {
      const { cases, linear_model_ms: model } = parseCases(loadFile, value, file);
      return cases.map((recorded, i) =>
        checkRow(`${label}#${i} ${recorded.config.mode} ${recorded.config.optimization_target}`, () =>
          compareLoadScaling(model, recorded),
        ),
      );
    }
    case "throughput": {
      const { cases, linear_model_ms: model } = parseCases(throughputFile, value, file);
      return cases.map((recorded, i) =>
        checkRow(`${label}#${i} ${recorded.config.mode}`, () => compareThroughputScaling(model, recorded)),
      );
    }
    case "mocker-table": {
      const recorded = parseCases(mockerTableFile, value, file);
      return [
        checkRow(label, () => {
          const profile = profiles.find(file, (candidate) => spansProfile(recorded, candidate));
          if (profile === null) return "no profile with these axes in a profiles folder beside or above the case";
          return compareMockerTable(profile, recorded);
        }),
      ];
    }
    default:
      return null;
  }
}
