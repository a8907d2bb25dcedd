import { basename } from "node:path";
import { UserError } from "#common";

/** The catalogue of what can be wrong with a sweep. Codes are stable. */

export function badAxis(text: string, message: string, hint?: string): UserError {
  return new UserError({
    code: "STUDY_BAD_AXIS",
    where: `--set ${text}`,
    message,
    hint: hint ?? "such as deployment.decode.workers=1,2,4 or deployment.prefill.startup=range(0s,300s,30s)",
  });
}

export function badGoal(flag: string, text: string, message: string, hint?: string): UserError {
  return new UserError({
    code: "STUDY_BAD_GOAL",
    where: `${flag} ${text}`,
    message,
    ...(hint === undefined ? {} : { hint }),
  });
}

export function spaceTooLarge(size: number, most: number): UserError {
  return new UserError({
    code: "STUDY_SPACE_TOO_LARGE",
    where: "--set",
    message: `found ${size} combinations, expected at most ${most}`,
    hint: "take fewer values, or --method random --samples N",
  });
}

export function needsValues(axis: string, method: string): UserError {
  return new UserError({
    code: "STUDY_NEEDS_VALUES",
    where: `--set ${axis}`,
    message: `found between(…), which has no end of values, and ${method} tries all of them`,
    hint: "list the values, use range(first,last,step), or take --method random or bayes",
  });
}

export function storeTaken(file: string): UserError {
  return new UserError({
    code: "STUDY_STORE_TAKEN",
    where: file,
    message: `found results of an earlier ${basename(file, ".sqlite")}`,
    hint: "--resume goes on with them, -o takes another folder",
  });
}

export function storeUnreadable(file: string, reason: string, cause?: unknown): UserError {
  return new UserError({
    code: "STUDY_STORE_UNREADABLE",
    where: file,
    message: `found ${reason}, expected the results of a sweep`,
    ...(cause === undefined ? {} : { cause }),
  });
}

export function nothingRan(first: string): UserError {
  return new UserError({
    code: "STUDY_NOTHING_RAN",
    message: `no candidate could be run; the first one: ${first}`,
  });
}

export function valueNeverRan(where: string, reason: string): UserError {
  return new UserError({
    code: "STUDY_VALUE_REFUSED",
    where,
    message: `no candidate with this value could be run: ${reason}`,
  });
}
