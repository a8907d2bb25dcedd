import { describe, expect, it } from "vitest";
import { BackOff } from "#common";

const delays = (backOff: BackOff, count: number, ranMs = 0) =>
  Array.from({ length: count }, () => backOff.ended(ranMs) / 1000);

describe("restarts, as kubelet spaces them", () => {
  it("come at once, then after 10 s, doubled up to 5 min", () => {
    expect(delays(new BackOff(1), 9)).toEqual([0, 10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it("begin anew after ten minutes of running", () => {
    const backOff = new BackOff(1);
    delays(backOff, 5);
    expect(delays(backOff, 1, 599_999)).toEqual([160]);
    expect(delays(backOff, 2, 600_000)).toEqual([0, 0]);
    expect(delays(backOff, 2)).toEqual([10, 20]);
  });

  it("are model time: waits and runs go by the time scale", () => {
    const backOff = new BackOff(10);
    expect(delays(backOff, 4)).toEqual([0, 1, 2, 4]);
    expect(delays(backOff, 1, 60_000)).toEqual([0]);
  });
});
