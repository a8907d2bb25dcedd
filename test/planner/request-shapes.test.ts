import { describe, expect, it } from "vitest";
import { RequestShapes } from "../../planner/core/request-shapes.ts";
import { disagg, observation, testSurface } from "./observations.ts";

/** A worker that decodes 20 sequences, `slowness` times as long as its profile says, seen every `tickS`. */
function decoding(nowMs: number, tickS: number, slowness: number) {
  const itlMs = slowness * testSurface().itlMs((20 * 3150) / testSurface().maxKvTokens, 3150);
  const decodeLoad = [{ workerId: 0, batch: 20, kvTokens: 20 * 3150, itlMs }];
  return observation(nowMs, 5, { windowMs: tickS * 1000, decodeLoad });
}

describe("what decoding takes in truth", () => {
  it.each([5, 15, 30])("is known five minutes after a bad beginning, with a look every %d s", (tickS) => {
    const shapes = new RequestShapes(testSurface(), disagg);
    let nowMs = 0;
    const look = (slowness: number) => {
      nowMs += tickS * 1000;
      shapes.update(decoding(nowMs, tickS, slowness), 5, tickS);
    };
    look(2);
    expect(shapes.decodeCorrection).toBeGreaterThan(1.09);
    while (nowMs < 300_000) look(0.85);
    expect(Math.abs(shapes.decodeCorrection - 0.85)).toBeLessThan(0.07);
  });

  it("is not told by one look, however rare looks are", () => {
    const shapes = new RequestShapes(testSurface(), disagg);
    shapes.update(decoding(600_000, 600, 2), 5, 600);
    expect(shapes.decodeCorrection).toBeLessThan(1.31);
  });
});
