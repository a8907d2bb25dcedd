import { KnownNeed, type Load } from "./known-need.ts";

/** What to do about one role. */
export interface Step {
  target: number;
  /** `wake-up`: there is something to do and no worker, though nobody can say what is needed. */
  code: "scale-up" | "scale-down" | "scale-down-waits" | "hold" | "wake-up";
  /** How long a smaller number has been enough, ms. */
  lowerForMs: number;
}

/** A step down that is taken back within this time was a mistake, ms. */
const MISTAKE_MS = 300_000;
/** For this long it is not made again at the load at which it was one, ms. */
const MISTAKE_REMEMBERED_MS = 3_600_000;
/** For this long a step up stands while its load does, ms: no role changes direction twice in this time under constant load. */
const NEED_REMEMBERED_MS = 900_000;

/**
 * Up at once, down late. What a load was once found to need it gets for a while, so that noise does not send workers to and fro; and a step down
 * that had to be taken back soon is not tried again for an hour at that load: what it would show is known.
 * State of one role.
 */
export class AsymmetricHysteresis {
  readonly #down: LateStep;
  #lastDown: { atMs: number; to: number } | null = null;
  #known: KnownNeed | null = null;

  constructor(delayMs: number) {
    this.#down = new LateStep(delayMs);
  }

  /**
   * @param current active + starting @param needUp workers for the upper forecast @param needToStay workers that suffice
   * @param load the load that needs them
   */
  step(nowMs: number, current: number, needUp: number, needToStay: number, load: Load): Step {
    const needDown = this.stillNeeded(nowMs, needToStay, load);
    if (needUp > current) {
      this.#remember(nowMs, needUp, load);
      this.reset();
      return { target: needUp, code: "scale-up", lowerForMs: 0 };
    }
    const step = this.#down.step(nowMs, current, Math.min(needDown, current));
    if (step.code === "scale-down") this.#lastDown = { atMs: nowMs, to: step.target };
    return step;
  }

  /** `enough`, or what the load was once found to need, where it is still the same. Called once a tick at most, by `step` too. */
  stillNeeded(nowMs: number, enough: number, load: Load): number {
    const isKnown = this.#known?.holds(nowMs, enough, load) ?? false;
    return isKnown ? Math.max(enough, this.#known!.workers) : enough;
  }

  /** Somebody else changes the number of workers for this load: as far as memory goes it is a step like its own. */
  changed(nowMs: number, current: number, target: number, load: Load): void {
    this.reset();
    if (target > current) this.#remember(nowMs, target, load);
    else if (target < current) this.#lastDown = { atMs: nowMs, to: target };
  }

  #remember(nowMs: number, workers: number, load: Load): void {
    const mistake = this.#lastDown !== null && nowMs - this.#lastDown.atMs <= MISTAKE_MS ? this.#lastDown.to : null;
    const rememberedMs = mistake === null ? NEED_REMEMBERED_MS : MISTAKE_REMEMBERED_MS;
    this.#known = new KnownNeed(workers, load, nowMs + rememberedMs, mistake);
  }

  /** Forgets how long less was enough: called where data is missing, for its absence proves nothing. */
  reset(): void {
    this.#down.reset();
  }
}

/** Up at once, down late: fewer workers must have been enough for a while, and then the most that was needed in that while remains. */
export class LateStep {
  readonly #delayMs: number;
  #lowerSinceMs: number | null = null;
  #mostNeeded = 0;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  step(nowMs: number, current: number, needed: number): Step {
    if (needed >= current) {
      this.reset();
      return { target: needed, code: needed > current ? "scale-up" : "hold", lowerForMs: 0 };
    }
    this.#lowerSinceMs ??= nowMs;
    this.#mostNeeded = Math.max(this.#mostNeeded, needed);
    const lowerForMs = nowMs - this.#lowerSinceMs;
    if (lowerForMs < this.#delayMs) return { target: current, code: "scale-down-waits", lowerForMs };
    const target = this.#mostNeeded;
    this.reset();
    return { target, code: "scale-down", lowerForMs };
  }

  reset(): void {
    this.#lowerSinceMs = null;
    this.#mostNeeded = 0;
  }
}
