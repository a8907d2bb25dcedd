import { InvalidArgumentError } from "commander";

const MOST = 100_000;

/** Parser of a flag that takes `1..20`, `1,2,5`, `1..3,7`: seeds in this order, each once. */
export function seedList(flag: string): (text: string) => number[] {
  return (text) => seedsOf(flag, text);
}

function seedsOf(flag: string, text: string): number[] {
  const refused = (why: string) => new InvalidArgumentError(`${flag} takes seeds such as 1..20 or 1,2,5: ${why}.`);
  const seeds = new Set<number>();
  for (const part of text.split(",")) {
    const [, first, last = first] = /^\s*(\d+)(?:\.\.(\d+))?\s*$/.exec(part) ?? [];
    if (first === undefined) throw refused(`found ${JSON.stringify(part)}`);
    const [from, to] = [Number(first), Number(last)];
    if (!Number.isSafeInteger(to) || to < from) throw refused(`found ${part.trim()}, which holds none`);
    if (to - from + seeds.size >= MOST) throw refused(`found more than ${MOST}`);
    for (let seed = from; seed <= to; seed++) seeds.add(seed);
  }
  return [...seeds];
}
