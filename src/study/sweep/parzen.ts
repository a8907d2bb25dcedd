import type { RandomStream } from "#common";
import { ranked, type Score } from "./goal.ts";
import { draws, shareOfValue, valueAtShare } from "./space.ts";
import type { Axis, Domain, FieldValue, SweepCandidate } from "./types.ts";

/** Drawn at random before there is anything to learn from. */
const START_DRAWS = 10;
/** Share of the candidates so far that count as good, and the most of them. */
const GOOD_SHARE = 0.15;
const MOST_GOOD = 25;
/** Candidates drawn from the good ones' density, of which the one that most speaks for itself is proposed. */
const PROPOSALS = 24;
const ATTEMPTS = 20;

/**
 * The next candidates to try, by a tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl, Algorithms for
 * Hyper-Parameter Optimization, 2011): candidates so far are divided into good and other ones, each axis gets a density of either,
 * and of values drawn from the good ones' density the one with the largest ratio of both is taken. Fewer than `count` where the
 * space is used up.
 */
export function proposeByParzen(
  axes: readonly Axis[],
  scores: readonly Score[],
  count: number,
  random: RandomStream,
): SweepCandidate[] {
  const known = new Set(scores.map(({ candidate }) => JSON.stringify(candidate.values)));
  const fresh = (candidate: SweepCandidate): boolean => {
    const key = JSON.stringify(candidate.values);
    if (known.has(key)) return false;
    known.add(key);
    return true;
  };
  if (scores.length < START_DRAWS) {
    return draws(axes, count + scores.length, random)
      .filter(fresh)
      .slice(0, Math.min(count, START_DRAWS - scores.length));
  }
  const order = ranked(scores);
  const good = Math.min(MOST_GOOD, Math.max(2, Math.ceil(GOOD_SHARE * order.length)));
  const densities = axes.map(({ domain }, axis) => {
    const values = order.map(({ candidate }) => candidate.values[axis]!);
    return { good: densityOf(domain, values.slice(0, good)), other: densityOf(domain, values.slice(good)) };
  });
  const found: SweepCandidate[] = [];
  for (let attempt = 0; attempt < ATTEMPTS * count && found.length < count; attempt++) {
    const candidate = {
      values: densities.map((density) => {
        const drawn = Array.from({ length: PROPOSALS }, () => density.good.draw(random));
        const worth = (value: FieldValue) => density.good.at(value) / density.other.at(value);
        return drawn.reduce((best, value) => (worth(value) > worth(best) ? value : best));
      }),
    };
    if (fresh(candidate)) found.push(candidate);
  }
  // What the model is sure of has all been tried: the rest of the space, in no order.
  if (found.length === 0)
    return draws(axes, known.size + count, random)
      .filter(fresh)
      .slice(0, count);
  return found;
}

interface Density {
  at(value: FieldValue): number;
  draw(random: RandomStream): FieldValue;
}

function densityOf(domain: Domain, values: readonly FieldValue[]): Density {
  return domain.kind === "values" ? categorical(domain.values, values) : parzen(domain, values);
}

/** Shares of listed values, each with one more than it was seen. */
function categorical(all: readonly FieldValue[], seen: readonly FieldValue[]): Density {
  const keys = all.map((value) => JSON.stringify(value));
  const counts = new Map(keys.map((key) => [key, 1]));
  for (const value of seen) counts.set(JSON.stringify(value), (counts.get(JSON.stringify(value)) ?? 0) + 1);
  const total = all.length + seen.length;
  const share = (value: FieldValue) => counts.get(JSON.stringify(value))! / total;
  return {
    at: share,
    draw: (random) => {
      let left = random.next();
      for (const value of all) {
        left -= share(value);
        if (left < 0) return value;
      }
      return all.at(-1)!;
    },
  };
}

/** Normal kernels on the values, and a flat one over the whole way; each as wide as the farther of its neighbours is away. */
function parzen(domain: Extract<Domain, { kind: "between" }>, values: readonly FieldValue[]): Density {
  const centres = values.map((value) => shareOfValue(domain, value)).sort((a, b) => a - b);
  const narrowest = 1 / Math.min(100, 1 + centres.length);
  const widths = centres.map((centre, i) =>
    Math.min(1, Math.max(narrowest, centre - (centres[i - 1] ?? 0), (centres[i + 1] ?? 1) - centre)),
  );
  const kernels = centres.length + 1;
  return {
    at: (value) => {
      const x = shareOfValue(domain, value);
      const sum = centres.reduce((total, centre, i) => {
        const z = (x - centre) / widths[i]!;
        return total + Math.exp(-0.5 * z * z) / (widths[i]! * Math.sqrt(2 * Math.PI));
      }, 1);
      return sum / kernels;
    },
    draw: (random) => {
      const kernel = random.integer(kernels);
      if (kernel === centres.length) return valueAtShare(domain, random.next());
      for (;;) {
        const share = centres[kernel]! + widths[kernel]! * random.normal();
        if (share >= 0 && share < 1) return valueAtShare(domain, share);
      }
    },
  };
}
