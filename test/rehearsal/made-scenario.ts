import { plannerConfigSchema } from "#planner/core";
import { parseScenario } from "#scenarios";
import type { RunnableScenario } from "#src/rehearsal";

export const SHIPPED = "h200-llama-3.1-8b-fp8-tp1-estimate";

/** Ten requests a second for ten seconds on an engine whose passes take 30 ms (prompt) and 7 ms (decode). */
export const FIXED = {
  name: "made-by-hand",
  seed: 5,
  deployment: { mode: "agg", agg: { workers: 1 }, engine: { timing: { fixed: { prefill: "30ms", decode: "7ms" } } } },
  sla: { ttft: "200ms", itl: "40ms" },
  traffic: [{ constant: { requestRate: 10, duration: "10s", arrivals: "constant", isl: 100, osl: 5 } }],
};

export function madeScenario(document: object, file = "made.yaml"): RunnableScenario {
  return parseScenario(JSON.stringify(document), file, { plannerSchema: plannerConfigSchema });
}
