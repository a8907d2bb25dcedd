import type { ReportedRun } from "#src/record";
import { attainment, cost } from "#src/report";
import { secondsAboveSla } from "./time-above-sla.ts";

/** What a planner is judged by. */
export type JudgedMeasures = {
  goodputPerGpu: number;
  slaAttainment: number;
  gpuHours: number;
  averageGpus: number;
  peakGpus: number;
  scaleEvents: number;
  secondsAboveSla: number;
  /** Ticks without an answer; absent: the planner is none outside. */
  failedTicks?: number;
};

export function judgedMeasures(record: ReportedRun): JudgedMeasures {
  const { attainment: attained } = attainment(record);
  const { gpuSeconds, gpuHours, averageGpus, peakGpus } = cost(record);
  return {
    goodputPerGpu: gpuSeconds > 0 ? attained.good / gpuSeconds : 0,
    slaAttainment: attained.judged === 0 ? 1 : attained.share,
    gpuHours,
    averageGpus,
    peakGpus,
    scaleEvents: record.scalingEvents.length,
    secondsAboveSla: secondsAboveSla(record),
  };
}
