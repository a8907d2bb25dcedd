import fc from "fast-check";
import { expect, it } from "vitest";
import { IntDeque } from "../../../mocker/engine/skipping/int-deque.ts";

const step = fc.record({
  kind: fc.constantFrom("pushBack", "pushFront", "insertAt", "removeAt", "removeAt"),
  /** Where, as a share of the length. */
  where: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

it("a deque of integers holds what a list does, while integers come and go at any place", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const deque = new IntDeque();
      const model: number[] = [];
      steps.forEach(({ kind, where }, value) => {
        if (kind === "pushBack") {
          deque.pushBack(value);
          model.push(value);
        } else if (kind === "pushFront") {
          deque.pushFront(value);
          model.unshift(value);
        } else if (kind === "insertAt") {
          const at = Math.floor(where * (model.length + 1));
          deque.insertAt(at, value);
          model.splice(at, 0, value);
        } else if (model.length > 0) {
          const at = Math.floor(where * model.length);
          deque.removeAt(at);
          model.splice(at, 1);
        }
        expect(Array.from({ length: deque.length }, (_, i) => deque.at(i))).toEqual(model);
      });
      expect(deque.indexOf(-1)).toBe(-1);
      for (const value of model) expect(deque.indexOf(value)).toBe(model.indexOf(value));
    }),
  );
});
