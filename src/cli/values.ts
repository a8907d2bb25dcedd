import { InvalidArgumentError } from "commander";
import { parseBytesPerSecond, parseDurationMs, UserError } from "#common";

/** Parsers of flag values; what they refuse ends as a usage error that names the flag. */

/** Of a flag that may be given several times: all its values, in their order. */
export function several(text: string, before: string[] = []): string[] {
  return [...before, text];
}

export function wholeNumber(flag: string, least = 0): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least && text.trim() !== "") return value;
    throw new InvalidArgumentError(`${flag} takes a whole number of ${least} or more.`);
  };
}

export function positiveNumber(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isFinite(value) && value > 0) return value;
    throw new InvalidArgumentError(`${flag} takes a number above 0.`);
  };
}

/** From 0 to 1, both included. */
export function share(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= 0 && value <= 1) return value;
    throw new InvalidArgumentError(`${flag} takes a share from 0 to 1.`);
  };
}

function checked(flag: string, parse: (text: string, where: string) => number): (text: string) => string {
  return (text) => {
    try {
      parse(text, flag);
      return text;
    } catch (error) {
      if (error instanceof UserError) throw new InvalidArgumentError(`${error.message}.`);
      throw error;
    }
  };
}

/** The same above 0. */
export function positiveDuration(flag: string): (text: string) => string {
  return (text) => {
    const written = duration(flag)(text);
    if (parseDurationMs(written, flag) > 0) return written;
    throw new InvalidArgumentError(`${flag} takes a duration above 0.`);
  };
}

/** A duration such as `30s`, checked and handed on as written. */
export function duration(flag: string): (text: string) => string {
  return checked(flag, parseDurationMs);
}

/** A bandwidth such as `64GB/s`, checked and handed on as written. */
export function bandwidth(flag: string): (text: string) => string {
  return checked(flag, parseBytesPerSecond);
}
