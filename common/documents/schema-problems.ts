import type { z } from "zod";
import { didYouMean } from "#common";
import { knownKeys, knownWords } from "./known-keys.ts";
import { type Path, valueAt } from "./path.ts";

/** One thing that is wrong with a document, in words. */
export interface Problem {
  path: Path;
  /** Set where the problem is a key, not its value. */
  key?: string;
  message: string;
  hint?: string;
}

type Issue = z.core.$ZodIssue;

/**
 * What a schema found wrong. Unions are reduced to the branch that was meant; unknown keys come first, and what is missing
 * because of a mistyped key is not told twice.
 */
export function schemaProblems(schema: z.ZodType, value: unknown, error: z.ZodError): Problem[] {
  const all = error.issues.flatMap((issue) => problems(schema, value, issue, issue.path as Path));
  const keys = all.filter((problem) => problem.key !== undefined);
  const others = all.filter((problem) => problem.key === undefined && !keys.some((key) => explains(key, problem)));
  return [...keys, ...others];
}

/** What is missing is what the unknown key was meant to give. */
function explains(unknown: Problem, problem: Problem): boolean {
  if (!problem.message.startsWith("found nothing")) return false;
  if (samePath(unknown.path, problem.path)) return true;
  const meant = unknown.hint === `did you mean "${problem.path.at(-1)}"?`;
  return meant && samePath(unknown.path, problem.path.slice(0, -1));
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((key, i) => key === b[i]);
}

function problems(schema: z.ZodType, root: unknown, issue: Issue, path: Path): Problem[] {
  const found = valueAt(root, path);
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = knownKeys(schema, path, found);
      return issue.keys.map((key) => unknownKey(path, key, known));
    }
    case "invalid_union": {
      if ("discriminator" in issue && issue.discriminator !== undefined) return [expectation(schema, path, found, "")];
      const branch = meantBranch(issue);
      if (branch !== undefined) {
        return branch.flatMap((inner) => problems(schema, root, inner, [...path, ...(inner.path as Path)]));
      }
      if (issue.message !== "Invalid input") return [{ path, message: withFound(found, issue.message) }];
      return [expectation(schema, path, found, unionWords(issue))];
    }
    case "invalid_value":
      if (issue.message.startsWith("expected")) return [{ path, message: withFound(found, issue.message) }];
      return [expectation(schema, path, found, issue.values.map((value) => String(value)).join(", "))];
    case "invalid_type":
      return [expectation(schema, path, found, TYPE_NAMES[issue.expected] ?? issue.expected)];
    case "too_small":
    case "too_big":
      return [{ path, message: `found ${show(found)}, expected ${bound(issue)}` }];
    case "not_multiple_of":
      return [{ path, message: `found ${show(found)}, expected a multiple of ${issue.divisor}` }];
    default: {
      const hint = issue.code === "custom" ? issue.params?.hint : undefined;
      const message = withFound(found, issue.message);
      return [typeof hint === "string" ? { path, message, hint } : { path, message }];
    }
  }
}

const TYPE_NAMES: Record<string, string> = {
  object: "keys and values (a map)",
  record: "keys and values (a map)",
  array: "a list",
  number: "a number",
  int: "a whole number",
  string: "a text",
  boolean: "true or false",
};

function unknownKey(path: Path, key: string, known: string[]): Problem {
  const near = didYouMean(key, known);
  const message = `unknown key "${clip(key)}"`;
  if (near !== undefined) return { path, key, message, hint: near };
  return known.length === 0 ? { path, key, message } : { path, key, message, hint: `known keys: ${known.join(", ")}` };
}

function expectation(schema: z.ZodType, path: Path, found: unknown, expected: string): Problem {
  const words = knownWords(schema, path);
  const near = typeof found === "string" ? didYouMean(found, words) : undefined;
  const wanted = words.length > 0 && expected === "" ? words.join(", ") : expected;
  const message = `found ${show(found)}, expected ${words.length > 1 && wanted === words.join(", ") ? "one of " : ""}${wanted}`;
  return near === undefined ? { path, message } : { path, message, hint: near };
}

/** The only branch of a union that takes this kind of value, if there is one. */
function meantBranch(issue: Issue & { code: "invalid_union" }): Issue[] | undefined {
  const fitting = issue.errors.filter((branch) => !branch.some(refusesKind));
  return fitting.length === 1 ? fitting[0] : undefined;
}

function refusesKind(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
}

function unionWords(issue: Issue & { code: "invalid_union" }): string {
  const parts = issue.errors.flatMap((branch) =>
    branch.filter(refusesKind).map((inner) => {
      if (inner.code === "invalid_value") return inner.values.map((value) => String(value)).join(", ");
      return inner.code === "invalid_type" ? (TYPE_NAMES[inner.expected] ?? inner.expected) : "";
    }),
  );
  return [...new Set(parts)].join(" or ");
}

function bound(issue: Issue & { code: "too_small" | "too_big" }): string {
  const least = issue.code === "too_small";
  const limit = least ? issue.minimum : issue.maximum;
  const sign = least ? (issue.inclusive ? "at least" : "more than") : issue.inclusive ? "at most" : "less than";
  if (issue.origin === "array") return `${sign} ${limit} ${Number(limit) === 1 ? "item" : "items"}`;
  if (issue.origin === "string") return `${sign} ${limit} ${Number(limit) === 1 ? "character" : "characters"}`;
  return `a number of ${sign} ${limit}`;
}

function withFound(found: unknown, message: string): string {
  return message.startsWith("expected") ? `found ${show(found)}, ${message}` : message;
}

function show(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return Object.keys(value).length === 0 ? "an empty map" : "a map";
  return clip(typeof value === "string" ? JSON.stringify(value) : String(value));
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
