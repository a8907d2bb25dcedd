/**
 * How strongly each part of the plan errs on the safe side, moved by the SLA misses that are seen: from 0 to 1 where the
 * formulas fit the deployment. Queue and batch may rise above 1 where they do not (routing that herds, engines unlike vLLM).
 */
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
  /** Requests of this tick relative to the usual: the goals are shares of requests, not of time. */
  weight: number;
  /** Share of judged requests that missed; null where none was judged. */
  ttftMissShare: number | null;
  itlMissShare: number | null;
  /** Fewer workers are active than the present load needs: misses then say nothing about the margins, but of the forecast. */
  prefillShort: boolean;
  decodeShort: boolean;
  /** Forecasts come from a period of this length, s; null: from none. */
  periodS: number | null;
}

const START = { forecast: 0.6, queue: 0.65, batch: 0.55 };
/**
 * Time over which a level forgets, s: long for forecast errors, which come with rare surprises; shorter for the margins, so that
 * constant load near a capacity step settles within the hour.
 */
const FORECAST_TAU_S = 7200;
const MARGIN_TAU_S = 3600;
/**
 * Shares of requests that may miss at rest. Where decode workers let next to nothing miss, as mostly they do, prompts leave a tenth of the hundredth that
 * may miss over all: in quiet hours, when rounding up leaves a worker too many, levels fall below where they rest, and until they are back more is missed.
 * TTFT gets more of it: a prompt queue overflows gradually (in our simulator 15 % more load turn 0.5 % of misses into 2 %), a decode pool at
 * once (1.5 % more load do).
 */
const TTFT_GOAL = 0.009;
const ITL_GOAL = 0.0025;
/**
 * All that may miss, for whatever reason. What decode workers and the forecast let miss, queues make up for, down to the second of these: a margin for
 * queues costs less than one for those. Where the others leave nothing of it, no queue makes up for them, and the goal stays.
 */
const TOLERATED = 0.0095;
const LEAST_QUEUE_GOAL = 0.005;
/**
 * With forecasts from a period the goals hold over a whole round of it, quiet hours and all. Levels learn what that takes
 * within some rounds, but for that of batches, which overflow at once, so that calm rounds show little of the next one; and begin from what is
 * usual at most: what was missed before the period was known tells of other forecasts, and of queues that these had left behind.
 */
const SEASONAL_TTFT_GOAL = 0.007;
const SEASONAL_ITL_GOAL = 0.002;
const LEARNING_PERIODS = 3;
const FASTEST_LEARNING_S = 600;
const SEASONAL_START = { ...START, forecast: 0.3 };
const MAX_PRESSURE = 100;
const MAX_WEIGHT = 3;
/**
 * Above the lower, the queue's level rises in trouble alone (below) and takes its time, so that an outage or workers that start for long don't teach it
 * much; where misses go on, they are right and the formulas wrong.
 */
const QUICK_QUEUE = 3;
const MAX_QUEUE = 12;
const SLOW_RISE = 4;
/** Where more than twice the goal has missed for more than half of this time, s, though workers were not short, queues are learnt so many times faster. */
const TROUBLE_TAU_S = 300;
const TROUBLED = 0.5;
const FASTER_IN_TROUBLE = 4;
const MAX_BATCH = 2;
/**
 * Calm hours show little of the next overflow: beneath this, one noisy minute at a high load would miss what a whole hour may. Of a period, calm rounds
 * do, the more of them go into that time: of one that is learnt within less than a level forgets, so much less is kept.
 */
const LEAST_BATCH = 0.35;

/**
 * Integrators of SLA pressure: each tick adds (misses ÷ tolerated misses − 1), so that a level rests where exactly the
 * tolerated share misses. Misses while workers are short count against the forecast, others against queue and batch margins.
 */
export class PressureIntegrators {
  readonly levels: PressureLevels = { ...START };
  /** The forecast's level before forecasts came from a period: what is right for others; null: they don't. */
  #unseasonal: number | null = null;
  /** Share of the recent time in which far more prompts were late than may be. */
  #troubled = 0;
  /** Share of the recent requests that was missed for other reasons than queues of prompts. */
  #missedElsewhere = 0;

  update(input: PressureInput): void {
    const { levels } = this;
    const isSeasonal = input.periodS !== null;
    this.#changeForecasts(isSeasonal);
    const ttftGoal = isSeasonal ? SEASONAL_TTFT_GOAL : TTFT_GOAL;
    const prefill = pressure(input.ttftMissShare, ttftGoal);
    const decode = pressure(input.itlMissShare, isSeasonal ? SEASONAL_ITL_GOAL : ITL_GOAL);
    const time = input.dtS * Math.min(MAX_WEIGHT, input.weight);
    const learningS = Math.max(FASTEST_LEARNING_S, LEARNING_PERIODS * (input.periodS ?? Number.POSITIVE_INFINITY));
    const queueGain = time / Math.min(MARGIN_TAU_S, learningS);
    this.#noteElsewhere(input, Math.min(1, queueGain));
    const queued = pressure(input.ttftMissShare, this.#leftForQueues(ttftGoal));
    if (queued !== null) this.#learnQueue(queueGain, input.prefillShort ? 0 : queued, input.dtS);
    if (decode !== null) {
      const level = levels.batch + (time / MARGIN_TAU_S) * ((input.decodeShort ? 0 : decode) - 1);
      const least = LEAST_BATCH * Math.min(1, learningS / MARGIN_TAU_S);
      levels.batch = Math.max(least, within(MAX_BATCH, level));
    }
    if (prefill === null && decode === null) return;
    const late = Math.max(input.prefillShort ? (prefill ?? 0) : 0, input.decodeShort ? (decode ?? 0) : 0);
    levels.forecast = within(1, levels.forecast + (time / Math.min(FORECAST_TAU_S, learningS)) * (late - 1));
  }

  /** What margins had learnt of clumped arrivals the formulas know by now: it would count twice. */
  forgetQueues(): void {
    const { levels } = this;
    levels.queue = Math.min(levels.queue, START.queue);
    levels.batch = Math.min(levels.batch, START.batch);
  }

  margins(): SafetyMargins {
    const { forecast, queue, batch } = this.levels;
    return {
      waitShare: 0.08 ** (1 - queue) * 0.008 ** queue,
      batchDeviations: 1.2 + 0.8 * batch,
      errorQuantile: 0.5 + 0.485 * forecast,
    };
  }

  #noteElsewhere({ ttftMissShare, itlMissShare, prefillShort }: PressureInput, weight: number): void {
    if (ttftMissShare === null && itlMissShare === null) return;
    const missed = (itlMissShare ?? 0) + (prefillShort ? (ttftMissShare ?? 0) : 0);
    this.#missedElsewhere += weight * (missed - this.#missedElsewhere);
  }

  #leftForQueues(ttftGoal: number): number {
    const left = TOLERATED - this.#missedElsewhere;
    return left > 0 ? Math.min(ttftGoal, Math.max(LEAST_QUEUE_GOAL, left)) : ttftGoal;
  }

  #learnQueue(gain: number, missed: number, dtS: number): void {
    const { levels } = this;
    this.#troubled += (1 - Math.exp(-dtS / TROUBLE_TAU_S)) * ((missed > 2 ? 1 : 0) - this.#troubled);
    const isTroubled = this.#troubled > TROUBLED;
    const rise = (missed > 1 && isTroubled ? FASTER_IN_TROUBLE : 1) * (missed - 1);
    const level =
      levels.queue < QUICK_QUEUE
        ? Math.min(QUICK_QUEUE, levels.queue + gain * rise)
        : levels.queue + gain * Math.min(isTroubled ? SLOW_RISE : 0, rise);
    levels.queue = within(MAX_QUEUE, level);
  }

  #changeForecasts(areSeasonal: boolean): void {
    const { levels } = this;
    if (areSeasonal && this.#unseasonal === null) {
      this.#unseasonal = levels.forecast;
      this.#missedElsewhere = 0;
      levels.forecast = Math.min(levels.forecast, SEASONAL_START.forecast);
      levels.queue = Math.min(levels.queue, SEASONAL_START.queue);
      levels.batch = Math.min(levels.batch, SEASONAL_START.batch);
    } else if (!areSeasonal && this.#unseasonal !== null) {
      levels.forecast = Math.max(levels.forecast, this.#unseasonal);
      this.#unseasonal = null;
    }
  }
}

function pressure(missShare: number | null, goal: number): number | null {
  return missShare === null ? null : Math.min(MAX_PRESSURE, missShare / goal);
}

function within(max: number, value: number): number {
  return Math.min(max, Math.max(0, value));
}
