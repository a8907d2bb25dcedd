import { expect, it } from "vitest";
import { TransferLosses } from "../../src/live/child/transfer-losses.ts";
import { transferEffects } from "../../src/live/faults/lost-transfers.ts";

it("transfers that several faults lose are lost to each in its turn, and the end of one ends no other", () => {
  const losses = new TransferLosses();
  losses.seed(1);
  const taken = (times: number[]) => times.map((atMs) => losses.next(`run-${atMs}`, atMs));
  losses.set(2, { next: 2, probability: null });
  losses.set(5, { next: null, probability: 1 });
  losses.set(7, { next: 1, probability: null });
  expect(taken([10, 20, 30, 40])).toEqual([true, true, true, true]);
  losses.set(5, null);
  expect(taken([50, 60])).toEqual([true, false]);
  expect(losses.report((atMs) => 1000 + atMs)).toEqual([
    { fault: 2, requestId: "run-10", atUnixMs: 1010 },
    { fault: 2, requestId: "run-20", atUnixMs: 1020 },
    { fault: 5, requestId: "run-30", atUnixMs: 1030 },
    { fault: 5, requestId: "run-40", atUnixMs: 1040 },
    { fault: 7, requestId: "run-50", atUnixMs: 1050 },
  ]);
});

it("a request is counted once, however often its transfers were lost and its client tried", () => {
  const lost = (fault: number, ...ids: string[]) =>
    ids.map((requestId, i) => ({ fault, requestId, atUnixMs: 10 * fault + i }));
  // Two processes tell of theirs one after the other.
  const effects = transferEffects([
    ...lost(3, "run-1.2", "run-2", "run-2"),
    ...lost(1, "run-1", "run-1", "run-1", "run-2"),
    ...lost(2, "run-1", "run-4"),
  ]);
  expect(Object.fromEntries(effects)).toEqual({
    1: { requests: 2, retried: 2, failed: 0 },
    2: { requests: 2, retried: 1, failed: 1 },
    3: { requests: 2, retried: 2, failed: 0 },
  });
});
