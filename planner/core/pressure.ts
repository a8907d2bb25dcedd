/** How strongly each part of the plan errs on the safe side, 0..1; moved by the SLA misses that are seen. */
export interface PressureLevels {
  forecast: number;
  queue: number;
  batch: number;
}

/** What the levels mean to the formulas. */
export interface SafetyMargins {
  /** Share of prompts that may wait too long. */
  waitShare: number;
  /** Standard deviations of batch noise to stay clear of. */
  batchDeviations: number;
  /** Quantile of past forecast errors to hold in reserve. */
  errorQuantile: number;
}

export interface PressureInput {
  dtS: number;
  /** Share of judged requests that missed; null where none was judged. */
  ttftMissShare: number | null;
  itlMissShare: number | null;
  /** Fewer workers are active than the present load needs: misses then say nothing about the margins, but of the forecast. */
  prefillShort: boolean;
  decodeShort: boolean;
}

const START = 0.4;
/** Time over which the goal itself (misses at exactly the tolerated share) would be forgiven, s. */
const TAU_S = 7200;
/** Tolerated share of misses. */
const GOAL = 0.005;
const MAX_PRESSURE = 100;

/**
 * Integrators of SLA pressure: each tick adds (misses ÷ tolerated misses − 1), so that a level rests where exactly the
 * tolerated share misses. Misses while workers are short count against the forecast, others against queue and batch margins.
 */
export class PressureIntegrators {
  readonly levels: PressureLevels = { forecast: START, queue: START, batch: START };

  update(input: PressureInput): void {
    const { levels } = this;
    const prefill = pressure(input.ttftMissShare);
    const decode = pressure(input.itlMissShare);
    const gain = input.dtS / TAU_S;
    if (prefill !== null) levels.queue = unit(levels.queue + gain * ((input.prefillShort ? 0 : prefill) - 1));
    if (decode !== null) levels.batch = unit(levels.batch + gain * ((input.decodeShort ? 0 : decode) - 1));
    if (prefill === null && decode === null) return;
    const late = Math.max(input.prefillShort ? (prefill ?? 0) : 0, input.decodeShort ? (decode ?? 0) : 0);
    levels.forecast = unit(levels.forecast + gain * (late - 1));
  }

  margins(): SafetyMargins {
    const { forecast, queue, batch } = this.levels;
    return {
      waitShare: 0.04 ** (1 - queue) * 0.004 ** queue,
      batchDeviations: 0.8 + 0.8 * batch,
      errorQuantile: 0.5 + 0.485 * forecast,
    };
  }
}

function pressure(missShare: number | null): number | null {
  return missShare === null ? null : Math.min(MAX_PRESSURE, missShare / GOAL);
}

function unit(value: number): number {
  return Math.min(1, Math.max(0, value));
}
