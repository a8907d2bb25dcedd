/** What must hold in every run, by number; docs/invariants.md says of each how it is checked. Numbers are stable. */
export const INVARIANTS = {
  1: "conservation of requests",
  2: "conservation of tokens",
  3: "blocks within the cache",
  4: "blocks with one owner",
  5: "causality",
  6: "work conservation",
  7: "first come, first served",
  8: "monotone time",
  9: "seats of a batch",
  10: "workers' lives",
} as const;

export type InvariantNumber = keyof typeof INVARIANTS;

export interface Violation {
  invariant: InvariantNumber;
  /** Virtual time, ms. */
  atMs: number;
  /** `decode/3`, `request 12` … */
  where: string;
  /** What was found, and what was expected. */
  what: string;
}

/** Violations of one number that are kept; all are counted. */
const KEPT = 5;

/** Takes down what was violated. */
export class Violations {
  readonly kept: Violation[] = [];
  readonly #counts = new Map<InvariantNumber, number>();

  get count(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  add(violation: Violation): void {
    const count = (this.#counts.get(violation.invariant) ?? 0) + 1;
    this.#counts.set(violation.invariant, count);
    if (count <= KEPT) this.kept.push(violation);
  }

  /** One line a violation, by number; `and 12 more` where there were more than are kept. */
  lines(): string[] {
    return [...this.#counts.keys()]
      .sort((a, b) => a - b)
      .flatMap((number) => {
        const of = this.kept.filter(({ invariant }) => invariant === number);
        const more = this.#counts.get(number)! - of.length;
        return [
          ...of.map(({ atMs, where, what }) => `${number} (${INVARIANTS[number]}) at ${atMs} ms, ${where}: ${what}`),
          ...(more > 0 ? [`${number} (${INVARIANTS[number]}): and ${more} more`] : []),
        ];
      });
  }
}
