import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { randomStream } from "#common";
import { LoadPredictor, predictorConfigSchema } from "#planner/predictors";
import { loadProphet } from "#planner/sources";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const prophet = await loadProphet();

/** A month of intervals of 40 s, more than anybody decides by these. */
const MONTH_OF_INTERVALS = 30 * 2160;
/** Keeping every value of the three series would take 1.5 MB (three numbers of 8 bytes each). */
const LIMIT_BYTES = 500_000;

describe("memory over a simulated month", () => {
  it.each(["constant", "linear", "kalman", "prophet"] as const)("%s keeps its window, not what it has seen", (type) => {
    const load = new LoadPredictor(predictorConfigSchema.parse(type), 40, { prophet });
    const random = randomStream(1, "month");
    const feed = (count: number) => {
      for (let k = 0; k < count; k++) load.add({ requests: 1000 + 500 * random.next(), isl: 3000, osl: 300 });
    };
    feed(2000);
    collect();
    const before = process.memoryUsage();
    feed(MONTH_OF_INTERVALS);
    collect();
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    expect(grown).toBeLessThan(LIMIT_BYTES);
    expect(load.predict().requests).toBeGreaterThan(0);
  });
});
