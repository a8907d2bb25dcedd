import { normalQuantile } from "../normal.ts";
import { HISTORY_TICKS, RateHistory } from "./history.ts";
import type { RateModel } from "./model.ts";
import { ResidualStore } from "./residuals.ts";
import { harmonicModel, PeriodFinder, seasonalNaiveModel } from "./seasonal-models.ts";
import { Surprises } from "./surprises.ts";
import { dampedTrendModel, levelModel } from "./trend-models.ts";

export interface ForecastBankOptions {
  /** How far ahead forecasts are judged: start-up time plus one tick, s. */
  horizonS: number;
  /** Nominal time between ticks, s. */
  tickS: number;
  /**
   * Variance of an observed value around its forecast, for series that are not counts. The default is that of Poisson
   * arrivals counted over a tick; only with it can counts overrule the models.
   */
  variance?: () => number;
}

/** A forecast of the bank, and what it rests on. */
export interface BankWeight {
  name: string;
  weight: number;
  periodS: number | null;
}

interface Entry {
  model: RateModel;
  loss: number;
  settledS: number;
  activeSinceS: number | null;
  residuals: ResidualStore;
  surprises: Surprises;
  /** Highest rate since the model speaks. */
  highestRate: number;
}

interface Pending {
  dueS: number;
  /** Per model: forecast of the coming tick's middle (judged) and at the horizon (residuals). */
  judged: (number | null)[];
  atHorizon: (number | null)[];
  mixAtHorizon: number;
}

/** Load that comes unforeseen: what to hold for it beyond the forecast, and the highest rate that it has reached. */
export interface Burst {
  reserve: number;
  ceiling: number;
}

/** Fading memory of the losses, s. */
const LOSS_TAU_S = 500;
const MAX_TICK_LOSS = 16;
const SEASONAL_HANDICAP = 3;
const SEASONAL_SETTLE_S = 60;
const RESIDUALS_KEPT_S = 1800;
const LIGHT_WEIGHT = 0.03;
const GUARD_WINDOWS_S = [5, 10, 20];
const GUARD_Z = 2.5;
const GUARD_FADE_S = 120;
const SHORT_MEAN_S = 10;
const LOWEST_RATE = 0.5;
/** Share of the traffic that may come unforeseen. */
const UNFORESEEN_GOAL = 0.01;
/** A model that has met this share of the ceiling has met such a burst. */
const MET_SHARE = 0.8;
/** How often history from before is searched for a period at most: in all, and s between two searches. */
const WARM_UP_FITS = 200;
const MOST_OFTEN_REFIT_S = 60;
/** Surprises up to this share of what they reach are errors of trend, which forecasts learn from; from the other on, bursts. */
const TREND_SHARE = 0.25;
const BURST_SHARE = 0.4;
/** Share of its period that a seasonal model needs to settle. */
const LEARNING_SHARE = 0.25;
/** Time constants are meant for ticks up to this long; longer ticks stretch them all. */
const LONGEST_NATURAL_TICK_S = 10;

/**
 * Many small models of the request rate, weighted by how well each has forecast lately at the horizon that matters
 * (exponential weights on a discounted loss; Cesa-Bianchi & Lugosi 2006, ch. 2), a guard that lets the last seconds overrule
 * them when counts alone prove them wrong, and the errors made so far as a reserve. Rates in requests/s, times in s.
 */
export class ForecastBank {
  readonly horizonS: number;
  /** Variance ÷ mean of counts of arrivals: noise is so much more than that of Poisson arrivals. */
  dispersion = 1;
  readonly history = new RateHistory();
  readonly #tickS: number;
  readonly #stretch: number;
  readonly #variance: (() => number) | null;
  readonly #finder: PeriodFinder;
  readonly #entries: Entry[];
  readonly #mixResiduals: ResidualStore;
  readonly #mixSurprises = new Surprises();
  #burst: Burst = { reserve: 0, ceiling: 0 };
  #burstiness = 0;
  #remainingBurstiness = 0;
  #pending: Pending[] = [];
  #weights: number[] = [];
  #nowS = 0;
  #highestRate = 0;
  #guardShift = 0;

  constructor(options: ForecastBankOptions) {
    this.horizonS = options.horizonS;
    this.#tickS = options.tickS;
    const stretch = Math.max(1, options.tickS / LONGEST_NATURAL_TICK_S);
    this.#stretch = stretch;
    this.#variance = options.variance ?? null;
    this.#finder = new PeriodFinder(this.history, stretch);
    this.#mixResiduals = new ResidualStore(RESIDUALS_KEPT_S * stretch);
    const models = [
      levelModel(10 * stretch, 0),
      levelModel(25 * stretch, 0),
      levelModel(60 * stretch, 15),
      levelModel(150 * stretch, 30),
      dampedTrendModel(20 * stretch, 40 * stretch, 60 * stretch),
      dampedTrendModel(30 * stretch, 60 * stretch, 150 * stretch),
      dampedTrendModel(60 * stretch, 120 * stretch, 200 * stretch),
      harmonicModel(this.#finder, stretch),
      seasonalNaiveModel(this.#finder, this.history, stretch),
    ];
    this.#entries = models.map((model) => ({
      model,
      loss: model.initialLoss,
      settledS: 0,
      activeSinceS: null,
      residuals: new ResidualStore(RESIDUALS_KEPT_S * stretch),
      surprises: new Surprises(),
      highestRate: 0,
    }));
  }

  /** Takes the mean rate of the tick of `dtS` that ends at `nowS`; null where it is not known (nothing is judged then). */
  observe(nowS: number, dtS: number, rate: number | null, refitS?: number): void {
    this.#nowS = nowS;
    this.history.push(nowS, dtS, rate ?? Number.NaN);
    if (rate === null) {
      while (this.#pending.length > 0 && this.#pending[0]!.dueS <= nowS + 1e-6) this.#pending.shift();
      return;
    }
    const shortMean = this.history.recent(SHORT_MEAN_S).rate;
    this.#highestRate = Math.max(this.#highestRate, shortMean);
    this.#settle(rate, shortMean, dtS);
    this.#finder.update(nowS, refitS);
    for (const { model } of this.#entries) model.update(rate, dtS, nowS);
    this.#weigh(dtS);
    if (this.#variance === null) this.#learnBursts();
    this.#guardShift = this.#variance === null ? this.#shiftToCounts() : 0;
    this.#askModels();
  }

  /** Learns from before: mean rates of ticks of `dtS` without a gap, the last of which ended at `untilS`; at most two days are kept. */
  warmUp(untilS: number, dtS: number, rates: readonly number[]): void {
    const known = rates.slice(-HISTORY_TICKS);
    // Looking for a period is what costs.
    const refitS = Math.max(MOST_OFTEN_REFIT_S, (known.length * dtS) / WARM_UP_FITS);
    known.forEach((rate, i) => {
      this.observe(untilS - (known.length - 1 - i) * dtS, dtS, rate, refitS);
    });
  }

  /** True once anything was observed. */
  get isReady(): boolean {
    return this.#weights.length > 0;
  }

  /** Weighted mean of the models, `hS` from now (below 0: what they make of the last seconds). */
  mix(hS: number): number {
    let sum = 0;
    for (let i = 0; i < this.#entries.length; i++) {
      const weight = this.#weights[i] ?? 0;
      if (weight > 0) sum += weight * (this.#entries[i]!.model.forecast(hS) ?? 0);
    }
    return sum;
  }

  /** The forecast: the mix, shifted for a while by what the last counts prove it to be off. Never negative. */
  forecast(hS: number): number {
    return Math.max(0, this.mix(hS) + this.#guardShift * Math.exp(-hS / (GUARD_FADE_S * this.#stretch)));
  }

  /** Mean rate over the last `windowS`; NaN where the last tick had no data. */
  recentRate(windowS: number): number {
    return this.history.recent(windowS).rate;
  }

  /**
   * How far the rate may lie above its forecast at the horizon, in the share `q` of cases: from the residuals of the models
   * in use, less what Poisson noise alone would show (capacity formulas price that).
   */
  reserve(q: number): number {
    const now = Math.max(this.forecast(0), LOWEST_RATE);
    let weighted = 0;
    let weights = 0;
    for (let i = 0; i < this.#entries.length; i++) {
      const weight = this.#weights[i]!;
      if (weight <= LIGHT_WEIGHT) continue;
      const quantile = this.#modelQuantile(this.#entries[i]!, q);
      if (quantile === null) continue;
      weighted += weight * quantile;
      weights += weight;
    }
    if (weights === 0) return 0.2 * this.forecast(0);
    return Math.max(0, weighted / weights - normalQuantile(q) * Math.sqrt((this.dispersion * now) / SHORT_MEAN_S));
  }

  /** Upper forecast at `hS`: the forecast and a reserve that grows with the distance, within reach of what was ever seen. */
  upper(hS: number, reserve: number): number {
    const forecast = this.forecast(hS);
    const reach = 15 * this.#stretch;
    // Errors that bursts explain are held for as bursts, at any distance; the others grow with it.
    const { reserve: held, ceiling } = this.#burst;
    const growth = Math.max(0, reserve - held);
    const withReserve = forecast + (growth * (reach + hS)) / (reach + this.horizonS);
    const forGrowth = Math.min(withReserve, Math.max(1.1 * this.#highestRate, 1.35 * forecast));
    // A burst may come at any moment, and does not go beyond what bursts have reached.
    const forBursts = Math.min(forecast + held, ceiling);
    return Math.max(forecast, forGrowth, forBursts);
  }

  /** What is held for bursts of the kind that has been seen. */
  get burst(): Burst {
    return this.#burst;
  }

  /** A seasonal model's first fits are poor: what counts is how it has done over its last period. */
  #entryReserve({ model, surprises, highestRate, activeSinceS }: Entry, mix: Burst): number {
    const period = model.periodS();
    if (!model.seasonal || period === null) return surprises.reserve(this.#nowS, UNFORESEEN_GOAL).reserve;
    if (highestRate < MET_SHARE * mix.ceiling) return mix.reserve;
    const settled = (activeSinceS ?? this.#nowS) + LEARNING_SHARE * period;
    const since = Math.max(settled, this.#nowS - 1.05 * period);
    return surprises.reserve(this.#nowS, UNFORESEEN_GOAL, since).reserve;
  }

  #learnBursts(): void {
    const mix = this.#mixSurprises.reserve(this.#nowS, UNFORESEEN_GOAL);
    this.#burstiness = burstShare(mix.reserve, mix.ceiling);
    this.#burst = this.#learntBurst(mix);
  }

  /** Weighted over the models in use; one that was not there yet when such a burst came can't claim to see the next one coming. */
  #learntBurst(mix: Burst): Burst {
    this.#remainingBurstiness = 0;
    if (mix.reserve === 0) return mix;
    let reserve = 0;
    let weights = 0;
    for (let i = 0; i < this.#entries.length; i++) {
      const weight = this.#weights[i]!;
      if (weight <= LIGHT_WEIGHT) continue;
      // The mixture turns from models that do badly: what it foresaw itself is the most that can be held against one of them.
      reserve += weight * Math.min(mix.reserve, this.#entryReserve(this.#entries[i]!, mix));
      weights += weight;
    }
    const learnt = weights === 0 ? mix.reserve : reserve / weights;
    this.#remainingBurstiness = burstShare(learnt, mix.ceiling);
    return { reserve: learnt * this.#remainingBurstiness, ceiling: mix.ceiling };
  }

  /**
   * Whether what came unforeseen in the last hours were jumps (1) or errors of trend, which forecasts learn from (0), or something between;
   * whatever models of a period now make of it.
   */
  get burstiness(): number {
    return this.#burstiness;
  }

  /** The same of what the models in use would still not have foreseen. */
  get remainingBurstiness(): number {
    return this.#remainingBurstiness;
  }

  /** Weight of the models of a period, 0 to 1. */
  get seasonalShare(): number {
    return this.#entries.reduce((sum, { model }, i) => sum + (model.seasonal ? (this.#weights[i] ?? 0) : 0), 0);
  }

  /** The period that history shows, s; null: none. */
  get periodS(): number | null {
    return this.#finder.fit?.periodS ?? null;
  }

  /** Models in use, heaviest first. */
  heaviest(): BankWeight[] {
    return this.#entries
      .map(({ model }, i) => ({ name: model.name, weight: this.#weights[i] ?? 0, periodS: model.periodS() }))
      .filter(({ weight }) => weight > 0)
      .sort((a, b) => b.weight - a.weight);
  }

  #settle(rate: number, shortMean: number, dtS: number): void {
    while (this.#pending.length > 0 && this.#pending[0]!.dueS <= this.#nowS + 1e-6) {
      const due = this.#pending.shift()!;
      this.#mixResiduals.push(this.#nowS, shortMean - due.mixAtHorizon);
      const noise = Math.sqrt((this.dispersion * Math.max(shortMean, due.mixAtHorizon, LOWEST_RATE)) / SHORT_MEAN_S);
      this.#mixSurprises.push(this.#nowS, dtS, shortMean, due.mixAtHorizon, noise);
      for (let i = 0; i < this.#entries.length; i++) {
        const entry = this.#entries[i]!;
        const judged = due.judged[i]!;
        const atHorizon = due.atHorizon[i]!;
        if (judged === null || atHorizon === null) continue;
        const variance = this.#variance?.() ?? (this.dispersion * Math.max(judged, rate, LOWEST_RATE)) / dtS;
        const loss = Math.min(MAX_TICK_LOSS, (rate - judged) ** 2 / variance);
        entry.loss += (loss * dtS) / (5 * this.#stretch);
        entry.settledS += dtS;
        entry.residuals.push(this.#nowS, shortMean - atHorizon);
        entry.surprises.push(this.#nowS, dtS, shortMean, atHorizon, noise);
        entry.highestRate = Math.max(entry.highestRate, shortMean);
      }
    }
  }

  #weigh(dtS: number): void {
    const fade = Math.exp(-dtS / (LOSS_TAU_S * this.#stretch));
    let bestPlain = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries) {
      entry.loss *= fade;
      if (!entry.model.seasonal) bestPlain = Math.min(bestPlain, entry.loss);
    }
    let best = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries) {
      this.#followSeason(entry, bestPlain);
      if (this.#isEligible(entry)) best = Math.min(best, entry.loss);
    }
    this.#weights = this.#entries.map((entry) => (this.#isEligible(entry) ? Math.exp(-0.5 * (entry.loss - best)) : 0));
    const total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    this.#weights = this.#weights.map((weight) => weight / total);
  }

  /** A seasonal model that begins to speak starts a little behind the best plain one; one that falls silent starts over. */
  #followSeason(entry: Entry, bestPlain: number): void {
    if (!entry.model.seasonal) return;
    const speaks = entry.model.forecast(this.horizonS) !== null;
    if (speaks && entry.activeSinceS === null) {
      entry.activeSinceS = this.#nowS;
      entry.loss = bestPlain + SEASONAL_HANDICAP;
      entry.settledS = 0;
      entry.surprises = new Surprises();
      entry.highestRate = 0;
    } else if (!speaks) {
      entry.activeSinceS = null;
    }
  }

  #isEligible(entry: Entry): boolean {
    if (!entry.model.seasonal) return true;
    return entry.activeSinceS !== null && entry.settledS >= SEASONAL_SETTLE_S * this.#stretch;
  }

  /** A seasonal model that has not gone round once since it spoke has hidden its worst errors: the mixture's stand in. */
  #modelQuantile(entry: Entry, q: number): number | null {
    const period = entry.model.periodS();
    if (!entry.model.seasonal || period === null) return entry.residuals.quantile(q);
    const since = entry.activeSinceS ?? this.#nowS;
    if (this.#nowS - since < period) return this.#mixResiduals.quantile(q);
    return entry.residuals.quantile(q, this.#nowS - 1.05 * period);
  }

  /**
   * The least shift of the mix that brings it within what the counts of the last seconds allow (approximate Poisson bounds at
   * `GUARD_Z` deviations), each window compared with the mix at its own middle.
   */
  #shiftToCounts(): number {
    let low = Number.NEGATIVE_INFINITY;
    let high = Number.POSITIVE_INFINITY;
    const z = GUARD_Z * Math.sqrt(this.dispersion);
    for (const windowS of GUARD_WINDOWS_S) {
      const { rate, coveredS } = this.history.recent(windowS);
      const count = rate * coveredS;
      const expected = this.mix(-coveredS / 2);
      low = Math.max(low, (count - z * Math.sqrt(count)) / coveredS - expected);
      const most = count + z * Math.sqrt(count + z ** 2 / 4) + z ** 2 / 2;
      high = Math.min(high, most / coveredS - expected);
    }
    return Math.max(low, Math.min(high, 0));
  }

  #askModels(): void {
    // What will be seen when it is due is the mean of the last tick before: the forecast of its middle.
    const judgedAt = this.horizonS - this.#tickS / 2;
    this.#pending.push({
      dueS: this.#nowS + this.horizonS,
      judged: this.#entries.map(({ model }) => model.forecast(judgedAt)),
      atHorizon: this.#entries.map(({ model }) => model.forecast(this.horizonS)),
      mixAtHorizon: this.forecast(this.horizonS),
    });
  }
}

function burstShare(reserve: number, ceiling: number): number {
  if (reserve === 0) return 0;
  return Math.min(1, Math.max(0, (reserve / ceiling - TREND_SHARE) / (BURST_SHARE - TREND_SHARE)));
}
