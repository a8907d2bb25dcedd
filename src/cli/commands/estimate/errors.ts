import { didYouMean, UserError } from "#common";

/** Mistakes in the flags of `understudy estimate`. */

export const missingFlag = (flag: string, hint: string): UserError =>
  new UserError({ code: "ESTIMATE_MISSING_FLAG", where: flag, message: `found no ${flag}`, hint });

export const tooFewFlags = (flags: string, message: string): UserError =>
  new UserError({ code: "ESTIMATE_CONTRADICTION", where: flags, message, hint: "give one of them, or other values" });

export const notInPackage = (flag: string, message: string): UserError =>
  new UserError({
    code: "ESTIMATE_NOT_IN_PACKAGE",
    where: flag,
    message: `the aiconfigurator package can't be asked for this: ${message}`,
    hint: "leave it out, or take --estimator built-in",
  });

export const unknownGpu = (found: string, known: readonly string[]): UserError =>
  new UserError({
    code: "ESTIMATE_UNKNOWN_GPU",
    where: "--gpu",
    message: `found "${found}", expected a GPU system`,
    hint: didYouMean(found, known) ?? `known are ${known.join(", ")}`,
  });
