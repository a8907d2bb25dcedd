import { median } from "../median.ts";

/** A miss this many times the usual (lower median) one, and at least 2 %, is a jump. */
const JUMP = 8;
const SMALLEST_JUMP = 0.02;
/** With fewer known misses nothing is called a jump. */
const MIN_MISSES = 3;
const MISSES_KEPT = 40;
const VALUES_KEPT = 50;
/** The level before a jump is the median of that many values. */
const LEVEL_VALUES = 9;
/** With fewer values before it, an excursion is measured against those that followed. */
const MIN_LEVEL_VALUES = 3;
/** Values away from the old level that make a new one. */
const NEW_LEVEL = 2;
/** A longer excursion is no excursion. */
const LONGEST_EXCURSION = 3;
/** A jump this many times larger than any before is of a kind that nothing is known about. */
const NOVEL = 2;

/** What a value means: nothing special, the first away from its level, the next one, or that the level is a new one. */
type Phase = "quiet" | "jump" | "away" | "shift";

/**
 * Tells jumps from noise by how far the forecasts that were made have missed, spikes from new levels by what earlier
 * excursions did. Everything on the scale of log1p.
 */
export class JumpWatch {
  readonly #values: number[] = [];
  #misses: number[] = [];
  #away = 0;
  #level = 0;
  #limit = SMALLEST_JUMP;

  /** Miss above which a value is a jump. */
  get limit(): number {
    return Math.max(SMALLEST_JUMP, this.#usual());
  }

  /** Loss that counts at most: after that, more says nothing about quiet times. */
  get cap(): number {
    return this.#usual() + 1e-6;
  }

  /** Whether the last value is one of the first after a jump. */
  get isAway(): boolean {
    return this.#away > 0;
  }

  /** @param miss log loss of the forecast for this value @param isEarly too few values are known to tell a jump */
  add(value: number, miss: number, isEarly: boolean): Phase {
    this.#limit = this.limit;
    const isJump = !isEarly && this.#misses.length >= MIN_MISSES && miss > this.#limit;
    const phase = this.#follow(value, isJump);
    if (phase === "shift") this.#misses = [Math.abs(value - this.#values.at(-1)!)];
    if (!isJump) keep(this.#misses, miss, MISSES_KEPT);
    keep(this.#values, value, VALUES_KEPT);
    return phase;
  }

  #follow(value: number, isJump: boolean): Phase {
    if (this.#away === 0) {
      if (!isJump) return "quiet";
      this.#away = 1;
      this.#level = median(this.#values.slice(-LEVEL_VALUES));
      return "jump";
    }
    if (Math.abs(value - this.#level) <= this.#limit) {
      this.#away = 0;
      return isJump ? "jump" : "quiet";
    }
    if (this.#away < NEW_LEVEL) {
      this.#away++;
      return "away";
    }
    this.#away = 0;
    return "shift";
  }

  /**
   * The level that the next value is expected to return to after a jump: where that would have cost less after earlier jumps than to
   * repeat the last value. null where nothing is known.
   */
  returnLevel(): number | null {
    if (this.#away === 0) return null;
    const { repeated, returned, largest } = this.#earlierJumps();
    const size = Math.abs(this.#values.at(-1)! - this.#level);
    return returned < repeated && size <= NOVEL * largest ? this.#level : null;
  }

  /** What it would have cost after each value away from its level to repeat it, and to foretell the return. */
  #earlierJumps(): { repeated: number; returned: number; largest: number } {
    const values = this.#values;
    let repeated = 0;
    let returned = 0;
    let largest = 0;
    let at = 0;
    while (at < values.length - 1) {
      const level = this.#levelBefore(at);
      let away = 0;
      while (away <= LONGEST_EXCURSION && at + away < values.length && this.#isOff(values[at + away]!, level)) away++;
      for (let k = 0; k < away && at + k + 1 < values.length; k++) {
        repeated += Math.abs(values[at + k + 1]! - values[at + k]!);
        returned += Math.abs(values[at + k + 1]! - level);
      }
      if (away > 0) largest = Math.max(largest, Math.abs(values[at]! - level));
      // A new level is known for one once most of the values that levels are measured by are its own.
      at += away > LONGEST_EXCURSION ? away + LEVEL_VALUES - LONGEST_EXCURSION : Math.max(1, away);
    }
    return { repeated, returned, largest };
  }

  #isOff(value: number, level: number): boolean {
    return Math.abs(value - level) > this.#limit;
  }

  #levelBefore(at: number): number {
    return at >= MIN_LEVEL_VALUES
      ? median(this.#values.slice(Math.max(0, at - LEVEL_VALUES), at))
      : median(this.#values.slice(at + 1, at + 1 + LEVEL_VALUES));
  }

  #usual(): number {
    if (this.#misses.length === 0) return 0;
    const ascending = [...this.#misses].sort((a, b) => a - b);
    return JUMP * ascending[(ascending.length - 1) >> 1]!;
  }
}

function keep(values: number[], value: number, most: number): void {
  values.push(value);
  if (values.length > most) values.shift();
}
