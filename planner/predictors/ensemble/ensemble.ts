import { acceptedValue, type Predictor } from "../types.ts";
import { type Expert, ensembleExperts } from "./experts.ts";
import { Scoreboard } from "./scoreboard.ts";

/** What the ensemble goes by now. */
export interface EnsembleChoice {
  name: string;
  /** 0..1 */
  weight: number;
}

/** With fewer values the last one is the forecast, as in the reference planner's predictors. */
const MIN_VALUES = 5;
/** An expert must have been judged that often before it is believed. */
const MIN_JUDGED = 2;
/** Weights fall with this power of the loss: twice the loss of the best is as good as nothing. */
const POWER = 16;
/** An expert with less loss than this foretells the series exactly. */
const EXACT = 1e-5;
/** A miss this many times the usual one (and at least 2 %) is a jump. */
const JUMP = 6;
const SMALLEST_JUMP = 0.02;
/** Forecasts after a jump that are chosen by what was right after earlier jumps. */
const AFTER_JUMP = 2;
const USUAL_FADE = 0.95;

/**
 * Many small forecasters, weighted by how well each has forecast lately (exponential weights on a fading loss; Cesa-Bianchi &
 * Lugosi 2006, ch. 2). The loss is |log1p(forecast) − log1p(value)|, the measure by which Dynamo's replay ranks predictors.
 * A jump says nothing about who forecasts well in quiet times, so losses are capped there; and what follows a jump (a
 * new level, or the old one again) is learnt apart: until it is known, the last value is believed.
 */
export function ensemblePredictor(): Predictor & { choices(): EnsembleChoice[] } {
  const experts: Expert[] = ensembleExperts();
  const usual = new Scoreboard(experts);
  const afterJump = new Scoreboard(experts);
  let forecasts: (number | null)[] = experts.map(() => null);
  let weights: number[] = experts.map(() => 0);
  let count = 0;
  let forecast = 0;
  let afterJumpLeft = 0;
  let missSum = 0;
  let missWeight = 0;

  function judge(value: number): void {
    const jumpLoss = (JUMP * missSum) / Math.max(1, missWeight);
    const cap = count < MIN_VALUES - 1 ? Number.POSITIVE_INFINITY : jumpLoss + 1e-6;
    experts.forEach((_, i) => {
      const made = forecasts[i];
      if (made === null || made === undefined) return;
      const loss = lossOf(made, value);
      usual.book(i, Math.min(cap, loss));
      if (afterJumpLeft > 0) afterJump.book(i, loss);
    });
    const miss = lossOf(forecast, value);
    if (afterJumpLeft > 0) afterJumpLeft--;
    if (count >= MIN_VALUES - 1 && miss > jumpLoss && miss > SMALLEST_JUMP) {
      afterJumpLeft = AFTER_JUMP;
    } else {
      missSum = missSum * USUAL_FADE + miss;
      missWeight = missWeight * USUAL_FADE + 1;
    }
  }

  function scoreOf(i: number): number {
    if (forecasts[i] === null) return Number.POSITIVE_INFINITY;
    if (afterJumpLeft === 0) return usual.score(i, MIN_JUDGED);
    if (afterJump.isEmpty) return i === 0 ? 0 : Number.POSITIVE_INFINITY;
    return afterJump.score(i, 1);
  }

  function weigh(): number[] {
    const scores = experts.map((_, i) => scoreOf(i));
    const best = Math.min(...scores);
    if (best === Number.POSITIVE_INFINITY) return scores.map((_, i) => (i === 0 ? 1 : 0));
    if (best < EXACT) {
      let simplest = -1;
      scores.forEach((score, i) => {
        if (score < EXACT && (simplest < 0 || experts[i]!.parameters < experts[simplest]!.parameters)) simplest = i;
      });
      return scores.map((_, i) => (i === simplest ? 1 : 0));
    }
    const raw = scores.map((score) => (best / score) ** POWER);
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return raw.map((weight) => weight / total);
  }

  return {
    add(value) {
      const accepted = acceptedValue(value, count === 0);
      if (accepted === null) return;
      const clean = Math.max(0, accepted);
      if (count > 0) judge(clean);
      for (const expert of experts) expert.add(clean);
      count++;
      forecasts = experts.map((expert) => expert.forecast());
      weights = count < MIN_VALUES ? experts.map((_, i) => (i === 0 ? 1 : 0)) : weigh();
      forecast = weights.reduce((sum, weight, i) => (weight > 0 ? sum + weight * forecasts[i]! : sum), 0);
    },
    predict: () => forecast,
    choices: () =>
      experts
        .map(({ name }, i) => ({ name, weight: weights[i]! }))
        .filter(({ weight }) => weight > 0.01)
        .sort((a, b) => b.weight - a.weight),
  };
}

function lossOf(forecast: number, value: number): number {
  return Math.abs(Math.log1p(Math.max(0, forecast)) - Math.log1p(value));
}
