import { ambiguousFlag, badFlagValue, flagRefused, unexpectedWord, unknownFlag } from "./errors.ts";

/** What a flag's value must be: `switch` has none, `toggle` one behind `=` at most, `count` is 1 or more, `amount` 0 or more. */
export type ValueKind = "switch" | "toggle" | "text" | "count" | "amount" | "number" | readonly string[];

/** What becomes of a flag of Dynamo's. */
export interface FlagRule {
  value: ValueKind;
  /** Our flag with its value, without dashes; the flag's own name where absent. */
  to?: string;
  /** What our flag wants behind the value: a unit. */
  unit?: string;
  /** Left aside, and why. */
  leave?: string;
  /** Can't be honoured, and would change what is run. */
  refuse?: { reason: string; hint: string };
}

export type FlagTable = ReadonlyMap<string, FlagRule>;

export interface GivenFlag {
  /** Without dashes, in full. */
  name: string;
  /** Absent: a switch. */
  value?: string;
}

/** Several flags under one rule. */
export function flags(rule: FlagRule, ...names: string[]): [string, FlagRule][] {
  return names.map((name) => [name, rule]);
}

/**
 * Reads flags as Python's argparse does: `--flag value`, `--flag=value`, any beginning that means one flag alone.
 * @throws UserError for unknown flags, missing and unfit values, other words, with the component's place
 */
export function readFlags(words: readonly string[], table: FlagTable, program: string, where: string): GivenFlag[] {
  const given: GivenFlag[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (!word.startsWith("-")) throw unexpectedWord(where, program, word);
    const [spelled, inline] = divided(word);
    const name = fullName(spelled, table, program, where);
    const rule = table.get(name)!;
    if (rule.refuse) throw flagRefused(where, `--${name}`, rule.refuse.reason, rule.refuse.hint);
    if (rule.value === "switch") {
      if (inline !== undefined) throw badFlagValue(where, `--${name}`, inline, "no value: it is a switch");
      given.push({ name });
      continue;
    }
    if (rule.value === "toggle") {
      given.push(inline === undefined ? { name } : { name, value: inline });
      continue;
    }
    const value = inline ?? words[++at];
    if (value === undefined || (inline === undefined && /^--[a-z]/.test(value))) {
      throw badFlagValue(where, `--${name}`, undefined, expectation(rule.value));
    }
    if (!fits(value, rule.value)) throw badFlagValue(where, `--${name}`, value, expectation(rule.value));
    given.push({ name, value });
  }
  return given;
}

/** Our flags for those that were read, in their order; of those that are left aside, the note. */
export function translated(given: readonly GivenFlag[], table: FlagTable, note: (text: string) => void): string[] {
  return given.flatMap(({ name, value }) => {
    const rule = table.get(name)!;
    if (rule.leave !== undefined) {
      note(`--${name}${value === undefined ? "" : ` ${value}`} left aside: ${rule.leave}`);
      return [];
    }
    return [`--${rule.to ?? name}`, ...(value === undefined ? [] : [`${value}${rule.unit ?? ""}`])];
  });
}

/** Value of a flag in a command line that is not read by a table; the last one counts. */
export function flagValue(words: readonly string[], ...names: string[]): string | undefined {
  let found: string | undefined;
  for (const [at, word] of words.entries()) {
    const [spelled, inline] = divided(word);
    if (names.includes(spelled)) found = inline ?? words[at + 1];
  }
  return found;
}

function divided(word: string): [name: string, value?: string] {
  const match = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(word);
  if (!match || !word.startsWith("-")) return [word];
  return match[2] === undefined ? [match[1]!] : [match[1]!, match[2]];
}

function fullName(spelled: string, table: FlagTable, program: string, where: string): string {
  const name = spelled.replaceAll("_", "-");
  if (table.has(name)) return name;
  const candidates = spelled === "" ? [] : [...table.keys()].filter((known) => known.startsWith(name));
  if (candidates.length === 1) return candidates[0]!;
  const dashed = (names: readonly string[]) => names.map((known) => `--${known}`);
  if (candidates.length > 1) throw ambiguousFlag(where, `--${spelled}`, dashed(candidates));
  throw unknownFlag(where, program, `--${spelled}`, dashed([...table.keys()]));
}

function fits(value: string, kind: ValueKind): boolean {
  // What a replica alone knows is checked when it starts.
  if (value.includes("%{")) return true;
  if (kind === "count") return /^0*[1-9]\d*$/.test(value);
  if (kind === "number") return isNumber(value);
  if (kind === "amount") return isNumber(value) && Number(value) >= 0;
  return typeof kind === "string" || kind.includes(value);
}

function isNumber(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text));
}

function expectation(kind: ValueKind): string {
  if (kind === "count") return "a whole number of at least 1";
  if (kind === "number") return "a number";
  if (kind === "amount") return "a number of at least 0";
  return typeof kind === "string" ? "a value" : `one of ${kind.join(", ")}`;
}
