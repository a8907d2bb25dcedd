import { logLoss } from "../log-loss.ts";
import { acceptedValue, type Predictor } from "../types.ts";
import { type Expert, ensembleExperts } from "./experts.ts";
import { JumpWatch } from "./jumps.ts";
import { Scoreboard } from "./scoreboard.ts";

/** What the ensemble goes by now. */
export interface EnsembleChoice {
  name: string;
  /** 0..1 */
  weight: number;
}

/** With fewer values the last one is the forecast, as in the reference planner's predictors. */
const MIN_VALUES = 5;
/** An expert must have been judged that often before it is believed: one that was exact, and any other. */
const MIN_JUDGED_EXACT = 2;
const MIN_JUDGED = 4;
/** Weights fall with this power of the loss: twice the loss of the best is as good as nothing. */
const POWER = 16;
/** An expert with less loss than this foretells the series exactly. */
const EXACT = 1e-5;
/** Where the mixture has lately lost this many times what the last value would have, the last value is the forecast. */
const MOST_BEHIND = 1.15;
const BEHIND_FADE = 0.95;
/** The expert that comes first repeats the last value. */
const LAST_VALUE = 0;

/**
 * Many small forecasters, weighted by how well each has forecast lately (exponential weights on a fading loss; Cesa-Bianchi &
 * Lugosi 2006, ch. 2). The loss is |log1p(forecast) − log1p(value)|, the measure by which Dynamo's replay ranks predictors.
 * A jump says nothing about who forecasts well in quiet times, so losses are capped there; and what follows a jump (a
 * new level, or the old one again) is learnt apart: until it is known, the last value is believed. The last value also stands in
 * while the mixture is behind it.
 */
export function ensemblePredictor(): Predictor & { choices(): EnsembleChoice[] } {
  const experts: Expert[] = ensembleExperts();
  const usual = new Scoreboard(experts);
  const afterJump = new Scoreboard(experts);
  const jumps = new JumpWatch();
  const onlyLastValue = experts.map((_, i) => (i === LAST_VALUE ? 1 : 0));
  /** An expert that was a jump off where the last value was not is not believed for the next forecast. */
  const disproved = experts.map(() => false);
  let forecasts: (number | null)[] = experts.map(() => null);
  let weights: number[] = experts.map(() => 0);
  let count = 0;
  let mixture = 0;
  let forecast = 0;
  let mixtureLoss = 0;
  let lastValueLoss = 0;

  function judge(value: number): void {
    const isEarly = count < MIN_VALUES - 1;
    const jumpLoss = jumps.jumpLoss();
    const losses = forecasts.map((made) => (made === null ? null : logLoss(made, value)));
    const repeated = losses[LAST_VALUE] ?? 0;
    losses.forEach((loss, i) => {
      disproved[i] = loss !== null && loss > jumpLoss && repeated <= jumpLoss;
      if (loss === null) return;
      usual.book(i, isEarly ? loss : Math.min(jumps.quietCap(), loss));
      if (jumps.isJustAfter) afterJump.book(i, loss);
    });
    if (count >= MIN_VALUES) {
      mixtureLoss = mixtureLoss * BEHIND_FADE + Math.min(jumpLoss, logLoss(mixture, value));
      lastValueLoss = lastValueLoss * BEHIND_FADE + Math.min(jumpLoss, repeated);
    }
    jumps.step(logLoss(forecast, value), isEarly);
  }

  function scores(least: number): number[] {
    return experts.map((_, i) => {
      if (forecasts[i] === null) return Number.POSITIVE_INFINITY;
      if (jumps.isJustAfter) return afterJump.score(i, 1);
      return disproved[i] ? Number.POSITIVE_INFINITY : usual.score(i, least);
    });
  }

  function weigh(): number[] {
    if (jumps.isJustAfter && (afterJump.isEmpty || jumps.isNovel)) return onlyLastValue;
    const exact = simplestExact(scores(MIN_JUDGED_EXACT));
    if (exact >= 0) return experts.map((_, i) => (i === exact ? 1 : 0));
    const all = scores(MIN_JUDGED);
    const best = Math.min(...all);
    if (best === Number.POSITIVE_INFINITY) return onlyLastValue;
    const raw = all.map((score) => (best / score) ** POWER);
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return raw.map((weight) => weight / total);
  }

  function simplestExact(all: readonly number[]): number {
    let simplest = -1;
    all.forEach((score, i) => {
      const isSimpler = simplest < 0 || experts[i]!.parameters < experts[simplest]!.parameters;
      if (score < EXACT && isSimpler) simplest = i;
    });
    return simplest;
  }

  return {
    add(value) {
      const accepted = acceptedValue(value, count === 0);
      if (accepted === null) return;
      if (count > 0) judge(accepted);
      for (const expert of experts) expert.add(accepted);
      count++;
      forecasts = experts.map((expert) => expert.forecast());
      weights = count < MIN_VALUES ? onlyLastValue : weigh();
      mixture = weights.reduce((sum, weight, i) => (weight > 0 ? sum + weight * forecasts[i]! : sum), 0);
      if (mixtureLoss > MOST_BEHIND * lastValueLoss) weights = onlyLastValue;
      forecast = weights === onlyLastValue ? accepted : mixture;
    },
    predict: () => forecast,
    choices: () =>
      experts
        .map(({ name }, i) => ({ name, weight: weights[i]! }))
        .filter(({ weight }) => weight > 0.01)
        .sort((a, b) => b.weight - a.weight),
  };
}
