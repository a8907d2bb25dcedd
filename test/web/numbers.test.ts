import { describe, expect, it } from "vitest";
import { floatText, roundDecimals } from "../../src/web/rounding.ts";

describe("rounding", () => {
  it.each([
    [2.675, 2, 2.67],
    [0.125, 2, 0.12],
    [0.375, 2, 0.38],
    [48.365, 2, 48.37],
    [1.005, 2, 1.0],
    [0.03125, 4, 0.0312],
    [0.09375, 4, 0.0938],
    [-0.125, 2, -0.12],
    [1e21, 2, 1e21],
  ])("rounds %f to %i decimals as Python does: %f", (value, digits, expected) => {
    expect(roundDecimals(value, digits)).toBe(expected);
  });

  it.each([
    [200, "200.0"],
    [12.5, "12.5"],
    [0.1, "0.1"],
  ])("prints %f as %s", (value, text) => {
    expect(floatText(value)).toBe(text);
  });
});
