import type { DynosimCase, WorkerArguments } from "./case.ts";
import { whyNotPlanner } from "./planner.ts";

/**
 * Why a case is not compared yet, or null. What is listed here is behaviour that the simulator does not model, or that is
 * not reproducible in the reference itself.
 */
export function whyNotYet(run: DynosimCase): string | null {
  const { arguments: call, prefill, decode } = run;
  const pools = prefill === null ? [decode] : [prefill, decode];
  for (const pool of pools) {
    const reason = whyNotEngine(pool);
    if (reason !== null) return reason;
  }
  if (!isKnownTrace(call.trace_format)) return `not yet: traces of the format ${call.trace_format}`;
  const noPlanner = whyNotPlanner(run);
  if (noPlanner !== null) return noPlanner;
  if (typeof call.max_sim_time_ms === "number") return "not yet: a run that ends before its requests";
  const router = call.router_mode ?? "round_robin";
  if (router !== "kv_router" && router !== "round_robin") return `not yet: router mode ${router}`;
  if (call.replay_mode !== undefined && call.replay_mode !== null && call.replay_mode !== "offline") {
    return `not comparable: replay mode ${call.replay_mode} runs on the wall clock`;
  }
  return null;
}

/** Other formats with which DynoSim follows requests that depend on others are not played yet. */
function isKnownTrace(format: string | null | undefined): boolean {
  return (
    format === undefined || format === null || format === "mooncake" || isDeltaTrace(format) || isAgenticTrace(format)
  );
}

/** Requests wait for others by name. */
export function isAgenticTrace(format: string | null | undefined): boolean {
  return format === "agentic_mooncake" || format === "agentic-mooncake";
}

/** Later turns bring only what is new in their prompts. */
export function isDeltaTrace(format: string | null | undefined): boolean {
  return format === "mooncake-delta" || format === "mooncake_delta";
}

function whyNotEngine({ engine }: WorkerArguments): string | null {
  const timing = engine.timing_model;
  if (timing.type === "other") return `not yet: the timing model ${timing.name}`;
  if (timing.type === "external" && timing.provider !== "dynamo_profile") {
    return `not yet: the timing provider ${timing.provider}`;
  }
  return null;
}
