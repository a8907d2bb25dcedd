import { z } from "zod";
import { parseBytes, parseBytesPerSecond, parseDurationMs, UserError } from "#common";

/** Longest time a scenario may speak of: a year, ms. */
const MAX_MS = 366 * 86_400_000;

type Scalar = string | number;

/** Text (or a number) that a parser of `common` turns into a number. */
function parsed(parse: (value: Scalar) => number, expected: string, check: (value: number) => string | null) {
  return z.union([z.string(), z.number()], { error: `expected ${expected}` }).transform((value, context) => {
    try {
      const number = parse(value);
      const wrong = check(number);
      if (wrong === null) return number;
      context.issues.push({ code: "custom", message: `expected ${wrong}`, input: value });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.issues.push({ code: "custom", message: error.message, input: value, params: { hint: error.hint } });
    }
    return z.NEVER;
  });
}

/** `30s`, `10m`, `0`; out comes ms. */
export function duration(description: string) {
  return durationFrom(0, "a duration of at most a year", description, "30s");
}

/** A duration above zero, of 1 ms or more. */
export function positiveDuration(description: string) {
  return durationFrom(1, "a duration between 1ms and a year", description, "10m");
}

function durationFrom(leastMs: number, expected: string, description: string, example: string) {
  return parsed(
    (value) => parseDurationMs(value),
    "a duration such as 200ms, 30s or 10m",
    (ms) => (ms >= leastMs && ms <= MAX_MS ? null : expected),
  ).meta({ description: `${description} (duration such as 200ms, 30s, 10m)`, examples: [example] });
}

export function bytes(description: string) {
  return parsed(
    (value) => parseBytes(value),
    "a number of bytes such as 131072 or 128KiB",
    (value) => (value > 0 ? null : "more than 0 bytes"),
  ).meta({ description: `${description} (bytes such as 131072 or 128KiB)`, examples: ["128KiB"] });
}

export function bandwidth(description: string) {
  return parsed(
    (value) => parseBytesPerSecond(value),
    "a bandwidth such as 64GB/s",
    (value) => (value > 0 ? null : "more than 0 bytes a second"),
  ).meta({ description: `${description} (bytes a second such as 64GB/s)`, examples: ["64GB/s"] });
}

export const rate = z.number().min(0).max(1e7).meta({ description: "Requests per second" });
export const tokens = z.int().min(1).max(1e8);
export const share = z.number().min(0).max(1);
export const positive = z.number().positive().max(1e12);

/** What every object that names one of several kinds by its only key must hold. */
export function exactlyOne(what: string) {
  return (value: Record<string, unknown>, context: z.RefinementCtx): void => {
    const given = Object.keys(value).filter((key) => value[key] !== undefined);
    if (given.length === 1) return;
    const found = given.length === 0 ? "nothing" : given.join(" and ");
    context.addIssue({ code: "custom", message: `found ${found}, expected exactly one ${what}` });
  };
}

/** The same for JSON Schema, where refinements don't show. */
export const ONE_KEY = { minProperties: 1, maxProperties: 1 };

/** A whole number that may be left out. */
export const whole = (least: number, most: number, description: string) =>
  z.int().min(least).max(most).optional().meta({ description });
