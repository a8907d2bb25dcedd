import { parse } from "yaml";
import { parseBytesPerSecond, parseDurationMs, UserError } from "#common";
import { formatPath, parsePath } from "#common/documents";
import type { Override } from "#scenarios";
import { badAxis } from "./errors.ts";
import type { Axis, Domain, FieldValue, SweepCandidate } from "./types.ts";

const MOST_VALUES = 100_000;
const NUMBER_WITH_UNIT = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z][A-Za-z/]*)?$/;

interface Quantity {
  number: number;
  unit: string;
  /** Written without a fraction. */
  whole: boolean;
}

/**
 * An axis from `path=1,2,4`, `path=range(0s,300s,30s)`, `path=geometric(1,64,7)`, `path=between(0.5,8)`; several paths with commas
 * between them get the same value. Values are YAML: `[1, 2]` and `{a: 1}` are one value each.
 * @throws UserError STUDY_BAD_AXIS
 */
export function parseAxis(text: string): Axis {
  const equals = text.indexOf("=");
  if (equals < 1) throw badAxis(text, "found no path and values with = between them");
  const name = text.slice(0, equals).trim();
  const paths = name.split(",").map((path) => parsePath(path.trim()));
  if (paths.some((path) => path.length === 0)) throw badAxis(text, "found an empty path");
  return { name, paths, domain: domainOf(text, text.slice(equals + 1).trim()) };
}

/** Axes of all `--set`. @throws UserError STUDY_BAD_AXIS where one can't be read, or two set the same field */
export function parseAxes(texts: readonly string[]): Axis[] {
  const axes = texts.map(parseAxis);
  const seen = new Set<string>();
  for (const [i, { paths }] of axes.entries()) {
    for (const path of paths) {
      const key = JSON.stringify(path);
      if (seen.has(key)) throw badAxis(texts[i]!, `found ${formatPath(path)} twice: a field has one value at a time`);
      seen.add(key);
    }
  }
  return axes;
}

/** The values that a candidate sets, path by path. */
export function overridesOf(axes: readonly Axis[], candidate: SweepCandidate): Override[] {
  return axes.flatMap(({ paths }, i) => paths.map((path) => ({ path, value: candidate.values[i]! })));
}

/** `deployment.decode.workers=4, seed=2` */
export function candidateText(axes: readonly Axis[], { values }: SweepCandidate): string {
  return axes.map(({ name }, i) => `${name}=${valueText(values[i]!)}`).join(", ");
}

export function valueText(value: FieldValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A value as a number to draw it by: durations in seconds, sizes and bandwidths in bytes (per second); NaN where it is none. */
export function valueNumber(value: FieldValue): number {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.trim() === "") return Number.NaN;
  const ms = parsed(value, parseDurationMs);
  if (ms !== null) return ms / 1000;
  return parsed(value, parseBytesPerSecond) ?? Number(value);
}

/** Whether values of this unit are durations. */
export function isDuration(value: FieldValue): boolean {
  // A zero alone has no unit.
  return typeof value === "string" && value.trim() !== "0" && parsed(value, parseDurationMs) !== null;
}

function parsed(text: string, parse: (text: string) => number): number | null {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

function domainOf(text: string, written: string): Domain {
  const call = /^(range|geometric|between)\(([^()]*)\)$/.exec(written);
  if (call === null) return { kind: "values", values: listOf(text, written) };
  const [, kind, inner] = call;
  const parts = inner!.split(",").map((part) => part.trim());
  if (kind === "between") return betweenOf(text, parts);
  return { kind: "values", values: kind === "range" ? rangeOf(text, parts) : geometricOf(text, parts) };
}

function listOf(text: string, written: string): FieldValue[] {
  const values = splitTop(written).map((part): FieldValue => {
    if (part.trim() === "") throw badAxis(text, "found an empty value");
    const likeRange = LIKE_RANGE.exec(part.trim());
    if (likeRange !== null) {
      const [, first, last] = likeRange;
      const hint = `all from ${first} to ${last}: range(${first},${last})`;
      throw badAxis(text, `found ${JSON.stringify(part)}, expected values or range(first,last)`, hint);
    }
    if (LIKE_CALL.test(part.trim())) {
      throw badAxis(
        text,
        `found ${JSON.stringify(part)}, expected values, or one of range, geometric and between alone`,
      );
    }
    try {
      return parse(part) as FieldValue;
    } catch {
      throw badAxis(text, `found ${JSON.stringify(part)}, which is no value of YAML`);
    }
  });
  const distinct = new Set(values.map((value) => JSON.stringify(value)));
  if (distinct.size < values.length) throw badAxis(text, "found a value twice");
  return values;
}

/** What is written so elsewhere (`--seeds 1..20`), and what is meant to be one of the functions. No field has such values. */
const LIKE_RANGE = /^([+-]?[\d.]*\d[A-Za-z]*)\.\.([+-]?\d[\d.]*[A-Za-z]*)$/;
const LIKE_CALL = /^[A-Za-z]+\(.*\)$/;

/** At commas outside of brackets and quotes. */
function splitTop(text: string): string[] {
  const parts = [""];
  let depth = 0;
  let quote = "";
  for (const character of text) {
    if (quote !== "") {
      if (character === quote) quote = "";
    } else if (character === '"' || character === "'") quote = character;
    else if ("[{(".includes(character)) depth++;
    else if ("]})".includes(character)) depth--;
    else if (character === "," && depth === 0) {
      parts.push("");
      continue;
    }
    parts[parts.length - 1] += character;
  }
  return parts;
}

function quantityOf(text: string): Quantity | null {
  const [, digits, unit = ""] = NUMBER_WITH_UNIT.exec(text.trim()) ?? [];
  if (digits === undefined) return null;
  return { number: Number(digits), unit, whole: /^[+-]?\d+$/.test(digits) };
}

/** Numbers of one unit; a zero needs none. */
function quantities(text: string, parts: readonly string[]): { numbers: number[]; unit: string; whole: boolean } {
  const found = parts.map((part) => {
    const quantity = quantityOf(part);
    if (quantity === null)
      throw badAxis(text, `found ${JSON.stringify(part)}, expected a number, with a unit or without`);
    return quantity;
  });
  const units = new Set(found.filter(({ number, unit }) => number !== 0 || unit !== "").map(({ unit }) => unit));
  if (units.size > 1)
    throw badAxis(text, `found the units ${[...units].map((unit) => unit || "none").join(" and ")}, expected one`);
  return {
    numbers: found.map(({ number }) => number),
    unit: [...units][0] ?? "",
    whole: found.every(({ whole }) => whole),
  };
}

function rangeOf(text: string, parts: readonly string[]): FieldValue[] {
  if (parts.length < 2 || parts.length > 3) throw badAxis(text, "expected range(first,last) or range(first,last,step)");
  const { numbers, unit } = quantities(text, parts);
  const [first = 0, last = 0, step = 1] = numbers;
  if (!(step > 0) || last < first) throw badAxis(text, "expected a last value not below the first, and a step above 0");
  const count = Math.floor((last - first) / step + 1e-9) + 1;
  if (count > MOST_VALUES) throw badAxis(text, `found ${count} values, expected at most ${MOST_VALUES}`);
  return Array.from({ length: count }, (_, i) => inUnit(first + i * step, unit));
}

function geometricOf(text: string, parts: readonly string[]): FieldValue[] {
  if (parts.length !== 3) throw badAxis(text, "expected geometric(first,last,count)");
  const { numbers, unit, whole } = quantities(text, parts.slice(0, 2));
  const [first = 0, last = 0] = numbers;
  const count = Number(parts[2]);
  if (!Number.isInteger(count) || count < 2 || count > MOST_VALUES)
    throw badAxis(text, `found ${parts[2]} values, expected a whole number of 2 or more`);
  if (!(first > 0 && last > first)) throw badAxis(text, "expected 0 < first < last");
  const values = Array.from({ length: count }, (_, i) => {
    const value = first * (last / first) ** (i / (count - 1));
    return inUnit(whole ? Math.round(value) : value, unit);
  });
  return [...new Set(values)];
}

function betweenOf(text: string, parts: readonly string[]): Domain {
  const log = parts[2] === "log";
  if (parts.length !== (log ? 3 : 2)) throw badAxis(text, "expected between(low,high) or between(low,high,log)");
  const { numbers, unit, whole } = quantities(text, parts.slice(0, 2));
  const [low = 0, high = 0] = numbers;
  if (!(high > low) || (log && low <= 0)) throw badAxis(text, "expected low < high, and low above 0 with log");
  return { kind: "between", low, high, log, whole, unit };
}

/** A number as a scenario has it: plain, or a text with its unit. */
export function inUnit(number: number, unit: string): FieldValue {
  const rounded = Number(number.toPrecision(12));
  return unit === "" ? rounded : `${rounded}${unit}`;
}
