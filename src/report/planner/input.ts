import type { Decision, Role } from "#planner/core";

/** What the page is told of one tick of a running planner; #planner/service's snapshots are such. */
export interface PlannerTick {
  tick: number;
  /** Since the planner's start, ms. */
  atMs: number;
  atUnixMs: number;
  observed: {
    windowMs: number;
    startedRequests: number | null;
    completedRequests: number | null;
    meanIsl: number | null;
    meanOsl: number | null;
    meanTtftMs: number | null;
    meanItlMs: number | null;
    meanRequestDurationMs: number | null;
    kvHitRate?: number | null;
    acceptLength?: number | null;
    queuedTokens: Record<string, number> | null;
    kvTokens: Record<string, number> | null;
    queuedKvTokens?: Record<string, number> | null;
    /** Forward passes that were told of; null: not known. Absent: nobody asked. */
    passes?: Record<Role, number | null>;
  } | null;
  problems: readonly string[];
  state: {
    ready: boolean;
    notReadyReason: string | null;
    roles: Partial<Record<Role, { component: string; desired: number; ready: number; stable: boolean }>>;
    model: string | null;
  } | null;
  decision: Decision | null;
  action: { status: string; message: string };
  isLeader: boolean;
  lagMs: number;
  tookMs: number;
  gpuHours: number;
}

export interface PlannerPageInput {
  /** What is planned for, in a few words. */
  name: string;
  /** Name and value of what was told at the start: strategy, environment, budget. */
  facts: readonly (readonly [string, string])[];
  mode: "agg" | "disagg" | "prefill" | "decode";
  sla: { ttftMs: number; itlMs: number };
  /** What a decode (or aggregated) engine's KV cache holds, tokens; null: not known. */
  maxKvTokens: number | null;
  /** Oldest first. */
  ticks: readonly PlannerTick[];
  /** Whether the planner runs now, rather than having run. */
  isLive: boolean;
}
