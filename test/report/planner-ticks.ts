import type { Decision } from "#planner/core";
import type { PlannerPageInput, PlannerTick } from "../../src/report/planner/input.ts";

export const SLA = { ttftMs: 200, itlMs: 10 };

/** A tick of 5 s of a planner that keeps two replicas of each role at 20 requests/s. */
export function plannerTick(
  tick: number,
  observed: Partial<NonNullable<PlannerTick["observed"]>> | null = {},
): PlannerTick {
  const replicas = 1 + Math.floor(tick / 20);
  const role = (component: string) => ({ component, desired: replicas, ready: replicas, stable: true });
  return {
    tick,
    atMs: tick * 5000,
    atUnixMs: Date.UTC(2026, 2, 1, 12) + tick * 5000,
    observed:
      observed === null
        ? null
        : {
            windowMs: 5000,
            startedRequests: 100 + (tick % 7),
            completedRequests: 98,
            meanIsl: 3000,
            meanOsl: 200,
            meanTtftMs: 130 + (tick % 5) * 9,
            meanItlMs: 7.5,
            meanRequestDurationMs: 1650,
            kvHitRate: 0.12,
            acceptLength: null,
            queuedTokens: { "0": 900, "1": 0 },
            kvTokens: { "0": 62_000, "1": 48_000 },
            passes: { prefill: 40, decode: 310 },
            ...observed,
          },
    problems: [],
    state: {
      ready: true,
      notReadyReason: null,
      roles: { prefill: role("VllmPrefillWorker"), decode: role("VllmDecodeWorker") },
      model: "llama",
    },
    decision: decisionAt(
      tick,
      replicas,
      observed?.startedRequests === undefined ? 100 + (tick % 7) : observed.startedRequests,
    ),
    action: { status: "unchanged", message: "what is wanted is in force" },
    isLeader: true,
    lagMs: 1,
    tookMs: 14,
    gpuHours: (tick * 5 * 4) / 3600,
  };
}

function decisionAt(tick: number, replicas: number, count: number | null): Decision {
  const workers = { active: replicas, starting: 0, draining: 0 };
  return {
    tick,
    atMs: tick * 5000,
    strategy: "default",
    targets: { prefill: replicas, decode: replicas },
    workers: { prefill: workers, decode: workers },
    observedRate: count === null ? null : count / 5,
    forecast: { requestRate: 21, isl: 3000, osl: 200 },
    values: { decodeWorkerPerS: 12, prefillServiceMs: 81 },
    clamps: [],
    reasons: [{ code: "hold", role: null, text: "the workers suffice" }],
  };
}

export function plannerInput(ticks: readonly PlannerTick[], more: Partial<PlannerPageInput> = {}): PlannerPageInput {
  return {
    name: "llama",
    facts: [
      ["strategy", "default"],
      ["environment", "virtual"],
    ],
    mode: "disagg",
    sla: SLA,
    maxKvTokens: 400_000,
    ticks,
    isLive: true,
    ...more,
  };
}
