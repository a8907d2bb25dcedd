import type { Series } from "../charts/chart.ts";
import type { ColourName } from "../charts/theme.ts";
import type { PlannerTick } from "./input.ts";

/** Points that a line is drawn through at most. */
const MOST_POINTS = 400;

export type Read = (tick: PlannerTick) => number | null | undefined;

/** Values of ticks over time, thinned where there are too many to draw: then each point is the last of its stretch. */
export class Columns {
  readonly ticks: readonly PlannerTick[];
  readonly atMs: number[];
  readonly endMs: number;
  readonly #all: readonly PlannerTick[];

  constructor(ticks: readonly PlannerTick[]) {
    const step = Math.max(1, Math.ceil(ticks.length / MOST_POINTS));
    this.#all = ticks;
    this.ticks = step === 1 ? ticks : ticks.filter((_, i) => (ticks.length - 1 - i) % step === 0);
    this.atMs = this.ticks.map(({ atMs }) => atMs);
    this.endMs = Math.max(1, this.atMs.at(-1) ?? 1);
  }

  /** NaN where a value is not known. */
  of(read: Read): number[] {
    return this.ticks.map((tick) => read(tick) ?? Number.NaN);
  }

  /** Of all ticks, whether they are drawn or not: what titles say is reckoned of these. NaN where a value is not known. */
  everyOf(read: Read): number[] {
    return this.#all.map((tick) => read(tick) ?? Number.NaN);
  }

  /** What is read of each tick, drawn or not. */
  each<Value>(read: (tick: PlannerTick) => Value): Value[] {
    return this.#all.map(read);
  }

  /** What is said now and then and holds until the next time. */
  held(read: Read): number[] {
    let last = Number.NaN;
    const drawn = new Set(this.ticks);
    return this.#all.flatMap((tick) => {
      const value = read(tick) ?? Number.NaN;
      if (!Number.isNaN(value)) last = value;
      return drawn.has(tick) ? [last] : [];
    });
  }

  line(name: string, colour: ColourName, y: number[], dashed = false): Series {
    return { name, kind: "line", colour, x: this.atMs, y, ...(dashed ? { dashed } : {}) };
  }

  step(name: string, colour: ColourName, y: number[], dashed = false): Series {
    return { name, kind: "step", colour, x: this.atMs, y, ...(dashed ? { dashed } : {}) };
  }
}

export const known = (values: readonly number[]) => values.filter((value) => !Number.isNaN(value));
