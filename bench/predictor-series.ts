/** Made series of load, by kind and seed: what predictors are scored on. */
import { type RandomStream, randomStream } from "#common";

const VALUES = 60;

/** Values of one interval each, never negative; those of `begin` are drawn anew by seed. */
type Draw = (seed: number) => number[];

function series(begin: (random: RandomStream) => (k: number) => number): Draw {
  return (seed) => {
    const random = randomStream(seed, "series");
    const next = begin(random);
    return Array.from({ length: VALUES }, (_, k) => Math.max(0, next(k)));
  };
}

const wave = (k: number, period: number) => 1500 - 1200 * Math.cos((2 * Math.PI * k) / period);
const step = (k: number, before: number, after: number) => (k < VALUES / 2 ? before : after);

/** The kinds that Dynamo's predictors were recorded on which have nothing to draw: seeds don't matter. */
export const fixedSeries: Record<string, Draw> = {
  constant: series(() => () => 500),
  sin_20: series(() => (k) => wave(k, 20)),
  step_up: series(() => (k) => step(k, 480, 1080)),
  step_down: series(() => (k) => step(k, 1080, 480)),
  ramp: series(() => (k) => 100 + 20 * k),
};

/** The kinds that they were recorded on which have, by the names and the sizes of those. */
export const drawnSeries: Record<string, Draw> = {
  sin_10_poisson: series((random) => (k) => random.poisson(wave(k, 10))),
  noisy_const: series((random) => () => 1000 + 50 * random.normal()),
  spiky: series((random) => () => (random.next() < 0.1 ? 3000 : 500) + 50 * random.normal()),
  isl_like: series((random) => (k) => 3000 + 400 * Math.sin((2 * Math.PI * k) / 25) + 80 * random.normal()),
  idle_then_load: series((random) => (k) => (k < 15 ? 0 : Math.round(800 + 100 * random.normal()))),
  random_walk: series((random) => {
    let value = 1000;
    return () => {
      value += 30 * random.normal();
      return value;
    };
  }),
};

/** Other kinds, so that nobody tunes a predictor to the ones above. */
export const otherSeries: Record<string, Draw> = {
  noisy_step: series((random) => (k) => step(k, 480, 1080) + 15 * random.normal()),
  noisy_ramp: series((random) => (k) => 100 + 20 * k + 15 * random.normal()),
  noisy_ramp_2: series((random) => (k) => 1000 + 8 * k + 60 * random.normal()),
  few_requests: series((random) => () => random.poisson(3)),
  spikes_of_all_sizes: series(
    (random) => () => 500 + 50 * random.normal() + (random.next() < 0.1 ? random.exponential(2500) : 0),
  ),
  spikes_on_nothing_else: series((random) => () => (random.next() < 0.1 ? 3000 : 500)),
  spikes_in_time: series((random) => {
    const first = random.integer(12);
    return (k) => (k % 12 === first ? 3000 : 500) + 50 * random.normal();
  }),
  idle_then_rise: series((random) => (k) => (k < 12 ? 0 : random.poisson(200 + 15 * k))),
  nearly_idle_then_load: series(
    (random) => (k) => random.poisson(k < 20 ? 3 : 900) + (k < 20 ? 0 : 80 * random.normal()),
  ),
  nearly_idle_then_noise: series(
    (random) => (k) => (k < 20 ? random.poisson(1) : Math.round(500 + 150 * random.normal())),
  ),
  bursts: series((random) => {
    let isBurst = false;
    return () => {
      isBurst = random.next() < (isBurst ? 0.2 : 0.1) ? !isBurst : isBurst;
      return (isBurst ? 1500 : 300) + 40 * random.normal();
    };
  }),
  day_of_30: series((random) => (k) => random.poisson(1000 - 600 * Math.cos((2 * Math.PI * k) / 30))),
  half_a_day: series((random) => (k) => random.poisson(1000 - 600 * Math.cos((2 * Math.PI * k) / 100))),
  reverting: series((random) => {
    let away = 0;
    return () => {
      away = 0.7 * away + 50 * random.normal();
      return 1000 + away;
    };
  }),
  walk_and_noise: series((random) => {
    let value = 1000;
    return () => {
      value += 20 * random.normal();
      return value + 20 * random.normal();
    };
  }),
  walk_in_shares: series((random) => {
    let value = 1000;
    return () => {
      value *= Math.exp(0.1 * random.normal());
      return value;
    };
  }),
  walk_of_long_steps: series((random) => {
    let value = 5000;
    return () => {
      value += random.next() < 0.5 ? random.exponential(40) : -random.exponential(40);
      return value;
    };
  }),
};
