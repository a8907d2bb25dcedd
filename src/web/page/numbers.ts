/** Numbers for people; as the report writes them, and without `Intl` the same everywhere. */

/** `12,345.67` */
export function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return "–";
  const [whole, fraction] = value.toFixed(digits).split(".");
  const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** Three digits that count: `0.0123`, `4.76`, `1,235`. */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(3)))));
  return fixed(value, Math.min(6, Math.max(0, 2 - exponent)));
}

/** As one would write it: `200`, `12.5`. */
export function plain(value: number): string {
  const [, fraction = ""] = String(Number(value.toPrecision(6))).split(".");
  return fixed(value, fraction.length);
}

/** `1 GPU`, `2 GPUs` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${fixed(count, 0)} ${count === 1 ? one : many}`;
}
