/** Numbers for people; without `Intl`, so that they are the same on every machine. Missing values become `missing`. */

/** `12,345.67` */
export function formatFixed(value: number, digits: number, missing = "N/A"): string {
  if (!Number.isFinite(value)) return missing;
  const [whole, fraction] = Math.abs(value).toFixed(digits).split(".");
  const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, ",");
  const sign = value < 0 && Number(value.toFixed(digits)) !== 0 ? "−" : "";
  return sign + (fraction === undefined ? grouped : `${grouped}.${fraction}`);
}

/** `12,345` */
export function formatCount(value: number, missing = "N/A"): string {
  return formatFixed(value, 0, missing);
}

/** A share 0..1 as `99.48 %`, rounded down where it would otherwise read as 100 %. */
export function formatShare(share: number, digits = 2, missing = "N/A"): string {
  if (!Number.isFinite(share)) return missing;
  const factor = 10 ** digits;
  const percent = share < 1 ? Math.min(Math.round(share * 100 * factor), 100 * factor - 1) / factor : share * 100;
  return `${percent.toFixed(digits)} %`;
}

/** Three significant digits without an exponent: `0.0123`, `4.76`, `39.3`, `1,235`. */
export function formatSignificant(value: number, missing = "N/A"): string {
  if (!Number.isFinite(value)) return missing;
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(3)))));
  return formatFixed(value, Math.min(6, Math.max(0, 2 - exponent)));
}

/** A number as one would write it, without trailing zeros: `10`, `0.5`, `1,250`. */
export function formatPlain(value: number, missing = "N/A"): string {
  if (!Number.isFinite(value)) return missing;
  const [, fraction = ""] = String(Number(value.toPrecision(6))).split(".");
  return formatFixed(value, fraction.includes("e") ? 6 : fraction.length);
}

/** Time since the start of a run: `0:05`, `12:40`, `1:02:40`. */
export function formatClock(ms: number): string {
  const seconds = Math.floor(ms / 1000 + 1e-6);
  const minutes = Math.floor(seconds / 60);
  const rest = String(seconds % 60).padStart(2, "0");
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** `1 request`, `2 requests` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A deployment in short: `4P3D`, or `3 workers` in aggregated mode. */
export function formatDeployment(mode: "agg" | "disagg", prefill: number, decode: number): string {
  return mode === "disagg" ? `${prefill}P${decode}D` : plural(decode, "worker");
}
