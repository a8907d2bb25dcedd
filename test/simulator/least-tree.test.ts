import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LeastLoadedRouter } from "#mocker/router";
import { LeastTree } from "../../src/simulator/least-tree.ts";

describe("the tournament of the least", () => {
  it("names whom the router that looks at all of them names, however the numbers change", () => {
    const router = new LeastLoadedRouter();
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 40 }),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 9 })), { maxLength: 60 }),
        (start, changes) => {
          const values = Float64Array.from(start);
          const tree = new LeastTree();
          tree.rebuild(values, values.length);
          expect(tree.least).toBe(router.choose(values, values.length));
          for (const [at, value] of changes) {
            values[at % values.length] = value;
            tree.changed(at % values.length);
            expect(tree.least).toBe(router.choose(values, values.length));
          }
          const fewer = Math.ceil(values.length / 2);
          tree.rebuild(values, fewer);
          expect(tree.least).toBe(router.choose(values, fewer));
        },
      ),
      { seed: 1 },
    );
  });

  it("is nobody where there is none", () => {
    const tree = new LeastTree();
    tree.rebuild(new Float64Array(8), 0);
    expect(tree.least).toBe(-1);
  });
});
