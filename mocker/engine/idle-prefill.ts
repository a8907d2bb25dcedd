import { clearPassWork, emptyPassWork, prefillPassMs } from "./pass-time.ts";
import type { EngineConfig } from "./types.ts";

/** What an idle engine takes for one prompt, ms, by prompt length and cached tokens. */
export class IdlePrefill {
  readonly #config: EngineConfig;
  readonly #work = emptyPassWork();
  readonly #byIsl = new Map<number, number>();
  /** The last of them that was asked for: often the next, too. */
  #lastIsl = -1;
  #lastMs = Number.NaN;

  constructor(config: EngineConfig) {
    this.#config = config;
  }

  ms(isl: number, cachedTokens: number): number {
    if (cachedTokens > 0) return this.#compute(isl, Math.min(cachedTokens, isl - 1));
    if (isl === this.#lastIsl) return this.#lastMs;
    let known = this.#byIsl.get(isl);
    if (known === undefined) {
      known = this.#compute(isl, 0);
      this.#byIsl.set(isl, known);
    }
    this.#lastIsl = isl;
    this.#lastMs = known;
    return known;
  }

  #compute(isl: number, cachedTokens: number): number {
    clearPassWork(this.#work);
    this.#work.prefillCount = 1;
    this.#work.prefillStartSum = cachedTokens;
    this.#work.prefillEndSum = isl;
    this.#work.chunkWorkMs = this.#config.timing.chunkWorkMs(cachedTokens, isl);
    return prefillPassMs(this.#config, this.#work);
  }
}
