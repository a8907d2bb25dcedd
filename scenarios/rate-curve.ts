import type { RandomStream } from "#common";
import type { DayShape, RateShape } from "./traffic.ts";

/** A rate over time with its integral. Times in ms from the entry's start, `rate` in requests/s. */
export interface RateCurve {
  rate(tMs: number): number;
  /** Expected arrivals in [0, t). */
  cumulative(tMs: number): number;
  /**
   * The time up to which `cumulative` stays at or below the count (stretches without traffic are skipped); Infinity where
   * it never gets above. `fromMs` is a lower bound.
   */
  timeOf(count: number, fromMs: number): number;
}

/**
 * The curve of a shape over `durationMs`.
 * @param stream draws the stays of an mmpp; other shapes draw nothing
 */
export function rateCurve(shape: RateShape, durationMs: number, stream: RandomStream): RateCurve {
  switch (shape.kind) {
    case "constant":
      return piecewise([{ atMs: 0, rate: shape.rate, endRate: shape.rate }], durationMs);
    case "ramp":
      return piecewise([{ atMs: 0, rate: shape.from, endRate: shape.to }], durationMs);
    case "steps":
      return piecewise(
        shape.steps.map(({ atMs, rate }) => ({ atMs, rate, endRate: rate })),
        durationMs,
      );
    case "points":
      return piecewise(
        shape.points.map(({ atMs, rate }, i) => ({ atMs, rate, endRate: shape.points[i + 1]?.rate ?? rate })),
        durationMs,
      );
    case "burst":
      return piecewise(burstPieces(shape, durationMs), durationMs);
    case "mmpp":
      return piecewise(mmppPieces(shape, durationMs, stream), durationMs);
    case "sinusoid":
      return smooth(sinusoid(shape), durationMs);
    case "diurnal":
      return smooth(shape.weekend === undefined ? repeated(oneDay(shape, shape.dayMs)) : weeks(shape), durationMs);
    case "flashCrowd":
      return smooth(flashCrowd(shape), durationMs);
  }
}

/** A stretch on which the rate is a straight line, up to the next piece. */
interface Piece {
  atMs: number;
  rate: number;
  endRate: number;
}

function piecewise(pieces: Piece[], durationMs: number): RateCurve {
  const lengthMs = (i: number) => (pieces[i + 1]?.atMs ?? Math.max(durationMs, pieces[i]!.atMs)) - pieces[i]!.atMs;
  const before = new Float64Array(pieces.length + 1);
  for (let i = 0; i < pieces.length; i++) {
    before[i + 1] = before[i]! + (((pieces[i]!.rate + pieces[i]!.endRate) / 2) * lengthMs(i)) / 1000;
  }
  const pieceAt = (value: number, key: (i: number) => number): number => {
    let low = 0;
    let high = pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (key(middle) <= value) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const slope = (i: number) => (lengthMs(i) > 0 ? (pieces[i]!.endRate - pieces[i]!.rate) / lengthMs(i) : 0);
  return {
    rate: (tMs) => {
      const i = pieceAt(tMs, (at) => pieces[at]!.atMs);
      return pieces[i]!.rate + slope(i) * (tMs - pieces[i]!.atMs);
    },
    cumulative: (tMs) => {
      const i = pieceAt(tMs, (at) => pieces[at]!.atMs);
      const x = tMs - pieces[i]!.atMs;
      return before[i]! + ((pieces[i]!.rate + (slope(i) * x) / 2) * x) / 1000;
    },
    timeOf: (count) => {
      if (count >= before[pieces.length]!) return Number.POSITIVE_INFINITY;
      const i = pieceAt(count, (at) => before[at]!);
      const piece = pieces[i]!;
      const wanted = (count - before[i]!) * 1000;
      if (wanted === 0) return piece.atMs;
      // rate·x + slope·x²/2 = wanted, in the form that does not cancel.
      const root = Math.sqrt(Math.max(0, piece.rate ** 2 + 2 * slope(i) * wanted));
      return piece.atMs + Math.min(lengthMs(i), (2 * wanted) / (piece.rate + root));
    },
  };
}

function burstPieces(shape: RateShape & { kind: "burst" }, durationMs: number): Piece[] {
  const edges = new Set<number>([0]);
  for (const start of shape.startsMs) {
    if (start < durationMs) edges.add(start);
    if (start + shape.lengthMs < durationMs) edges.add(start + shape.lengthMs);
  }
  return [...edges]
    .sort((a, b) => a - b)
    .map((atMs) => {
      const inside = shape.startsMs.some((start) => atMs >= start && atMs < start + shape.lengthMs);
      const rate = inside ? shape.peak : shape.base;
      return { atMs, rate, endRate: rate };
    });
}

function mmppPieces(shape: RateShape & { kind: "mmpp" }, durationMs: number, stream: RandomStream): Piece[] {
  const pieces: Piece[] = [];
  let state = 0;
  for (let atMs = 0; atMs < durationMs; ) {
    const { rate, meanStayMs } = shape.states[state]!;
    pieces.push({ atMs, rate, endRate: rate });
    atMs += stream.exponential(meanStayMs);
    const others = shape.states.length - 1;
    if (others > 0) state = (state + 1 + stream.integer(others)) % shape.states.length;
  }
  return pieces;
}

type Smooth = Pick<RateCurve, "rate" | "cumulative">;

function sinusoid(shape: RateShape & { kind: "sinusoid" }): Smooth {
  const middle = (shape.min + shape.max) / 2;
  const swing = (shape.max - shape.min) / 2;
  const angle = (tMs: number) => 2 * Math.PI * (tMs / shape.periodMs + shape.phase);
  const scale = (swing * shape.periodMs) / (2 * Math.PI);
  // ∫ −cos = −sin: the rate is middle − swing · cos(angle).
  const atZero = Math.sin(angle(0));
  return {
    rate: (tMs) => middle - swing * Math.cos(angle(tMs)),
    cumulative: (tMs) => (middle * tMs - scale * (Math.sin(angle(tMs)) - atZero)) / 1000,
  };
}

/** A curve that repeats, or a part of one that is put together. */
interface Stretch extends Smooth {
  lengthMs: number;
}

/**
 * A day as cubic Hermite stretches, 64 to the narrowest bell's width: within 1e-9 of the bells, and integrated exactly.
 * Summing exponentials at every step of the inversion would cost ten times as much.
 */
function oneDay({ base, peaks }: DayShape, dayMs: number): Stretch {
  const narrowest = Math.min(24, ...peaks.map((peak) => peak.widthHours));
  const stretches = Math.min(100_000, Math.ceil((24 * 64) / narrowest));
  const stretchMs = dayMs / stretches;
  const rate = new Float64Array(stretches + 1).fill(base);
  /** Change of the rate over a stretch, were it straight. */
  const slope = new Float64Array(stretches + 1);
  for (let i = 0; i <= stretches; i++) {
    for (const { hour, height, widthHours } of peaks) {
      const x = ((24 * i) / stretches - hour) / widthHours;
      const bell = height * Math.exp(-0.5 * x * x);
      rate[i]! += bell;
      slope[i]! -= (bell * x * 24) / (widthHours * stretches);
    }
  }
  const before = new Float64Array(stretches + 1);
  for (let i = 0; i < stretches; i++) {
    before[i + 1] = before[i]! + (rate[i]! + rate[i + 1]!) / 2 + (slope[i]! - slope[i + 1]!) / 12;
  }
  const square = (i: number) => 3 * (rate[i + 1]! - rate[i]!) - 2 * slope[i]! - slope[i + 1]!;
  const cube = (i: number) => 2 * (rate[i]! - rate[i + 1]!) + slope[i]! + slope[i + 1]!;
  const place = (tMs: number) => {
    const at = tMs / stretchMs;
    const i = Math.min(stretches - 1, Math.floor(at));
    return { i, x: at - i };
  };
  return {
    lengthMs: dayMs,
    rate: (tMs) => {
      const { i, x } = place(tMs);
      return rate[i]! + x * (slope[i]! + x * (square(i) + x * cube(i)));
    },
    cumulative: (tMs) => {
      const { i, x } = place(tMs);
      const inside = x * (rate[i]! + x * (slope[i]! / 2 + x * (square(i) / 3 + (x * cube(i)) / 4)));
      return ((before[i]! + inside) * stretchMs) / 1000;
    },
  };
}

function repeated({ lengthMs, rate, cumulative }: Stretch): Smooth {
  const whole = cumulative(lengthMs);
  return {
    rate: (tMs) => rate(tMs % lengthMs),
    cumulative: (tMs) => {
      const times = Math.floor(tMs / lengthMs);
      return times * whole + cumulative(tMs - times * lengthMs);
    },
  };
}

/** Five days of one shape and two of another, from the day on which the entry begins. */
function weeks(shape: RateShape & { kind: "diurnal" }): Smooth {
  const { dayMs, weekend } = shape;
  const days = [oneDay(shape, dayMs), oneDay(weekend!, dayMs)] as const;
  const dayOf = (index: number) => days[(weekend!.firstDay + index) % 7 >= 5 ? 1 : 0];
  const before = [0];
  for (let i = 0; i < 7; i++) before.push(before[i]! + dayOf(i).cumulative(dayMs));
  const index = (tMs: number) => Math.min(6, Math.floor(tMs / dayMs));
  return repeated({
    lengthMs: 7 * dayMs,
    rate: (tMs) => dayOf(index(tMs)).rate(tMs - index(tMs) * dayMs),
    cumulative: (tMs) => before[index(tMs)]! + dayOf(index(tMs)).cumulative(tMs - index(tMs) * dayMs),
  });
}

function flashCrowd({ base, peak, startsMs, riseMs, decayMs }: RateShape & { kind: "flashCrowd" }): Smooth {
  const height = peak - base;
  return {
    rate: (tMs) =>
      startsMs.reduce((sum, startMs) => {
        const x = tMs - startMs;
        if (x <= 0) return sum;
        return sum + height * (x < riseMs ? x / riseMs : Math.exp(-(x - riseMs) / decayMs));
      }, base),
    cumulative: (tMs) =>
      startsMs.reduce(
        (sum, startMs) => {
          const x = tMs - startMs;
          if (x <= 0) return sum;
          const rising = Math.min(x, riseMs) ** 2 / (2 * riseMs);
          const falling = x <= riseMs ? 0 : decayMs * -Math.expm1(-(x - riseMs) / decayMs);
          return sum + (height * (rising + falling)) / 1000;
        },
        (base * tMs) / 1000,
      ),
  };
}

/** Adds the inverse: Newton's method, kept inside a bracket that bisection narrows. */
function smooth(curve: Smooth, durationMs: number): RateCurve {
  const total = curve.cumulative(durationMs);
  return {
    ...curve,
    timeOf: (count, fromMs) => {
      if (count >= total) return Number.POSITIVE_INFINITY;
      let low = fromMs;
      let high = durationMs;
      const guess = low + (1000 * (count - curve.cumulative(low))) / Math.max(1e-9, curve.rate(low));
      let t = Math.max(low, Math.min(high, guess));
      for (let i = 0; i < 100; i++) {
        const miss = curve.cumulative(t) - count;
        if (miss < 0) low = t;
        else high = t;
        const newton = t - (1000 * miss) / curve.rate(t);
        const next = newton > low && newton < high ? newton : (low + high) / 2;
        // Newton's error is quadratic: a step of a nanosecond leaves far less.
        if (Math.abs(next - t) < 1e-6 || high - low < 1e-6) return next;
        t = next;
      }
      return t;
    },
  };
}
