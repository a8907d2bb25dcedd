import fc from "fast-check";
import { expect, it } from "vitest";
import { sortNumbers } from "#common";

const several = fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: -50, max: 50 }), fc.constantFrom(0, -0, 1e-310));

it("sorts numbers as typed arrays do, whatever their kind", () => {
  fc.assert(
    fc.property(fc.array(several, { minLength: 1, maxLength: 300 }), (values) => {
      // Enough of them not to be left to the typed array.
      const many = Float64Array.from({ length: 4200 }, (_, i) =>
        i < values.length ? values[i]! : (values[i % values.length]! * (i % 7)) / 3,
      ).map((value) => (Number.isNaN(value) ? 0 : value));
      const expected = many.slice().sort();
      const sorted = sortNumbers(many);
      expect(sorted).toBe(many);
      expect(Buffer.from(sorted.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it("sorts a part of an array in place", () => {
  const values = Float64Array.from({ length: 10_000 }, (_, i) => (i * 7919) % 10_007);
  const part = values.subarray(100, 9000);
  const expected = part.slice().sort();
  sortNumbers(part);
  expect(values.subarray(100, 9000)).toEqual(expected);
  expect([values[0], values[99], values[9000]]).toEqual([0, (99 * 7919) % 10_007, (9000 * 7919) % 10_007]);
});

it("sorts numbers that differ in their last bits alone", () => {
  // Runs of 7 and of 3000 such numbers, and among them negative ones.
  for (const run of [7, 3000]) {
    const values = Float64Array.from({ length: 9000 }, (_, i) => {
      const near = 1 + Math.floor(i / run) + ((i * 7919) % 8999) * 2 ** -40;
      return i % 2 === 0 ? near : -near;
    });
    const expected = values.slice().sort();
    expect(sortNumbers(values)).toEqual(expected);
  }
});

it("sorts few", () => {
  expect([...sortNumbers(Float64Array.of(3, -1, 2))]).toEqual([-1, 2, 3]);
});
