import { z } from "zod";
import type { Distribution } from "../traffic.ts";
import { exactlyOne, ONE_KEY, positive } from "./values.ts";

/**
 * A distribution as scenarios write it: a plain value, or one key that names the kind.
 * @param value what may be drawn @param real what a mean or a deviation may be, where that is more
 */
export function distribution(value: z.ZodType<number>, description: string, real: z.ZodType<number> = value) {
  const range = z
    .strictObject({ min: value, max: value })
    .refine((range) => range.min <= range.max, { error: "expected min to be at most max", path: ["min"] });
  const simple = {
    uniform: range.meta({ description: "Evenly between min and max" }),
    normal: z
      .strictObject({ mean: real, deviation: real })
      .meta({ description: "Normal, cut at the smallest value that makes sense" }),
    lognormal: z.strictObject({ mean: real, sigma: z.number().min(0).max(5) }).meta({
      description: "Lognormal with this mean; sigma is the deviation of the logarithm",
    }),
    exponential: z.strictObject({ mean: real }),
    quantiles: quantiles(value),
    list: z.array(value).min(1).meta({ description: "One after the other, and again from the first" }),
  };
  const part = z.union([
    value,
    z.strictObject(optional(simple)).superRefine(exactlyOne("kind of distribution")).meta(ONE_KEY),
  ]);
  const mixture = z
    .array(z.strictObject({ weight: positive, of: part }))
    .min(1)
    .meta({ description: "One of several, drawn by weight" });
  return z
    .union([
      value,
      z
        .strictObject(optional({ ...simple, mixture }))
        .superRefine(exactlyOne("kind of distribution"))
        .meta(ONE_KEY),
    ])
    .transform(toDistribution)
    .meta({ description });
}

/** `{ 0: 1, 50: 74, 99: 3388, 100: 8000 }`: percent and value. */
function quantiles(value: z.ZodType<number>) {
  return z
    .record(z.string().regex(/^(100|\d{1,2})(\.\d+)?$/, { error: "expected percent from 0 to 100" }), value)
    .superRefine((points, context) => {
      const sorted = byPercent(points);
      if (sorted[0]?.q !== 0 || sorted.at(-1)?.q !== 1) {
        context.addIssue({
          code: "custom",
          message: "expected values at 0 and at 100 percent, the least and the largest",
        });
      }
      sorted.forEach((point, i) => {
        const before = sorted[i - 1];
        if (before === undefined || (before.q < point.q && before.value <= point.value)) return;
        context.addIssue({
          code: "custom",
          message: `expected values that do not fall: found ${before.value} at ${before.q * 100} % and ${point.value} at ${point.q * 100} %`,
        });
      });
    })
    .meta({ description: "Values by percent, such as { 0: 1, 50: 74, 99: 3388, 100: 8000 }; in between by ratio" });
}

function byPercent(points: Record<string, number>): { q: number; value: number }[] {
  return Object.entries(points)
    .map(([percent, value]) => ({ q: Number(percent) / 100, value }))
    .sort((a, b) => a.q - b.q);
}

function optional<T extends Record<string, z.ZodType>>(shape: T): { [K in keyof T]: z.ZodOptional<T[K]> } {
  const entries = Object.entries(shape).map(([key, schema]) => [key, schema.optional()]);
  return Object.fromEntries(entries) as { [K in keyof T]: z.ZodOptional<T[K]> };
}

interface Written {
  uniform?: { min: number; max: number } | undefined;
  normal?: { mean: number; deviation: number } | undefined;
  lognormal?: { mean: number; sigma: number } | undefined;
  exponential?: { mean: number } | undefined;
  quantiles?: Record<string, number> | undefined;
  list?: number[] | undefined;
  mixture?: { weight: number; of: number | Written }[] | undefined;
}

function toDistribution(written: number | Written): Distribution {
  if (typeof written === "number") return { kind: "fixed", value: written };
  if (written.uniform) return { kind: "uniform", ...written.uniform };
  if (written.normal) return { kind: "normal", ...written.normal };
  if (written.lognormal) return { kind: "lognormal", ...written.lognormal };
  if (written.exponential) return { kind: "exponential", ...written.exponential };
  if (written.quantiles) return { kind: "quantiles", points: byPercent(written.quantiles) };
  if (written.list) return { kind: "list", values: written.list };
  const parts = written.mixture ?? [];
  return { kind: "mixture", parts: parts.map(({ weight, of }) => ({ weight, of: toDistribution(of) })) };
}
