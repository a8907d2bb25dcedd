import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nanoseconds, nanosecondsToMs, passNanoseconds } from "#mocker/engine";

/** Exact nearest integer of x · 1e9, ties to even, in rational arithmetic. */
function exactNanoseconds(seconds: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, seconds);
  const word = bits.getBigUint64(0);
  const biased = Number((word >> 52n) & 0x7ffn);
  const fraction = word & ((1n << 52n) - 1n);
  const mantissa = biased === 0 ? fraction : fraction | (1n << 52n);
  const exponent = (biased === 0 ? 1 : biased) - 1075;
  const numerator = mantissa * 1_000_000_000n * (exponent > 0 ? 1n << BigInt(exponent) : 1n);
  const denominator = exponent < 0 ? 1n << BigInt(-exponent) : 1n;
  const below = numerator / denominator;
  const twice = 2n * (numerator - below * denominator);
  const up = twice > denominator || (twice === denominator && below % 2n === 1n);
  return Number(up ? below + 1n : below);
}

describe("nanoseconds", () => {
  it("judges the exact binary value of the seconds", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 4e6, noNaN: true }), (ms) => {
        expect(nanoseconds(ms)).toBe(exactNanoseconds(ms / 1000));
      }),
      { numRuns: 2000 },
    );
  });

  it("is exact next to halves, where the floating product alone is not", () => {
    const steps = fc.integer({ min: -3, max: 3 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), steps, (whole, step) => {
        let seconds = (whole + 0.5) / 1e9;
        for (let i = 0; i < Math.abs(step); i++) seconds *= 1 + Math.sign(step) * Number.EPSILON;
        expect(passNanoseconds(seconds * 1000, 1, true)).toBe(exactNanoseconds((seconds * 1000) / 1000));
      }),
      { numRuns: 5000 },
    );
  });

  it("rounds exact halves to even", () => {
    expect(nanoseconds(1000 / 1024)).toBe(976_562);
    expect(nanoseconds(3000 / 1024)).toBe(2_929_688);
  });

  it("takes nothing for nothing", () => {
    expect(nanoseconds(0)).toBe(0);
    expect(nanosecondsToMs(0)).toBe(0);
  });

  it("returns to the ms it came from within a unit in the last place", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e12 }), (ns) => {
        expect(nanoseconds(nanosecondsToMs(ns))).toBe(ns);
      }),
    );
  });
});

describe("the speed-up of a pass", () => {
  it("divides, rounding once or, as DynoSim does, twice", () => {
    // 1.4999999 ns is 1 ns before the division by 0.3, and 5 ns where nothing is rounded before it.
    expect(passNanoseconds(1.4999999e-6, 0.3, true)).toBe(3);
    expect(passNanoseconds(1.4999999e-6, 0.3, false)).toBe(5);
    expect(passNanoseconds(10, 2, true)).toBe(5_000_000);
  });

  it("takes no time at 0", () => {
    expect(passNanoseconds(123.4, 0, false)).toBe(0);
  });
});
