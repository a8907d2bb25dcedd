import type { Path } from "#common";
import type { Expectation } from "../expect.ts";
import type { Fault } from "../faults.ts";
import type { Deployment } from "./deployment.ts";
import { poolsOf } from "./faults.ts";

/** What each section allows, and all of them together don't. */
export function contradictions(scenario: {
  deployment: Pick<Deployment, "mode" | "prefill">;
  faults: readonly Fault[];
  expect: readonly Expectation[];
}): { path: Path; message: string }[] {
  const { deployment, faults, expect } = scenario;
  const pools: readonly string[] = deployment.prefill === null ? ["agg"] : ["prefill", "decode"];
  const found: { path: Path; message: string }[] = [];
  faults.forEach((fault, i) => {
    for (const { pool, path } of poolsOf(fault)) {
      if (pools.includes(pool)) continue;
      const message = `found ${pool}, expected ${pools.join(" or ")}: the deployment's mode is ${deployment.mode}`;
      found.push({ path: ["faults", i, ...path], message });
    }
    if (fault.kind !== "loseTransfers" || deployment.prefill !== null) return;
    const message = "expected a deployment in mode disagg: in mode agg no KV cache is transferred";
    found.push({ path: ["faults", i, "loseTransfers"], message });
  });
  const recovery = expect.find(({ path }) => path[0] === "recoversWithin");
  if (recovery !== undefined && faults.length === 0) {
    found.push({ path: ["expect", ...recovery.path], message: "expected faults: to recover from" });
  }
  return found;
}
