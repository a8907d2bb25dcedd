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

  constructor(ticks: readonly PlannerTick[]) {
    const step = Math.max(1, Math.ceil(ticks.length / MOST_POINTS));
    this.ticks = step === 1 ? ticks : ticks.filter((_, i) => (ticks.length - 1 - i) % step === 0);
    this.atMs = this.ticks.map(({ atMs }) => atMs);
    this.endMs = Math.max(1, this.atMs.at(-1) ?? 1);
  }

  /** NaN where a value is not known. */
  of(read: Read): number[] {
    return this.ticks.map((tick) => read(tick) ?? Number.NaN);
  }

  /** What is said now and then and holds until the next time. */
  held(read: Read): number[] {
    let last = Number.NaN;
    return this.of(read).map((value) => {
      if (!Number.isNaN(value)) last = value;
      return last;
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
