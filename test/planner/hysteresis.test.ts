import { describe, expect, it } from "vitest";
import { AsymmetricHysteresis } from "../../planner/core/hysteresis.ts";

const MINUTE_MS = 60_000;

describe("up at once, down late", () => {
  it("goes up at once, and down when fewer have been enough for the delay", () => {
    const hysteresis = new AsymmetricHysteresis(10_000);
    expect(hysteresis.step(0, 2, 4, 4, 30)).toMatchObject({ target: 4, code: "scale-up" });
    expect(hysteresis.step(5000, 4, 2, 2, 10)).toMatchObject({ target: 4, code: "scale-down-waits" });
    expect(hysteresis.step(10_000, 4, 2, 3, 10)).toMatchObject({ target: 4, code: "scale-down-waits" });
    expect(hysteresis.step(15_000, 4, 2, 2, 10)).toMatchObject({ target: 3, code: "scale-down" });
  });

  it("does not try for an hour again at the same load what had to be taken back soon", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    expect(hysteresis.step(0, 4, 3, 3, 20)).toMatchObject({ target: 3, code: "scale-down" });
    expect(hysteresis.step(MINUTE_MS, 3, 4, 4, 20)).toMatchObject({ target: 4, code: "scale-up" });
    expect(hysteresis.step(10 * MINUTE_MS, 4, 3, 3, 20)).toMatchObject({ target: 4, code: "hold" });
    // Less load is another matter, and so is a later hour.
    expect(hysteresis.step(11 * MINUTE_MS, 4, 3, 3, 18)).toMatchObject({ target: 3, code: "scale-down" });
    expect(hysteresis.step(70 * MINUTE_MS, 4, 3, 3, 20)).toMatchObject({ target: 3, code: "scale-down" });
  });

  it("takes no late rise for a mistake", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    hysteresis.step(0, 4, 3, 3, 20);
    hysteresis.step(10 * MINUTE_MS, 3, 4, 4, 20);
    expect(hysteresis.step(26 * MINUTE_MS, 4, 3, 3, 20)).toMatchObject({ target: 3, code: "scale-down" });
  });

  it("leaves a load for a quarter of an hour what it was found to need, and less load at once less", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    expect(hysteresis.step(0, 3, 5, 5, 20)).toMatchObject({ target: 5, code: "scale-up" });
    // Within three deviations of a Poisson rate of 20/s over 50 s.
    expect(hysteresis.step(MINUTE_MS, 5, 3, 3, 18.2)).toMatchObject({ target: 5, code: "hold" });
    expect(hysteresis.step(2 * MINUTE_MS, 5, 3, 4, 18)).toMatchObject({ target: 4, code: "scale-down" });
    hysteresis.step(3 * MINUTE_MS, 4, 5, 5, 20);
    expect(hysteresis.step(64 * MINUTE_MS, 5, 4, 4, 20)).toMatchObject({ target: 4, code: "scale-down" });
  });

  it("holds nothing for a load that is gone, however little it was", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    expect(hysteresis.step(0, 0, 1, 1, 0.02)).toMatchObject({ target: 1, code: "scale-up" });
    expect(hysteresis.step(MINUTE_MS, 1, 0, 0, 0.01)).toMatchObject({ target: 1, code: "hold" });
    expect(hysteresis.step(2 * MINUTE_MS, 1, 0, 0, 0)).toMatchObject({ target: 0, code: "scale-down" });
  });
});
