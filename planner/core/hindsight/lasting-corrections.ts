import type { Corrections } from "../lasting-capacity.ts";

/** How engines differ from their profile is smoothed over this time, s: single readings are noise. */
const TAU_S = 120;

/** How engines differ from their profile, of time in which workers were not short. */
export class LastingCorrections {
  #corrections: Corrections | null = null;
  #calmS = 0;

  /** As they were when workers were last not short; before that, what is thought now. */
  known(now: Corrections): Corrections {
    this.#corrections ??= now;
    return this.#corrections;
  }

  /** Nothing is left of what engines showed before this was called first. */
  learn(dtS: number, now: Corrections): Corrections {
    const own = this.known(now);
    this.#calmS += dtS;
    const weight = Math.max(1 - Math.exp(-dtS / TAU_S), Math.min(1, dtS / this.#calmS));
    this.#corrections = {
      prefill: own.prefill + weight * (now.prefill - own.prefill),
      decode: own.decode + weight * (now.decode - own.decode),
    };
    return this.#corrections;
  }
}
