import { InvalidArgumentError } from "commander";
import { nearest, parseDurationMs, UserError } from "#common";

/** Parsers of flag values as vLLM's, llm-d's and Dynamo's mockers write them. */

/** A number of `least` or more. */
export function atLeast(flag: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isFinite(value) && value >= least && text.trim() !== "") return value;
    throw new InvalidArgumentError(`${flag} takes a number of ${least} or more.`);
  };
}

/** 0 or more, below 1. */
export function share(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (value >= 0 && value < 1 && text.trim() !== "") return value;
    throw new InvalidArgumentError(`${flag} takes a share of 0 or more and below 1.`);
  };
}

/** `0.85,0.3`: shares of 0..1. */
export function shares(flag: string): (text: string) => number[] {
  return (text) => {
    const values = readShares(text);
    if (values !== null) return values;
    throw new InvalidArgumentError(`${flag} takes shares of 0..1, comma-separated.`);
  };
}

/** Null where it is none. */
export function readShares(text: string): number[] | null {
  const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  return values.every((value) => value >= 0 && value <= 1) ? values : null;
}

/** Seconds (`30`) or a duration (`2m`), as ms. @param least bare numbers from here on */
export function seconds(flag: string, least = 0): (text: string) => number {
  return (text) => timeMs(flag, text, 1000, least);
}

/** Milliseconds (`100`) or a duration (`100ms`, `2s`), as ms. */
export function milliseconds(flag: string): (text: string) => number {
  return (text) => timeMs(flag, text, 1, 0);
}

function timeMs(flag: string, text: string, unitMs: number, least: number): number {
  const bare = Number(text);
  if (text.trim() !== "" && Number.isFinite(bare)) {
    if (bare >= least) return bare * unitMs;
    throw new InvalidArgumentError(`${flag} takes ${least} or more.`);
  }
  try {
    return parseDurationMs(text, flag);
  } catch (error) {
    if (error instanceof UserError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
}

/** `5557,5558`. */
export function portList(flag: string): (text: string) => number[] {
  return (text) => {
    const ports = text.split(",").map(Number);
    if (ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)) return ports;
    throw new InvalidArgumentError(`${flag} takes ports, comma-separated.`);
  };
}

/** Comma-separated names, each a known one. */
export function keys(flag: string, known: readonly string[]): (text: string) => string[] {
  return (text) => {
    const names = text.split(",").map((name) => name.trim());
    for (const name of names) {
      if (known.includes(name)) continue;
      const near = nearest(name, known);
      throw new InvalidArgumentError(
        `${flag} knows no "${name}"${near === undefined ? `; known are ${known.join(", ")}` : `; did you mean "${near}"?`}`,
      );
    }
    return names;
  };
}
