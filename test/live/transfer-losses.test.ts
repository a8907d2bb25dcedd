import { expect, it } from "vitest";
import { TransferLosses } from "../../src/live/child/transfer-losses.ts";

it("transfers that several faults lose are lost to each in its turn, and the end of one ends no other", () => {
  const losses = new TransferLosses();
  losses.seed(1);
  const taken = (times: number[]) => times.map((atMs) => losses.next(atMs));
  losses.set(2, { next: 2, probability: null });
  losses.set(5, { next: null, probability: 1 });
  losses.set(7, { next: 1, probability: null });
  expect(taken([10, 20, 30, 40])).toEqual([true, true, true, true]);
  losses.set(5, null);
  expect(taken([50, 60])).toEqual([true, false]);
  expect(losses.report((atMs) => 1000 + atMs)).toEqual([
    { fault: 2, lost: 2, lastUnixMs: 1020 },
    { fault: 5, lost: 2, lastUnixMs: 1040 },
    { fault: 7, lost: 1, lastUnixMs: 1050 },
  ]);
});
