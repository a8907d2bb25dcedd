/** The cases of `node bench/live-equals-virtual.ts`: rates at which client, frontend and workers share two cores. */
import type { LiveCase } from "./live-cases.ts";

/** Slow enough that a hop between processes is a small part of its times. */
const PROFILE = "l40s-qwen3-8b-bf16-tp1-estimate";
const MINUTE_MS = 60_000;

const traffic = {
  seed: 11,
  isl: [5000, 8000],
  osl: [40, 120],
  turns: [1, 3],
  thinkMs: [4000, 12_000],
  groups: 5,
  groupBlocks: 3,
  clearMs: 100,
} as const;

const sla = { ttft: "1500ms", itl: "60ms" };

/** Up, and down again. */
const wave = (low: number, high: number, periodMs: number) => (atMs: number) =>
  low + (high - low) * 0.5 * (1 - Math.cos((2 * Math.PI * atMs) / periodMs));

const aggregated = {
  profile: PROFILE,
  mode: "agg",
  router: "round-robin",
  agg: { workers: 1, startup: "20s" },
  engine: { blockSize: 64 },
};
const disaggregated = {
  profile: PROFILE,
  mode: "disagg",
  router: "round-robin",
  prefill: { workers: 1, startup: "20s" },
  decode: { workers: 1, startup: "20s" },
  engine: { blockSize: 64 },
  kvTransfer: { bandwidth: "16GB/s" },
};
const planner = (seconds: number) => ({
  intervalMs: seconds * 1000,
  planner: { strategy: "default", interval: `${seconds}s`, maxGpus: 8 },
});

export interface TimedCase extends LiveCase {
  timeScale: number;
}

export const LIVE_CASES: readonly TimedCase[] = [
  {
    ...traffic,
    ...planner(10),
    name: "agg-10min-compressed",
    deployment: aggregated,
    sla,
    durationMs: 10 * MINUTE_MS,
    rate: wave(0.2, 0.8, 5 * MINUTE_MS),
    apartMs: 40,
    timeScale: 4,
  },
  {
    ...traffic,
    ...planner(10),
    name: "disagg-10min-compressed",
    deployment: disaggregated,
    sla,
    durationMs: 10 * MINUTE_MS,
    rate: wave(0.2, 1, 5 * MINUTE_MS),
    apartMs: 40,
    timeScale: 4,
  },
  {
    ...traffic,
    ...planner(5),
    name: "agg-2min-real-time",
    deployment: { ...aggregated, agg: { workers: 1, startup: "10s" } },
    sla,
    durationMs: 2 * MINUTE_MS,
    rate: wave(0.3, 1.2, 2 * MINUTE_MS),
    apartMs: 40,
    timeScale: 1,
  },
  {
    ...traffic,
    ...planner(5),
    name: "disagg-2min-real-time",
    deployment: {
      ...disaggregated,
      prefill: { workers: 1, startup: "10s" },
      decode: { workers: 1, startup: "10s" },
    },
    sla,
    durationMs: 2 * MINUTE_MS,
    rate: wave(0.3, 1.5, 2 * MINUTE_MS),
    apartMs: 40,
    timeScale: 1,
  },
];
