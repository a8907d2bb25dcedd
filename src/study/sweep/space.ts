import type { RandomStream } from "#common";
import { inUnit } from "./axes.ts";
import { needsValues, spaceTooLarge } from "./errors.ts";
import type { Axis, Domain, FieldValue, SweepCandidate } from "./types.ts";

const MOST_CANDIDATES = 100_000;

/** Every combination of the axes' values, the last axis fastest. @throws UserError STUDY_NEEDS_VALUES, STUDY_SPACE_TOO_LARGE */
export function grid(axes: readonly Axis[]): SweepCandidate[] {
  const lists = axes.map(({ name, domain }) => {
    if (domain.kind === "between") throw needsValues(name, "a grid");
    return domain.values;
  });
  const size = lists.reduce((product, { length }) => product * length, 1);
  if (size > MOST_CANDIDATES) throw spaceTooLarge(size, MOST_CANDIDATES);
  return lists.reduce<SweepCandidate[]>(
    (found, values) => found.flatMap((candidate) => values.map((value) => ({ values: [...candidate.values, value] }))),
    [{ values: [] }],
  );
}

/** At most `count` candidates drawn at random, each once: fewer where the space has no more (or nearly so). */
export function draws(axes: readonly Axis[], count: number, random: RandomStream): SweepCandidate[] {
  const found = new Map<string, SweepCandidate>();
  for (let attempt = 0; attempt < 50 * count && found.size < count; attempt++) {
    const candidate = { values: axes.map(({ domain }) => draw(domain, random)) };
    found.set(JSON.stringify(candidate.values), candidate);
  }
  return [...found.values()];
}

function draw(domain: Domain, random: RandomStream): FieldValue {
  if (domain.kind === "values") return domain.values[random.integer(domain.values.length)]!;
  return valueAtShare(domain, random.next());
}

/** @param share 0..1 of the way from the low end to the high one */
export function valueAtShare(domain: Extract<Domain, { kind: "between" }>, share: number): FieldValue {
  const { low, high, log, whole, unit } = domain;
  // Each whole number owns an equal part of the way.
  if (whole && !log) return inUnit(Math.min(high, Math.floor(low + share * (high - low + 1))), unit);
  const value = log ? low * (high / low) ** share : low + share * (high - low);
  return inUnit(whole ? Math.round(value) : value, unit);
}

/** The reverse of `valueAtShare`. */
export function shareOfValue(domain: Extract<Domain, { kind: "between" }>, value: FieldValue): number {
  const number = typeof value === "number" ? value : Number.parseFloat(String(value));
  const { low, high, log, whole } = domain;
  if (log) return Math.log(number / low) / Math.log(high / low);
  return whole ? (number - low + 0.5) / (high - low + 1) : (number - low) / (high - low);
}
