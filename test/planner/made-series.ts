import { type RandomStream, randomStream } from "#common";

const VALUES = 60;

function series(of: (k: number, random: RandomStream) => number): (seed: number) => number[] {
  return (seed) => {
    const random = randomStream(seed, "series");
    return Array.from({ length: VALUES }, (_, k) => Math.max(0, of(k, random)));
  };
}

const wave = (k: number, period: number) => 1500 - 1200 * Math.cos((2 * Math.PI * k) / period);

/** Series of the kinds that recorded predictors were scored on, drawn anew by seed (the first four have none to draw). */
export const madeSeries: Record<string, (seed: number) => number[]> = {
  sin_20: series((k) => wave(k, 20)),
  step_up: series((k) => (k < 30 ? 480 : 1080)),
  step_down: series((k) => (k < 30 ? 1080 : 480)),
  ramp: series((k) => 100 + 20 * k),
  sin_10_poisson: series((k, random) => random.poisson(wave(k, 10))),
  noisy_const: series((_, random) => 1000 + 50 * random.normal()),
  spiky: series((_, random) => (random.next() < 0.1 ? 3000 : 500) + 50 * random.normal()),
  isl_like: series((k, random) => 3000 + 400 * Math.sin((2 * Math.PI * k) / 25) + 80 * random.normal()),
  idle_then_load: series((k, random) => (k < 15 ? 0 : Math.round(800 + 100 * random.normal()))),
  random_walk: (seed) => {
    const random = randomStream(seed, "series");
    let value = 1000;
    return Array.from({ length: VALUES }, () => {
      value = Math.max(0, value + 30 * random.normal());
      return value;
    });
  },
  noisy_step: series((k, random) => (k < 30 ? 480 : 1080) + 15 * random.normal()),
  noisy_ramp: series((k, random) => 100 + 20 * k + 15 * random.normal()),
};
