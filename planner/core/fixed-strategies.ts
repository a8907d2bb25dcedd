import type { Decision, Observation, Planner, Targets } from "./types.ts";

/** Keeps a fixed number of workers per role, and brings it back where it was changed. */
export function staticStrategy(intervalMs: number, targets: Targets): Planner {
  return fixedStrategy("static", intervalMs, () => targets, "fixed", `always ${targets.prefill}P${targets.decode}D`);
}

/** Decides nothing: records what a planner would see. */
export function noneStrategy(intervalMs: number): Planner {
  return fixedStrategy("none", intervalMs, () => null, "observes-only", "this strategy only observes");
}

function fixedStrategy(
  strategy: string,
  intervalMs: number,
  targets: () => Targets | null,
  code: string,
  text: string,
): Planner {
  let tick = 0;
  return {
    strategy,
    intervalMs,
    tick(observation: Observation): Decision {
      const { startedRequests, windowMs } = observation;
      return {
        tick: tick++,
        atMs: observation.nowMs,
        strategy,
        targets: targets(),
        workers: observation.workers,
        observedRate: startedRequests === null || windowMs <= 0 ? null : (startedRequests / windowMs) * 1000,
        forecast: null,
        values: {},
        clamps: [],
        reasons: [{ code, role: null, text }],
      };
    },
  };
}
