/** A smooth function of (u, v) that tends to 0 far from its samples. */
export type SmoothCorrection = (u: number, v: number) => number;

/**
 * Length scales tried, in standard deviations of the samples' coordinates, and noise variances, relative to the
 * signal's.
 */
const LENGTH_SCALES = [0.4, 0.8, 1.6, 3.2, 6.4];
const NOISE = [1e-4, 2e-3, 2e-2, 2e-1, 1];
/** Settings whose likelihood is this share of the best one's or less don't count. */
const NEGLIGIBLE = 0.05;
const MAX_SETTINGS_KEPT = 4;
/**
 * With more samples than this the settings are chosen on an evenly spread part of them: the cost grows with the cube.
 */
const MAX_SAMPLES_FOR_SETTINGS = 64;
const MAX_SAMPLES = 400;

interface Setting {
  scaleU: number;
  scaleV: number;
  noise: number;
}

interface Fitted extends Setting {
  /** −2 log likelihood, up to a constant. */
  deviance: number;
  weights: Float64Array;
}

/**
 * Gaussian-process regression (kriging) of zero-mean residuals with a Matérn-3/2 covariance, each coordinate with its
 * own length scale, and noise (Rasmussen and Williams 2006, ch. 2 and 5). Scales and noise are not tuned but averaged
 * over, weighted by their marginal likelihood, so noisy samples are smoothed and clean ones followed.
 * @param v omit for a function of u alone
 */
export function fitCorrection(
  u: readonly number[],
  residuals: readonly number[],
  v?: readonly number[],
): SmoothCorrection {
  const kept = spread(residuals.length, MAX_SAMPLES);
  const take = (values: readonly number[]): Float64Array => Float64Array.from(kept, (i) => values[i]!);
  const r = take(residuals);
  if (r.length < 3 || r.every((value) => Math.abs(value) < 1e-12)) return () => 0;
  const standardU = standardizer(take(u));
  const standardV = v ? standardizer(take(v)) : () => 0;
  const x = take(u).map(standardU);
  const y = v ? take(v).map(standardV) : new Float64Array(r.length);
  const chosen = chooseSettings(x, y, r, v === undefined);
  return (atU, atV) => {
    const px = standardU(atU);
    const py = standardV(atV);
    let sum = 0;
    for (const { share, fitted } of chosen) {
      const { scaleU, scaleV, weights } = fitted;
      let value = 0;
      for (let i = 0; i < weights.length; i++) {
        value += weights[i]! * matern((px - x[i]!) / scaleU, (py - y[i]!) / scaleV);
      }
      sum += share * value;
    }
    return sum;
  };
}

function chooseSettings(
  x: Float64Array,
  y: Float64Array,
  r: Float64Array,
  oneDimensional: boolean,
): { share: number; fitted: Fitted }[] {
  const part = spread(r.length, MAX_SAMPLES_FOR_SETTINGS);
  const isWhole = part.length === r.length;
  const [px, py, pr] = [x, y, r].map((values) => Float64Array.from(part, (i) => values[i]!)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const tried: Fitted[] = [];
  for (const scaleU of LENGTH_SCALES) {
    for (const scaleV of oneDimensional ? [1] : LENGTH_SCALES) {
      const covariance = covarianceMatrix(px, py, scaleU, scaleV);
      for (const noise of NOISE) {
        const fitted = solveSetting(covariance, pr, { scaleU, scaleV, noise });
        if (fitted) tried.push(fitted);
      }
    }
  }
  tried.sort((a, b) => a.deviance - b.deviance);
  const best = tried[0]?.deviance ?? 0;
  const likelihood = (fitted: Fitted): number => Math.exp((best - fitted.deviance) / 2);
  const top = tried.slice(0, MAX_SETTINGS_KEPT).filter((fitted) => likelihood(fitted) > NEGLIGIBLE);
  const total = top.reduce((sum, fitted) => sum + likelihood(fitted), 0);
  return top.flatMap((fitted) => {
    const whole = isWhole ? fitted : solveSetting(covarianceMatrix(x, y, fitted.scaleU, fitted.scaleV), r, fitted);
    return whole ? [{ share: likelihood(fitted) / total, fitted: whole }] : [];
  });
}

/** Cholesky solution for the weights, with the likelihood whose signal variance is at its optimum. */
function solveSetting(covariance: Float64Array, r: Float64Array, setting: Setting): Fitted | undefined {
  const n = r.length;
  const factor = covariance.slice();
  for (let i = 0; i < n; i++) factor[i * n + i]! += setting.noise;
  let logDeterminant = 0;
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = factor[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= factor[i * n + k]! * factor[j * n + k]!;
      if (i > j) factor[i * n + j] = sum / factor[j * n + j]!;
      else if (sum > 0) factor[j * n + j] = Math.sqrt(sum);
      else return undefined;
    }
    logDeterminant += 2 * Math.log(factor[j * n + j]!);
  }
  const weights = r.slice();
  let quadratic = 0;
  for (let i = 0; i < n; i++) {
    let sum = weights[i]!;
    for (let k = 0; k < i; k++) sum -= factor[i * n + k]! * weights[k]!;
    weights[i] = sum / factor[i * n + i]!;
    quadratic += weights[i]! ** 2;
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = weights[i]!;
    for (let k = i + 1; k < n; k++) sum -= factor[k * n + i]! * weights[k]!;
    weights[i] = sum / factor[i * n + i]!;
  }
  return { ...setting, deviance: n * Math.log(quadratic / n + 1e-12) + logDeterminant, weights };
}

function covarianceMatrix(x: Float64Array, y: Float64Array, scaleU: number, scaleV: number): Float64Array {
  const n = x.length;
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const value = matern((x[i]! - x[j]!) / scaleU, (y[i]! - y[j]!) / scaleV);
      matrix[i * n + j] = value;
      matrix[j * n + i] = value;
    }
  }
  return matrix;
}

function matern(du: number, dv: number): number {
  const scaled = Math.sqrt(3 * (du * du + dv * dv));
  return (1 + scaled) * Math.exp(-scaled);
}

function standardizer(values: Float64Array): (value: number) => number {
  const center = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / values.length) || 1;
  return (value) => (value - center) / deviation;
}

/** At most `keep` indices of 0..count-1, evenly spread. */
function spread(count: number, keep: number): number[] {
  if (count <= keep) return Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: keep }, (_, i) => Math.floor((i * count) / keep));
}
