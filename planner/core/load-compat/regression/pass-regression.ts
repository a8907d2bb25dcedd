import type { Profile } from "#profiles";
import type { EngineLoad } from "../engine-load.ts";
import type { LackingPasses, LearningPassModel, RankLoad } from "../pass-model.ts";
import { evaluateHinge, fitHinge, type HingeFit, LEAST_FOR_HINGE } from "./hinge-fit.ts";
import { evaluate, fitNonNegative, type LinearFit } from "./linear-fit.ts";
import { isTelling, mostLoaded, PASS_FEATURES, type PassKind, passKind, passTimeMs } from "./pass-kind.ts";
import { type Sample, SpreadSamples } from "./retention.ts";

export interface PassRegressionOptions {
  /** Per kind of pass. */
  maxSamples: number;
  /** Of the range of a kind's features; a perfect square. */
  buckets: number;
  /** Samples of a kind below which nothing is said of it. */
  minSamples: number;
}

/** No pass is said to take less, ms. */
const LEAST_MS = 1e-6;

/**
 * Time of a pass learnt from passes: one regression each for prompts, for decoding and for both at once, over the most loaded
 * rank. No slope is below 0, and with enough samples prompts are fitted by two straight pieces (Dynamo's estimator of 2026,
 * where it has no table of its own). Before there are mixed passes one counts as the sum of its two halves.
 */
export class PassRegression implements LearningPassModel {
  readonly #minSamples: number;
  readonly #samples: Record<PassKind, SpreadSamples>;
  readonly #fits = new Map<PassKind, ((x: readonly number[]) => number) | null>();

  constructor({ maxSamples, buckets, minSamples }: PassRegressionOptions) {
    this.#minSamples = minSamples;
    this.#samples = {
      prefill: new SpreadSamples(1, buckets, maxSamples),
      decode: new SpreadSamples(2, buckets, maxSamples),
      mixed: new SpreadSamples(2, buckets, maxSamples),
    };
  }

  /** A measured pass: its ranks' loads, ms. Heartbeats (0 ms) and passes without any load say nothing. */
  learn(ranks: readonly RankLoad[], wallTimeMs: number): void {
    const load = mostLoaded(ranks);
    if (!isTelling(load, wallTimeMs)) return;
    const kind = passKind(load);
    this.#samples[kind].add({ x: PASS_FEATURES[kind](load), y: wallTimeMs });
    this.#fits.delete(kind);
  }

  learnPasses(engine: EngineLoad): void {
    this.learn(
      engine.map(({ scheduled }) => scheduled),
      passTimeMs(engine),
    );
  }

  /** The measurements of a profile as if they were passes: single prompts, and batches of sequences of equal context. */
  learnProfile(
    { prefill, decode }: Pick<Profile, "prefill" | "decode">,
    kinds: readonly ("prefill" | "decode")[],
  ): void {
    if (kinds.includes("prefill")) {
      prefill.isl.forEach((isl, i) => {
        this.learn([{ prefillTokens: isl, decodeRequests: 0, decodeKvTokens: 0 }], prefill.ttftMs[i]!);
      });
    }
    if (!kinds.includes("decode")) return;
    decode.kvUsage.forEach((usage, i) => {
      const decodeKvTokens = Math.round(usage * decode.maxKvTokens);
      const decodeRequests = Math.max(1, Math.round(decodeKvTokens / decode.contextLength[i]!));
      this.learn([{ prefillTokens: 0, decodeRequests, decodeKvTokens }], decode.itlMs[i]!);
    });
  }

  lackingPasses(): readonly LackingPasses[] {
    const needed = this.#minSamples;
    return (Object.keys(this.#samples) as PassKind[])
      .map((kind) => ({ kind, seen: this.#samples[kind].count, needed }))
      .filter(({ seen }) => seen < needed);
  }

  passMs(ranks: readonly RankLoad[]): number | null {
    const load = mostLoaded(ranks);
    const kind = passKind(load);
    const ms = this.#ofKind(kind, load) ?? (kind === "mixed" ? this.#ofHalves(load) : null);
    return ms === null ? null : Math.max(LEAST_MS, ms);
  }

  #ofHalves(load: RankLoad): number | null {
    const prefillMs = this.#ofKind("prefill", load);
    const decodeMs = this.#ofKind("decode", load);
    return prefillMs === null || decodeMs === null ? null : prefillMs + decodeMs;
  }

  #ofKind(kind: PassKind, load: RankLoad): number | null {
    let estimate = this.#fits.get(kind);
    if (estimate === undefined) {
      estimate = this.#samples[kind].count < this.#minSamples ? null : fitted(kind, [...this.#samples[kind]]);
      this.#fits.set(kind, estimate);
    }
    return estimate === null ? null : estimate(PASS_FEATURES[kind](load));
  }
}

function fitted(kind: PassKind, samples: readonly Sample[]): ((x: readonly number[]) => number) | null {
  if (kind === "prefill" && samples.length >= LEAST_FOR_HINGE) {
    const hinge: HingeFit | null = fitHinge(samples);
    if (hinge !== null) return ([tokens]) => evaluateHinge(hinge, tokens!);
  }
  const line: LinearFit | null = fitNonNegative(samples);
  return line === null ? null : (x) => evaluate(line, x);
}
