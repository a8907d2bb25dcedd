import type { Decision, Observation, Planner, Targets } from "#planner/core";
import { PluggedPlanner, type PluggedPlannerOptions, type Plugin, type PluginRequest } from "#planner/service";
import { active, observation } from "../observations.ts";

/** A strategy that always wants the same. */
export function strategy(targets: Targets | null): Planner & { seen: Observation[] } {
  const seen: Observation[] = [];
  return {
    strategy: "scripted",
    intervalMs: 5000,
    seen,
    setMinimum: () => {},
    tick: (at): Decision => {
      seen.push(at);
      const forecast = at.forecast ?? { requestRate: null, isl: null, osl: null };
      return {
        tick: seen.length - 1,
        atMs: at.nowMs,
        strategy: "scripted",
        targets: targets === null ? null : { ...targets },
        workers: at.workers,
        observedRate: 1,
        forecast: {
          requestRate: forecast.requestRate ?? 10,
          isl: forecast.isl ?? 3000,
          osl: forecast.osl ?? 300,
        },
        values: {},
        clamps: [],
        reasons: [{ code: "hold", role: null, text: "as scripted" }],
      };
    },
  };
}

export type Answer = (request: PluginRequest, signal: AbortSignal) => unknown;

type Schedule = ConstructorParameters<typeof PluggedPlanner>[1][number]["schedule"];

/** A plugin by its stage and what it answers. */
export function plugin(
  id: string,
  stage: Schedule["stage"],
  priority: number,
  answer: Answer,
  schedule: Partial<Schedule> = {},
): { schedule: Schedule; plugin: Plugin; asked: PluginRequest[] } {
  const asked: PluginRequest[] = [];
  return {
    schedule: {
      id,
      stage,
      priority,
      intervalMs: 0,
      holdPolicy: "HOLD_LAST",
      needs: [],
      requires: [],
      observationWindowMs: 0,
      ...schedule,
    },
    asked,
    plugin: {
      ask: async (request, signal) => {
        asked.push(request);
        return answer(request, signal);
      },
      close: async () => {},
    },
  };
}

export const set = (role: "prefill" | "decode", replicas: number | null, type = "SET") => ({
  kind: "override",
  targets: [{ role, replicas, type }],
});

/** A planner of 2 + 3 workers that wants 4 + 5 of at most 16 GPUs. */
export function plugged(
  plugins: ReturnType<typeof plugin>[],
  options: Partial<PluggedPlannerOptions> & { wants?: Targets | null } = {},
) {
  const { wants = { prefill: 4, decode: 5 }, ...rest } = options;
  const planner = strategy(wants);
  const service = new PluggedPlanner(planner, plugins, {
    deployment: {
      mode: "disagg",
      sla: { ttftMs: 200, itlMs: 10 },
      gpusPerWorker: { prefill: 1, decode: 1 },
      maxGpus: 16,
      minWorkers: { prefill: 1, decode: 1 },
    },
    registeredMs: 0,
    requestTimeoutMs: 60_000,
    tickMaxDurationMs: 60_000,
    ...rest,
  });
  const tick = (atMs: number, overrides: Partial<Observation> = {}): Promise<Decision> =>
    service.tick(observation(atMs, 10, { workers: { prefill: active(2), decode: active(3) }, ...overrides }));
  return { planner, service, tick };
}
