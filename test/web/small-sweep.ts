import type { SweepResults } from "#src/profiler";
import { decode, prefill } from "./sweep.ts";

/** Two prefill and three decode configurations with numbers that are easily followed by hand. */
export function smallSweep(): SweepResults {
  return {
    prefill: [prefill(1, 96.736, 15_000), prefill(4, 48.3651, 10_000)],
    decode: [decode(1, 8, 4.1, 310.195), decode(1, 64, 8, 1250), decode(4, 8, 9.994, 100)],
    skipped: [],
  };
}

export const SMALL = { sla: { ttftMs: 200, itlMs: 20 }, isl: 3000, osl: 150 } as const;
