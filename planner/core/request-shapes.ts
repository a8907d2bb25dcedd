import { quantileSorted } from "#common";
import type { LoadValues } from "#planner/predictors";
import type { Surface } from "#profiles";
import { ArrivalDispersion } from "./arrival-dispersion.ts";
import { ranksOf, workerKvTokens } from "./roles.ts";
import type { DecodeWorkerLoad, Observation, PlannerContext } from "./types.ts";

const SAMPLE_MS = 30_000;
const SAMPLE_MIN = 40;
const SAMPLE_MAX = 2000;
const QUANTILES = 32;
const OSL_REQUESTS = 60;
const PREFILL_CORRECTION_PROMPTS = 50;
/** Share that 5 s of what is seen of decoding replace of what was known. A look shows a moment, so however long it stands for, no more than the second. */
const DECODE_WEIGHT_OF_5S = 0.1;
const DECODE_WEIGHT_MAX = 0.3;
const CORRECTION_MIN = 0.5;
const CORRECTION_MAX = 2;
/** Shorter passes are no decoding: an engine without timing, or a broken clock. */
const SHORTEST_ITL_MS = 1e-3;
const TOKEN_RATE_TAU_S = 10;
const ARRIVAL_RATE_TAU_S = 25;
const USUAL_RATE_TAU_S = 3600;

/** A step of lost precision, named in the decision: what the observation lacked and what stood in for it. */
export interface Degradation {
  code: string;
  text: string;
}

/**
 * What the requests look like and how the engines differ from their profile: a sample of recent ISLs, the mean OSL, the
 * token rate that is being produced, and correction factors for both phases. Missing inputs leave the last values.
 */
export class RequestShapes {
  /** Measured ÷ profiled time of prefill and decode, clamped to [0.5, 2]. */
  prefillCorrection = 1;
  decodeCorrection = 1;
  readonly #surface: Surface;
  readonly #aggregated: boolean;
  /** Ranks of a decode worker, and KV capacity of all of them together, tokens. */
  readonly #ranks: number;
  readonly #kvTokens: number;
  readonly #dispersion = new ArrivalDispersion();
  #sampleMs: number[] = [];
  #sampleIsl: number[] = [];
  /** Of the sample as it is; null: not counted yet. */
  #quantiles: readonly number[] | null = null;
  #meanOsl: number | null = null;
  #tokenRate: number | null = null;
  #arrivalRate: number | null = null;
  #usualSum = 0;
  #usualWeight = 0;
  #liveContext: number | null = null;
  #liveItlMs: number | null = null;

  constructor(surface: Surface, context: PlannerContext) {
    this.#surface = surface;
    this.#aggregated = context.mode === "agg";
    this.#ranks = ranksOf(context).decode;
    this.#kvTokens = workerKvTokens(context, surface.maxKvTokens);
  }

  /** @param rate arrivals per second in this window @returns what was missing */
  update(observation: Observation, rate: number, dtS: number): Degradation[] {
    const missing: Degradation[] = [];
    this.#updateIsl(observation, rate * dtS, missing);
    this.#updateOsl(observation, missing);
    this.#arrivalRate = blend(this.#arrivalRate, rate, 1 - Math.exp(-dtS / ARRIVAL_RATE_TAU_S));
    this.#updateUsualRate(rate, dtS);
    if (observation.startedRequests !== null) this.#dispersion.update(rate * dtS, dtS, this.usualRate());
    this.#updatePrefill(observation, missing);
    this.#updateDecode(observation, dtS, missing);
    return missing;
  }

  /** Takes over what a trace says of an interval of `dtS` that ended at `nowMs`; lengths are NaN where it has none. */
  remember(nowMs: number, dtS: number, { requests, isl, osl }: LoadValues): void {
    this.#updateUsualRate(requests / dtS, dtS);
    if (!(requests > 0)) return;
    this.#addSample(nowMs, isl);
    this.#dropOldSamples(nowMs);
    if (osl > 0) this.#meanOsl = blend(this.#meanOsl, Math.max(1, osl), 1 - Math.exp(-requests / OSL_REQUESTS));
  }

  /** True once both lengths were seen. */
  get isReady(): boolean {
    return this.#sampleIsl.length > 0 && this.#meanOsl !== null;
  }

  get hasIsl(): boolean {
    return this.#sampleIsl.length > 0;
  }

  /** Mean arrival rate of the last hour or so, requests/s. */
  usualRate(): number {
    return this.#usualSum / this.#usualWeight;
  }

  /** How clumped requests come: variance ÷ mean of their counts, 1 for Poisson arrivals. */
  get arrivalDispersion(): number {
    return this.#dispersion.index;
  }

  get isClumped(): boolean {
    return this.arrivalDispersion > 1;
  }

  meanIsl(): number {
    return this.#sampleIsl.reduce((sum, isl) => sum + isl, 0) / this.#sampleIsl.length;
  }

  /** Equidistant quantiles of recent ISLs, tokens. */
  islQuantiles(): readonly number[] {
    this.#quantiles ??= quantilesOf(this.#sampleIsl);
    return this.#quantiles;
  }

  /** Squared coefficient of variation of recent ISLs. */
  islScv(): number {
    const mean = this.meanIsl();
    const squares = this.#sampleIsl.reduce((sum, isl) => sum + (isl - mean) ** 2, 0);
    return squares / this.#sampleIsl.length / (mean * mean);
  }

  /** Of answers that have ended, tokens; 1 before the first. */
  get meanOsl(): number {
    return this.#meanOsl ?? 1;
  }

  /**
   * Mean OSL, raised (at most threefold) where engines produce more tokens than arrivals × OSL explains: long answers show
   * in the token rate long before they complete.
   */
  effectiveOsl(rateNow: number): number {
    const osl = this.meanOsl;
    if (this.#tokenRate === null) return osl;
    const fromTokens = (0.95 * this.#tokenRate) / Math.max(0.5, rateNow, this.#arrivalRate ?? 0);
    return Math.max(osl, Math.min(3 * osl, fromTokens));
  }

  /** Mean context of a decoding sequence, tokens: ISL + OSL / 2, or half-way up to what the workers hold now. */
  meanContext(): number {
    const planned = this.meanIsl() + (this.#meanOsl ?? 0) / 2;
    return this.#liveContext !== null && this.#liveContext > planned ? (planned + this.#liveContext) / 2 : planned;
  }

  /** Mean ITL of the batches in work, smoothed, ms; null where it is not known. */
  get currentItlMs(): number | null {
    return this.#liveItlMs;
  }

  #updateIsl(observation: Observation, started: number, missing: Degradation[]): void {
    const { startedIsl, nowMs, meanIsl } = observation;
    for (let i = 0; i < startedIsl.length; i++) this.#addSample(nowMs, startedIsl[i]!);
    if (startedIsl.length === 0 && started > 0) {
      missing.push({
        code: "isl-from-mean",
        text: "no input lengths of arrivals: their mean over completed requests instead",
      });
      if (meanIsl !== null) {
        for (let i = 0; i < Math.min(started, SAMPLE_MIN); i++) this.#addSample(nowMs, meanIsl);
      }
    }
    this.#dropOldSamples(nowMs);
  }

  #dropOldSamples(nowMs: number): void {
    const excess = this.#sampleIsl.length - SAMPLE_MAX;
    let drop = Math.max(0, excess);
    while (this.#sampleIsl.length - drop > SAMPLE_MIN && this.#sampleMs[drop]! <= nowMs - SAMPLE_MS) drop++;
    if (drop > 0) {
      this.#quantiles = null;
      this.#sampleMs.splice(0, drop);
      this.#sampleIsl.splice(0, drop);
    }
  }

  #updateUsualRate(rate: number, dtS: number): void {
    const keep = Math.exp(-dtS / USUAL_RATE_TAU_S);
    this.#usualSum = this.#usualSum * keep + rate * (1 - keep);
    this.#usualWeight = this.#usualWeight * keep + (1 - keep);
  }

  #addSample(atMs: number, isl: number): void {
    if (!(isl > 0) || !Number.isFinite(isl)) return;
    this.#quantiles = null;
    this.#sampleMs.push(atMs);
    this.#sampleIsl.push(Math.max(1, isl));
  }

  #updateOsl({ completedRequests, meanOsl }: Observation, missing: Degradation[]): void {
    if (completedRequests === null) {
      missing.push({ code: "osl-unknown", text: "completions are not reported: the last known output length stands" });
      return;
    }
    if (completedRequests <= 0 || meanOsl === null || !(meanOsl > 0)) return;
    this.#meanOsl = blend(this.#meanOsl, Math.max(1, meanOsl), 1 - Math.exp(-completedRequests / OSL_REQUESTS));
  }

  #updatePrefill(observation: Observation, missing: Degradation[]): void {
    const { prefillMeasuredS, prefillProfiledS, prefillCount } = observation;
    if (prefillMeasuredS === null || prefillProfiledS === null) {
      missing.push({
        code: "prefill-uncorrected",
        text: "prefill seconds are not reported: the profile is taken at its word",
      });
      return;
    }
    if (prefillCount <= 0 || !(prefillProfiledS > 0) || !(prefillMeasuredS >= 0)) return;
    const weight = 1 - Math.exp(-prefillCount / PREFILL_CORRECTION_PROMPTS);
    this.prefillCorrection = clampCorrection(
      blend(this.prefillCorrection, clampCorrection(prefillMeasuredS / prefillProfiledS), weight),
    );
  }

  #updateDecode(observation: Observation, dtS: number, missing: Degradation[]): void {
    const { decodeLoad, meanItlMs } = observation;
    const weight = Math.min(DECODE_WEIGHT_MAX, 1 - (1 - DECODE_WEIGHT_OF_5S) ** (dtS / 5));
    if (decodeLoad === null) {
      missing.push({
        code: "decode-uncorrected",
        text: "per-worker batches are not reported: no live token rate, context or decode correction",
      });
      this.#tokenRate = null;
      this.#liveContext = null;
      if (meanItlMs !== null && meanItlMs > 0) this.#liveItlMs = blend(this.#liveItlMs, meanItlMs, weight);
      return;
    }
    const ownShare = this.#decodingShare(observation, dtS);
    let tokensPerS = 0;
    let sequences = 0;
    let kvTokens = 0;
    let measured = 0;
    let profiled = 0;
    for (const load of decodeLoad) {
      const itlMs = this.#aggregated ? meanItlMs : (load.itlMs ?? meanItlMs);
      if (!(load.batch > 0) || itlMs === null || !(itlMs > SHORTEST_ITL_MS)) continue;
      tokensPerS += (load.batch / itlMs) * 1000;
      sequences += load.batch;
      kvTokens += load.kvTokens;
      measured += load.batch * itlMs * ownShare;
      profiled += load.batch * this.#profiledItlMs(load);
    }
    this.#tokenRate = blend(this.#tokenRate, tokensPerS, 1 - Math.exp(-dtS / TOKEN_RATE_TAU_S));
    this.#liveContext = sequences > 0 ? kvTokens / sequences : null;
    if (sequences > 0) this.#liveItlMs = blend(this.#liveItlMs, measured / sequences, weight);
    if (profiled > 0) {
      this.decodeCorrection = clampCorrection(
        blend(this.decodeCorrection, clampCorrection(measured / profiled), weight),
      );
    }
  }

  /**
   * Share of the time between tokens that is decoding. Aggregated workers compute prompts in between, so single passes tell
   * nothing: the mean ITL of requests does, less the share of time that went into prompts, of whichever rank in lock step.
   */
  #decodingShare({ prefillMeasuredS, workers }: Observation, dtS: number): number {
    if (!this.#aggregated) return 1;
    const workerSeconds = dtS * Math.max(1, workers.decode.active) * this.#ranks;
    return Math.max(0.1, Math.max(0, 1 - (prefillMeasuredS ?? 0) / workerSeconds) ** this.#ranks);
  }

  #profiledItlMs({ batch, kvTokens }: DecodeWorkerLoad): number {
    return this.#surface.itlMs(Math.min(1, kvTokens / this.#kvTokens), kvTokens / batch);
  }
}

function quantilesOf(sample: readonly number[]): number[] {
  const ascending = Float64Array.from(sample).sort();
  if (ascending[0] === ascending[ascending.length - 1]) return [ascending[0]!];
  return Array.from({ length: QUANTILES }, (_, i) => quantileSorted(ascending, (i + 0.5) / QUANTILES));
}

/** Exponentially weighted mean; the first value counts fully. */
function blend(old: number | null, value: number, weight: number): number {
  return old === null ? value : old + weight * (value - old);
}

function clampCorrection(factor: number): number {
  return Math.min(CORRECTION_MAX, Math.max(CORRECTION_MIN, factor));
}
