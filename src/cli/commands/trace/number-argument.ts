import { InvalidArgumentError } from "commander";

/** A parser of numeric flags. */
export function numberArgument(least: number, whole: boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && value >= least && (!whole || Number.isInteger(value))) {
      return value;
    }
    throw new InvalidArgumentError(`Expected a ${whole ? "whole number" : "number"} of at least ${least}.`);
  };
}
