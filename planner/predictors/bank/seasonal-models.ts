import { fitHarmonics, type HarmonicFit, harmonicValue } from "./harmonic-fit.ts";
import type { RateHistory } from "./history.ts";
import type { RateModel } from "./model.ts";

const MAX_BINS = 180;
const USEFUL_BIC_GAIN = 10;
const RESIDUAL_FADE_S = 60;
const RESIDUAL_TAU_S = 12;
const REFIT_S = 60;
const SHORTEST_PERIOD_S = 60;

/** The period that history shows, looked for anew once a minute; shared by both seasonal models. */
export class PeriodFinder {
  fit: HarmonicFit | null = null;
  readonly #history: RateHistory;
  readonly #stretch: number;
  #nextFitS = Number.NEGATIVE_INFINITY;

  constructor(history: RateHistory, stretch: number) {
    this.#history = history;
    this.#stretch = stretch;
  }

  /** @param everyS time between looks; absent: a minute, or more where ticks are long */
  update(nowS: number, everyS = REFIT_S * this.#stretch): void {
    if (nowS < this.#nextFitS - 1e-6) return;
    this.#nextFitS = nowS + everyS;
    const { middleS, rates, binS } = this.#history.bins(MAX_BINS);
    const fit = fitHarmonics(middleS, rates, binS, this.#history.elapsedS(), SHORTEST_PERIOD_S * this.#stretch);
    this.fit = fit !== null && fit.bicGain > USEFUL_BIC_GAIN ? fit : null;
  }
}

/** Mean and harmonics of the found period, plus what they miss right now, fading. */
export function harmonicModel(finder: PeriodFinder, stretch: number): RateModel {
  return seasonalModel("harmonic", finder, stretch, (fit, atS) => harmonicValue(fit, atS));
}

/** What was one period ago (mean over a short kernel), plus what that misses right now, fading. */
export function seasonalNaiveModel(finder: PeriodFinder, history: RateHistory, stretch: number): RateModel {
  return seasonalModel("seasonal", finder, stretch, (fit, atS, nowS, dtS) => {
    const cycles = Math.max(1, Math.ceil((atS - nowS) / fit.periodS));
    return history.meanAround(atS - cycles * fit.periodS, Math.max(10 * stretch, 1.5 * dtS));
  });
}

function seasonalModel(
  name: string,
  finder: PeriodFinder,
  stretch: number,
  pattern: (fit: HarmonicFit, atS: number, nowS: number, dtS: number) => number,
): RateModel {
  let nowS = 0;
  let dtS = 0;
  let missSum = 0;
  let missWeight = 0;
  let known: HarmonicFit | null = null;
  return {
    name,
    seasonal: true,
    initialLoss: 0,
    update(rate, tickS, atS) {
      nowS = atS;
      dtS = tickS;
      known = finder.fit;
      const expected = known === null ? Number.NaN : pattern(known, nowS - dtS / 2, nowS, dtS);
      if (Number.isNaN(expected)) {
        missSum = 0;
        missWeight = 0;
        return;
      }
      const keep = Math.exp(-dtS / (RESIDUAL_TAU_S * stretch));
      missSum = missSum * keep + (rate - expected) * (1 - keep);
      missWeight = missWeight * keep + (1 - keep);
    },
    forecast(hS) {
      if (known === null || missWeight === 0) return null;
      const value = pattern(known, nowS + hS, nowS, dtS);
      if (Number.isNaN(value)) return null;
      return Math.max(0, value + (missSum / missWeight) * Math.exp(-Math.max(0, hS) / (RESIDUAL_FADE_S * stretch)));
    },
    periodS: () => known?.periodS ?? null,
  };
}
