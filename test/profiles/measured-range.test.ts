import fc from "fast-check";
import { expect, it } from "vitest";
import { measuredRange } from "../../profiles/measured-range.ts";
import { arbitraryProfile } from "./arbitrary.ts";

const share = fc.double({ min: 0, max: 1, noNaN: true });

it("covers what lies between three samples of a profile, and nothing beyond a line that all of them keep to one side of", () => {
  const shares = fc.record({ of: fc.tuple(fc.nat(), fc.nat(), fc.nat()), a: share, b: share, beyond: share });
  let outside = 0;
  fc.assert(
    fc.property(arbitraryProfile, fc.array(shares, { minLength: 20, maxLength: 20 }), ({ decode, ...rest }, points) => {
      const { kvUsage, contextLength } = decode;
      const range = measuredRange({ ...rest, decode });
      const [minX, maxX] = [Math.min(...kvUsage), Math.max(...kvUsage)];
      const [minY, maxY] = [Math.min(...contextLength), Math.max(...contextLength)];
      const scaled = kvUsage.map(
        (x, i) => [(x - minX) / (maxX - minX), (contextLength[i]! - minY) / (maxY - minY)] as const,
      );
      // Samples on one line cover no area.
      const [[lineX, lineY]] = scaled as [readonly [number, number]];
      const areas = scaled.flatMap(([ax, ay]) =>
        scaled.map(([bx, by]) => Math.abs((ax - lineX) * (by - lineY) - (ay - lineY) * (bx - lineX))),
      );
      if (!(Math.max(...areas) > 1e-3)) return;
      for (const { of, a, b, beyond } of points) {
        const [i, j, k] = of.map((index) => index % kvUsage.length) as [number, number, number];
        const [first, second] = a + b <= 1 ? [a, b] : [1 - a, 1 - b];
        const between = (values: readonly number[]) =>
          values[i]! + first * (values[j]! - values[i]!) + second * (values[k]! - values[i]!);
        expect(range.extrapolates(between(kvUsage), between(contextLength))).toBe(false);
        // A hair or more beyond the lines through one sample and another, as seen from all.
        const [x, y] = scaled[i]!;
        for (const [toX, toY] of scaled) {
          const length = Math.hypot(toX - x, toY - y);
          if (length < 1e-3) continue;
          const [normalX, normalY] = [(toY - y) / length, (x - toX) / length];
          if (scaled.some(([px, py]) => (px - x) * normalX + (py - y) * normalY > 1e-9)) continue;
          const by = 1e-4 + beyond;
          const atX = x + a * (toX - x) + by * normalX;
          const atY = y + a * (toY - y) + by * normalY;
          expect(range.extrapolates(minX + atX * (maxX - minX), minY + atY * (maxY - minY))).toBe(true);
          outside++;
        }
      }
    }),
    { numRuns: 200 },
  );
  expect(outside).toBeGreaterThan(50);
});
