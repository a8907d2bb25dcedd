import { describe, expect, it } from "vitest";
import { randomStream, UserError } from "#common";
import { isDuration, overridesOf, parseAxes, parseAxis, valueNumber } from "#src/study";
import { draws, grid, shareOfValue, valueAtShare } from "../../../src/study/sweep/space.ts";

const values = (text: string) => {
  const { domain } = parseAxis(text);
  return domain.kind === "values" ? domain.values : domain;
};

describe("axes", () => {
  it.each([
    ["a=1,2,4", [1, 2, 4]],
    ["a=30s, 1m", ["30s", "1m"]],
    ["a=true,null,x", [true, null, "x"]],
    ['a=[1, 2],{b: "c,d"}', [[1, 2], { b: "c,d" }]],
    ["a=range(0s,90s,30s)", ["0s", "30s", "60s", "90s"]],
    ["a=range(0,300s,150s)", ["0s", "150s", "300s"]],
    ["a=range(1,4)", [1, 2, 3, 4]],
    ["a=range(0.1,0.5,0.2)", [0.1, 0.3, 0.5]],
    ["a=geometric(1,64,7)", [1, 2, 4, 8, 16, 32, 64]],
  ])("%s", (text, expected) => expect(values(text)).toEqual(expected));

  it("sets several paths to one value", () => {
    const axis = parseAxis("deployment.prefill.startup,traffic[0].constant.isl=1,2");
    expect(overridesOf([axis], { values: [2] })).toEqual([
      { path: ["deployment", "prefill", "startup"], value: 2 },
      { path: ["traffic", 0, "constant", "isl"], value: 2 },
    ]);
  });

  it.each([
    "a",
    "=1",
    "a=",
    "a=1,,2",
    "a=1,1",
    "a=range(3,1)",
    "a=range(1s,3m)",
    "a=geometric(0,4,3)",
    "a=between(4,1)",
    "a=between(0,1,log)",
    "a=range(x,2)",
    "a,,b=1",
  ])("refuses %s, and names it", (text) => {
    expect(() => parseAxis(text)).toThrow(UserError);
    expect(() => parseAxis(text)).toThrow(expect.objectContaining({ code: "STUDY_BAD_AXIS", where: `--set ${text}` }));
  });

  it.each([
    ["deployment.agg.workers=1..3", "all from 1 to 3: range(1,3)"],
    ["deployment.agg.startup=0s..60s", "all from 0s to 60s: range(0s,60s)"],
    ["deployment.agg.workers=rang(1,3)", "range, geometric and between"],
    ["deployment.agg.workers=1,range(2,4)", "range, geometric and between"],
  ])("takes nothing for a value that is meant to be many: %s", (text, told) => {
    const words = (error: UserError) => `${error.message}\n${error.hint}`;
    expect(() => parseAxis(text)).toThrow(UserError);
    try {
      parseAxis(text);
    } catch (error) {
      expect(words(error as UserError)).toContain(told);
    }
    // Names with dots in them are values.
    expect(parseAxis("deployment.profile=../a..b,v1..x/p").domain).toMatchObject({ kind: "values" });
  });

  it.each([
    [["a.b=1,2", "a.b=3,4"], "--set a.b=3,4"],
    [["c=1", "a[0],b,a[0]=3,4"], "--set a[0],b,a[0]=3,4"],
  ])("refuses a field that is set twice: %j", (texts, where) => {
    expect(() => parseAxes(texts)).toThrow(expect.objectContaining({ code: "STUDY_BAD_AXIS", where }));
    expect(parseAxes([texts[0]!])).toEqual([parseAxis(texts[0]!)]);
  });

  it("knows values as numbers of one unit: durations in seconds, bandwidths in bytes per second", () => {
    expect(["90s", "2m", "500ms", "250us", "1h30m", 7, "7"].map((value) => valueNumber(value))).toEqual([
      ...[90, 120, 0.5, 0.00025, 5400, 7, 7],
    ]);
    expect(["500MB/s", "1GB/s", "1GiB", "-3", "1e3"].map((value) => valueNumber(value))).toEqual([
      ...[5e8, 1e9, 2 ** 30, -3, 1000],
    ]);
    for (const value of ["round-robin", "", true, null, [1]]) expect(valueNumber(value)).toBeNaN();
    expect(["250us", "1h30m", "0", "1GB/s", "7", 7].map((value) => isDuration(value))).toEqual([
      ...[true, true, false, false, false, false],
    ]);
  });
});

describe("the space", () => {
  const axes = ["a=1,2", "b=x,y,z"].map(parseAxis);

  it("is the product of the axes, the last fastest", () => {
    expect(grid(axes).map((candidate) => candidate.values.join(""))).toEqual(["1x", "1y", "1z", "2x", "2y", "2z"]);
    expect(() => grid([parseAxis("a=between(0,1)")])).toThrow(/has no end of values/);
    expect(() => grid(["a=range(1,1000)", "b=range(1,1000)"].map(parseAxis))).toThrow(/1000000 combinations/);
  });

  it("draws each candidate once, and no more than there are", () => {
    expect(draws(axes, 100, randomStream(1, "t"))).toHaveLength(6);
    const drawn = draws(axes, 4, randomStream(1, "t")).map((candidate) => candidate.values.join(""));
    expect(new Set(drawn).size).toBe(4);
    expect(draws(axes, 4, randomStream(1, "t")).map((candidate) => candidate.values.join(""))).toEqual(drawn);
  });

  it.each(["a=between(1,9)", "a=between(0.5,8)", "a=between(1s,64s,log)"])("goes back and forth: %s", (text) => {
    const { domain } = parseAxis(text);
    if (domain.kind !== "between") throw new Error("no range");
    for (let i = 0; i < 50; i++) {
      const value = valueAtShare(domain, (i + 0.5) / 50);
      expect(valueAtShare(domain, shareOfValue(domain, value))).toEqual(value);
      expect(valueNumber(value)).toBeGreaterThanOrEqual(domain.low);
      expect(valueNumber(value)).toBeLessThanOrEqual(domain.high);
    }
  });
});
