import fc from "fast-check";
import { expect, it } from "vitest";
import { PairNumbers } from "../../src/simulator/pair-numbers.ts";

it("numbers pairs of integers in the order of their appearance, as a map does", () => {
  const integer = fc.oneof(fc.integer(), fc.integer({ min: -3, max: 40 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(integer, integer), { maxLength: 3000 }), (pairs) => {
      const numbers = new PairNumbers();
      const known = new Map<string, number>();
      for (const [first, second] of pairs) {
        const key = `${first} ${second}`;
        if (!known.has(key)) known.set(key, known.size);
        expect(numbers.of(first, second)).toBe(known.get(key));
      }
      expect(numbers.size).toBe(known.size);
    }),
    { numRuns: 50 },
  );
});
