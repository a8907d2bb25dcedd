import { expect, it } from "vitest";
import { brokenPlannerPromises, type PlannerResults, plannerTables } from "../../bench/planner/run.ts";

const MB = 1e6;
const good: PlannerResults = {
  ticks: [{ name: "default", cpuMs: 1.3, wallMs: { median: 1.1, p99: 4, max: 9 } }],
  days: [
    { name: "default", wallSeconds: 22, cpuSeconds: 19, requests: 1_000_000, ticks: 17_280, peakRssBytes: 400 * MB },
  ],
  heaps: [{ name: "default", heapBytes: [20, 30, 31, 31, 31.5, 31, 31].map((mb) => mb * MB) }],
};

it("holds where ticks and days are quick and the heap stays as it is after four days", () => {
  expect(brokenPlannerPromises(good)).toEqual([]);
});

it("is broken by slow ticks and days, and by a heap that grows", () => {
  const bad: PlannerResults = {
    ticks: [{ ...good.ticks[0]!, cpuMs: 20.5 }],
    days: [{ ...good.days[0]!, cpuSeconds: 31 }],
    heaps: [{ name: "leak", heapBytes: [20, 22, 24, 26, 28, 30].map((mb) => mb * MB) }],
  };
  expect(brokenPlannerPromises(bad)).toEqual([
    "default: a tick takes 20.5 ms of CPU, promised 20",
    "default: a day takes 31.0 s of CPU, promised 30",
    "leak: the heap grows by 15 % after day 4, promised none",
  ]);
});

it("shows its figures, and a dash for days that were not run", () => {
  expect(plannerTables(good)).toContain("| default | 20.0 | 31.0 | – | – | – |");
});
