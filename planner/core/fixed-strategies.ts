import { knownRate } from "./known-rate.ts";
import type { Decision, Observation, Planner, Targets } from "./types.ts";

/** Keeps a fixed number of workers per role, and brings it back where it was changed. */
export function staticStrategy(intervalMs: number, targets: Targets): Planner {
  return fixedStrategy("static", intervalMs, () => targets, "fixed", `always ${targets.prefill}P${targets.decode}D`);
}

/** Workers to hold by step of a grid that begins at time 0, starting ones included; after its end the last ones stay. */
export interface WorkerPlan {
  stepMs: number;
  prefill: ArrayLike<number>;
  decode: ArrayLike<number>;
}

/** Follows a plan that was made beforehand, whatever it sees: a tick each step. */
export function planStrategy(strategy: string, { stepMs, prefill, decode }: WorkerPlan): Planner {
  const targets = ({ nowMs }: Observation) => {
    const step = Math.min(Math.round(nowMs / stepMs), decode.length - 1);
    return { prefill: prefill[step]!, decode: decode[step]! };
  };
  return fixedStrategy(strategy, stepMs, targets, "planned", "as planned beforehand");
}

/** Decides nothing: records what a planner would see. */
export function noneStrategy(intervalMs: number): Planner {
  return fixedStrategy("none", intervalMs, () => null, "observes-only", "this strategy only observes");
}

function fixedStrategy(
  strategy: string,
  intervalMs: number,
  targets: (observation: Observation) => Targets | null,
  code: string,
  text: string,
): Planner {
  let tick = 0;
  return {
    strategy,
    intervalMs,
    tick(observation: Observation): Decision {
      return {
        tick: tick++,
        atMs: observation.nowMs,
        strategy,
        targets: targets(observation),
        workers: observation.workers,
        observedRate: knownRate(observation),
        forecast: null,
        values: {},
        clamps: [],
        reasons: [{ code, role: null, text }],
      };
    },
  };
}
