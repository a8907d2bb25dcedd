import { createPlanner, type Observation, type PlannerContext, plannerConfigSchema } from "#planner/core";
import { totalsOf } from "../../planner/service/snapshots.ts";
import type { PlannerTick } from "../../src/report/planner/input.ts";
import { active, disagg, forwardPass, observation, testProfile, testSurface } from "../planner/observations.ts";

/** Ticks of 5 s of Dynamo's strategy with both loops, as a service keeps them: load grows from 10 to 70 requests/s and goes again. */
export function compatTicks(count: number, context: Partial<PlannerContext> = {}, intervalS = 20): PlannerTick[] {
  const config = { target: "sla", scaling: { load: true, throughput: true }, throughputInterval: `${intervalS}s` };
  const planner = createPlanner(
    plannerConfigSchema.parse({ strategy: "load-compat", predictor: "constant", maxGpus: 7, ...config }),
    { ...disagg, profile: testProfile, ...context },
    testSurface(),
  );
  let replicas = { prefill: 3, decode: 3 };
  return Array.from({ length: count }, (_, i) => {
    const tick = i + 1;
    const seen = observed(tick, count, replicas);
    const decision = planner.tick(seen);
    const role = (name: "prefill" | "decode") => ({
      component: name,
      desired: (decision.targets ?? replicas)[name],
      ready: replicas[name],
      stable: decision.targets === null,
    });
    const state = {
      ready: true,
      notReadyReason: null,
      roles: { prefill: role("prefill"), decode: role("decode") },
      model: "llama",
    };
    replicas = decision.targets ?? replicas;
    const action = { status: decision.targets === null ? "no-decision" : "applied", message: "as it should be" };
    const { nowMs: atMs } = seen;
    const rest = { problems: [], isLeader: true, lagMs: 0, tookMs: 3, gpuHours: tick / 100 };
    return {
      tick,
      atMs,
      atUnixMs: Date.UTC(2026, 2, 1, 12) + atMs,
      observed: totalsOf(seen),
      state,
      decision,
      action,
      ...rest,
    };
  });
}

function observed(tick: number, count: number, replicas: { prefill: number; decode: number }): Observation {
  const rate = 10 + 60 * Math.sin((Math.PI * tick) / count);
  const of = (workers: number) => Array.from({ length: workers }, (_, i) => i);
  return observation(tick * 5000, rate, {
    workers: { prefill: active(replicas.prefill), decode: active(replicas.decode) },
    prefillLoad: of(replicas.prefill).map((workerId) => ({ workerId, queuedRequests: 1, queuedTokens: 60 * rate })),
    decodeLoad: of(replicas.decode).map((workerId) => ({ workerId, batch: 9, kvTokens: 4000 * rate, itlMs: 8 })),
    forwardPasses: {
      prefill: of(replicas.prefill).map((i) => forwardPass(String(i), { queuedTokens: 60 * rate })),
      decode: of(replicas.decode).map((i) =>
        forwardPass(String(i), { kvTokens: 4000 * rate, queuedKvTokens: 900 * i }),
      ),
    },
  });
}
