import { invalidQuestion } from "./errors.ts";

/** @throws UserError unless `found` is a whole number of at least `least`, and a multiple of `step` */
export function requireCount(name: string, found: number, least: number, step = 1): void {
  if (Number.isInteger(found) && found >= least && found % step === 0) return;
  const multiple = step > 1 ? `a multiple of ${step}` : "a whole number";
  throw invalidQuestion(`${name} ${found}`, `${multiple}, at least ${least}`);
}
