/** Ends and kind of an axis. */
export interface Axis {
  scale: "linear" | "log";
  min: number;
  max: number;
}

/** From this ratio of the largest to the smallest value on, a linear axis would press most points together. */
const LOG_FROM = 8;

/** An axis that holds all values and is no larger than it need be; linear ones begin at 0. */
export function axisOver(values: readonly number[]): Axis {
  const usable = values.filter((value) => Number.isFinite(value) && value > 0);
  if (usable.length === 0) return { scale: "linear", min: 0, max: 1 };
  const [least, most] = [Math.min(...usable), Math.max(...usable)];
  if (most / least >= LOG_FROM) return { scale: "log", min: least / 1.15, max: most * 1.15 };
  return { scale: "linear", min: 0, max: most * 1.08 };
}

/** Where a value stands between the ends of an axis, 0..1. */
export function shareOf(axis: Axis, value: number): number {
  if (axis.scale === "linear") return (value - axis.min) / (axis.max - axis.min);
  return Math.log(value / axis.min) / Math.log(axis.max / axis.min);
}
