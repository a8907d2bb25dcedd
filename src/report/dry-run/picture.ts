import { panels } from "../charts/panels.ts";
import { formatFixed, formatPlain, formatSignificant } from "../format.ts";
import { dryRunFigures } from "./figures.ts";
import type { DryRunInput } from "./input.ts";
import { summarizeDryRun } from "./summary.ts";

/** The four panels of a dry run as one SVG, two by two. Same input, same bytes. */
export function dryRunPicture(input: DryRunInput): string {
  const summary = summarizeDryRun(input);
  return panels(
    `Dry run of ${input.name} with ${input.predictor}`,
    `${formatSignificant(summary.gpuHours)} GPU-hours, ${formatFixed(summary.averageGpus, 1)} GPUs on average of at most ${formatPlain(input.maxGpus)}; profile ${input.profile}`,
    dryRunFigures(input, summary).map(({ chart }) => chart),
  );
}
