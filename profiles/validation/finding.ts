/** `error`: the profile cannot be used. `warning`: it can, but not trusted in some respect. `info`: worth knowing. */
export type Severity = "error" | "warning" | "info";

/** One thing that is wrong or worth knowing about a profile. */
export interface Finding {
  severity: Severity;
  /** Stable, for machines. */
  code: string;
  /** What was found, with its numbers. */
  message: string;
  /** What to do about it. */
  advice: string;
}

/** `a, b, c and 4 more`. */
export function listed(items: readonly string[], show = 4): string {
  const shown = items.slice(0, show).join(", ");
  return items.length > show ? `${shown} and ${items.length - show} more` : shown;
}

/** Up to 4 significant digits, for people. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1000 ? Math.round(value).toString() : String(Number(value.toPrecision(4)));
}

/** A time in ms or a throughput in tokens/s that something real can have. */
export function isPlausible(value: number): boolean {
  return value >= 1e-6 && value <= 1e12;
}
