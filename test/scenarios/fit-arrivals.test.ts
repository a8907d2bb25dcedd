import { describe, expect, it } from "vitest";
import { buildWorkload, type FittedTrace, fitTrace, parseTrace, parseTraffic, traceLines } from "#scenarios";
import { fitArrivals } from "../../scenarios/fit/fit-arrivals.ts";

const LENGTHS = "isl: 100, osl: 10";

/** As traces say them: whole ms. */
function times(yaml: string, seed: number): Float64Array {
  return buildWorkload(parseTraffic(yaml, "t"), { seed }).arrivalMs.map(Math.floor);
}

function fitted(yaml: string, seed: number): FittedTrace {
  const made = buildWorkload(parseTraffic(yaml, "t"), { seed });
  return fitTrace(parseTrace([...traceLines(made)].join("\n"), "t.jsonl"), "t.jsonl", 1000 + seed);
}

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean over traces of a kind, and over what is made of each. */
function dispersions(yaml: string, seconds: number, seeds: readonly number[]): { was: number; is: number } {
  const rows = seeds.map(
    (seed) => fitted(yaml, seed).statistics.find(({ name }) => name === `dispersion in ${seconds} s`)!,
  );
  return { was: mean(rows.map(({ original }) => original)), is: mean(rows.map(({ regenerated }) => regenerated)) };
}

describe("the rate that is fitted to arrivals", () => {
  it.each(["poisson", "{ gamma: { cv: 2 } }", "{ gamma: { cv: 0.5 } }"])("does not follow chance: %s", (arrivals) => {
    for (const seed of SEEDS) {
      const yaml = `constant: { requestRate: 40, arrivals: ${arrivals}, ${LENGTHS}, duration: 20m }`;
      expect(fitArrivals(times(yaml, seed)).rate.kind, String(seed)).toBe("constant");
    }
  });

  it.each([
    ["sinusoid: { requestRate: { min: 5, max: 45, period: 60s }", 0.06],
    ["mmpp: { requestRate: { states: [{ rate: 5, stay: 60s }, { rate: 30, stay: 30s }] }", 0.05],
  ])("varies as much as the arrivals do, over seconds, too: %s", (shape, within) => {
    const yaml = `${shape}, ${LENGTHS}, duration: 30m }`;
    for (const seconds of [1, 10]) {
      const { was, is } = dispersions(yaml, seconds, SEEDS.slice(0, 4));
      expect(Math.abs(is / was - 1), String(seconds)).toBeLessThan(within);
    }
  });
});

describe("the scatter that is fitted to arrivals", () => {
  it("has the bursts that gaps don't tell: five at an instant have a dispersion of 5", () => {
    const poisson = times(`constant: { requestRate: 4, ${LENGTHS}, duration: 30m }`, 3);
    const atOnce = Float64Array.from({ length: 5 * poisson.length }, (_, i) => poisson[Math.floor(i / 5)]!);
    const { arrivals } = fitArrivals(atOnce);
    if (arrivals.kind !== "gamma") throw new Error(arrivals.kind);
    // Some 7,200 bursts: the dispersion of so many counts is known to a few percent.
    expect(Math.abs(arrivals.cv ** 2 / 5 - 1)).toBeLessThan(0.2);
  });

  it("is what counts say where times in whole ms hide the shortest gaps", () => {
    // Most gaps of such arrivals are below a ms; what is left of them looks like a coefficient of 3.23.
    const yaml = `constant: { requestRate: 20, arrivals: { gamma: { cv: 3 } }, ${LENGTHS}, duration: 300m }`;
    const { dispersion } = fitArrivals(times(yaml, 1));
    expect(Math.abs(Math.sqrt(dispersion) / 3 - 1)).toBeLessThan(0.04);
  });

  it("makes counts that differ from the trace's by chance alone, which the comparison tells", () => {
    const yaml = `constant: { requestRate: 40, arrivals: burstgpt, ${LENGTHS}, duration: 20m }`;
    const rows = SEEDS.flatMap((seed) => fitted(yaml, seed).statistics.filter(({ chance }) => chance !== undefined));
    expect(new Set(rows.map(({ name }) => name))).toEqual(
      new Set(["rate, mean", "dispersion in 1 s", "dispersion in 10 s", "dispersion in 60 s"]),
    );
    const inside = rows.filter(({ error, chance }) => Math.abs(error) <= chance!).length / rows.length;
    // 19 of 20; a bound that is too wide would be as wrong as one that is too narrow.
    expect(inside).toBeGreaterThan(0.85);
    expect(rows.filter(({ error, chance }) => Math.abs(error) > chance! / 4).length).toBeGreaterThan(rows.length / 3);
  });
});
