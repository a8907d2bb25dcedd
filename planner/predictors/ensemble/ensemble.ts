import { logLoss } from "../log-loss.ts";
import { acceptedValue, type Predictor } from "../types.ts";
import { type Expert, ensembleExperts, LEVELS } from "./experts.ts";
import { JumpWatch } from "./jumps.ts";
import { LevelEvidence } from "./level-evidence.ts";
import { PlainNoise } from "./plain-noise.ts";
import { Scoreboard } from "./scoreboard.ts";

/** What the ensemble goes by now. */
export interface EnsembleChoice {
  name: string;
  /** 0..1 */
  weight: number;
}

/** With fewer values the last one is the forecast, as in the reference planner's predictors. */
const MIN_VALUES = 5;
/** With fewer values there is no mixture to judge. */
const MIN_MIXED = 3;
/** An expert must have been judged that often before it is believed: one that was exact, and any other. */
const MIN_JUDGED_EXACT = 2;
const MIN_JUDGED = 3;
/** An expert with less loss than this foretells the series exactly. */
const EXACT = 1e-5;
/** Memories of the losses: one that follows the series, one that is sure. */
const FADES = [0.97, 0.85] as const;
/** Forecasts for which an expert is left out that foretold a jump where there was none. */
const DISPROVED_FOR = 8;
/** The mixture must be ahead of the last value by so many nats (n log of the ratio of their mean losses) to be the forecast. */
const LEAD = 0.5;
const LEAD_FADE = 0.97;
/** Where a series is plain noise about a level, experts that see more in it have this share of their weight. */
const MORE_THAN_LEVEL = 0.02;
/** The expert that comes first repeats the last value. */
const LAST_VALUE = 0;

/**
 * Many small forecasters, weighted by how well each has forecast lately (Cesa-Bianchi & Lugosi 2006, ch. 2), on two memories at
 * once. The loss is |log1p(forecast) − log1p(value)|, the measure by which Dynamo's replay ranks predictors, and capped: a jump says
 * nothing about who forecasts well in quiet times. The mixture is the forecast only where it has been ahead of the last value, or
 * where the series shows itself to be noise about a level (a mixture of means then, if the noise is plain); otherwise the last value is, than
 * which nothing is better on a random walk.
 * After a jump the last value is believed, too, unless earlier jumps of that size have passed.
 */
export function ensemblePredictor(): Predictor & { choices(): EnsembleChoice[] } {
  const experts: Expert[] = ensembleExperts();
  const boards = FADES.map((fade) => new Scoreboard(experts, fade));
  const jumps = new JumpWatch();
  const levelEvidence = new LevelEvidence();
  const plainNoise = new PlainNoise();
  const lead = new Lead();
  const onlyLastValue = experts.map((_, i) => (i === LAST_VALUE ? 1 : 0));
  const disprovedUntil = experts.map(() => 0);
  let forecasts: (number | null)[] = experts.map(() => null);
  let choices: EnsembleChoice[] = [];
  let count = 0;
  let beforeLast = 0;
  let last = 0;
  let mixture = 0;
  let forecast = 0;

  function judge(value: number): void {
    const isEarly = count < MIN_VALUES - 1;
    const { limit, cap, isAway } = jumps;
    const repeated = logLoss(last, value);
    forecasts.forEach((made, i) => {
      if (made === null) return;
      const loss = logLoss(made, value);
      if (loss > limit && repeated <= limit) disprovedUntil[i] = count + DISPROVED_FOR;
      for (const board of boards) board.book(i, isEarly ? loss : Math.min(cap, loss));
    });
    const phase = jumps.add(Math.log1p(value), logLoss(forecast, value), isEarly);
    if (phase === "shift") {
      plainNoise.restart([beforeLast, last]);
      for (const expert of experts) expert.restart?.([beforeLast, last]);
    }
    const isQuiet = phase === "quiet" && !isAway;
    if (isQuiet && count >= MIN_MIXED) lead.add(Math.min(cap, repeated), Math.min(cap, logLoss(mixture, value)));
  }

  function weigh(): { weights: readonly number[]; isExact: boolean } {
    if (count < MIN_MIXED) return { weights: onlyLastValue, isExact: false };
    const speaks = forecasts.map((made, i) => made !== null && disprovedUntil[i]! <= count - 1);
    const exact = simplestExact(speaks);
    if (exact >= 0) return { weights: experts.map((_, i) => (i === exact ? 1 : 0)), isExact: true };
    const all = boards.flatMap((board) => board.weigh(speaks, MIN_JUDGED) ?? []);
    if (all.length === 0) return { weights: onlyLastValue, isExact: false };
    const isPlain = levelEvidence.isLevel && plainNoise.isPlain;
    const weights = experts.map(({ name }, i) => {
      const weight = boards.reduce((sum, _, b) => sum + all[b * experts.length + i]!, 0);
      return isPlain && !LEVELS.has(name) ? MORE_THAN_LEVEL * weight : weight;
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { weights: weights.map((weight) => weight / total), isExact: false };
  }

  function simplestExact(speaks: readonly boolean[]): number {
    let simplest = -1;
    experts.forEach(({ parameters }, i) => {
      const isSimpler = simplest < 0 || parameters < experts[simplest]!.parameters;
      if (isSimpler && speaks[i]! && boards[0]!.score(i, MIN_JUDGED_EXACT) < EXACT) simplest = i;
    });
    return simplest;
  }

  function decide(value: number): void {
    const { weights, isExact } = weigh();
    mixture = weights.reduce((sum, weight, i) => (weight > 0 ? sum + weight * forecasts[i]! : sum), 0);
    const level = jumps.returnLevel();
    const isMixture = levelEvidence.isLevel || lead.nats > LEAD || (isExact && lead.nats > 0);
    if (count < MIN_VALUES || (jumps.isAway && level === null) || (!jumps.isAway && !isMixture)) {
      forecast = value;
      choices = [{ name: experts[LAST_VALUE]!.name, weight: 1 }];
    } else if (level !== null) {
      forecast = Math.expm1(level);
      choices = [{ name: "level before the jump", weight: 1 }];
    } else {
      forecast = mixture;
      choices = experts.map(({ name }, i) => ({ name, weight: weights[i]! }));
    }
  }

  return {
    add(value) {
      const accepted = acceptedValue(value, count === 0);
      if (accepted === null) return;
      if (count > 0) judge(accepted);
      else jumps.add(Math.log1p(accepted), 0, true);
      levelEvidence.add(accepted);
      plainNoise.add(accepted);
      for (const expert of experts) expert.add(accepted);
      beforeLast = last;
      last = accepted;
      count++;
      forecasts = experts.map((expert) => expert.forecast());
      decide(accepted);
    },
    predict: () => forecast,
    choices: () => choices.filter(({ weight }) => weight > 0.01).sort((a, b) => b.weight - a.weight),
  };
}

/** How far the mixture has lately been ahead of the last value. */
class Lead {
  #lastValueLoss = 0;
  #mixtureLoss = 0;
  #count = 0;

  add(lastValueLoss: number, mixtureLoss: number): void {
    this.#lastValueLoss = this.#lastValueLoss * LEAD_FADE + lastValueLoss;
    this.#mixtureLoss = this.#mixtureLoss * LEAD_FADE + mixtureLoss;
    this.#count = this.#count * LEAD_FADE + 1;
  }

  get nats(): number {
    return this.#count * Math.log((this.#lastValueLoss + 1e-9) / (this.#mixtureLoss + 1e-9));
  }
}
