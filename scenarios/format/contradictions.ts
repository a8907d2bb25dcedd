import type { Path } from "#common/documents";
import type { Fault, FaultKind, RequestHints } from "#scenarios/workload";
import type { Expectation } from "../expect.ts";
import type { TrafficEntry } from "../traffic.ts";
import type { Deployment } from "./deployment.ts";
import { poolsOf } from "./faults.ts";

/** Faults that strike the planner alone. */
const PLANNER_FAULTS: readonly FaultKind[] = [
  "loseMetrics",
  "lagMetrics",
  "staleMetrics",
  "nanMetrics",
  "restartPlanner",
];

/** What each section allows, and all of them together don't. */
export function contradictions(scenario: {
  deployment: Pick<Deployment, "mode" | "prefill" | "router">;
  faults: readonly Fault[];
  expect: readonly Expectation[];
  tenants: Readonly<Record<string, RequestHints>>;
  traffic: readonly TrafficEntry[];
  planner?: unknown;
}): { path: Path; message: string }[] {
  const { deployment, faults, expect, tenants, traffic, planner } = scenario;
  const pools: readonly string[] = deployment.prefill === null ? ["agg"] : ["prefill", "decode"];
  const found: { path: Path; message: string }[] = [];
  faults.forEach((fault, i) => {
    for (const { pool, path } of poolsOf(fault)) {
      if (pools.includes(pool)) continue;
      const message = `found ${pool}, expected ${pools.join(" or ")}: the deployment's mode is ${deployment.mode}`;
      found.push({ path: ["faults", i, ...path], message });
    }
    if (planner === undefined && PLANNER_FAULTS.includes(fault.kind)) {
      const message = `found ${fault.kind} without planner:, which nobody would notice: give the scenario a planner, or leave it out`;
      found.push({ path: ["faults", i, fault.kind], message });
    }
    if (fault.kind !== "loseTransfers" || deployment.prefill !== null) return;
    const message = "expected a deployment in mode disagg: in mode agg no KV cache is transferred";
    found.push({ path: ["faults", i, "loseTransfers"], message });
  });
  const recovery = expect.find(({ path }) => path[0] === "recoversWithin");
  if (recovery !== undefined && faults.length === 0) {
    found.push({ path: ["expect", ...recovery.path], message: "expected faults: to recover from" });
  }
  const known = new Set(traffic.flatMap(tenantsOf));
  for (const name of Object.keys(tenants)) {
    if (known.has(name)) continue;
    const expected = known.size === 0 ? "traffic with tenant:, of which there is none" : [...known].join(" or ");
    found.push({ path: ["tenants", name], message: `found ${name}, expected ${expected}` });
  }
  const { policies } = deployment.router;
  for (const [name, { policyClass }] of Object.entries(tenants)) {
    if (policyClass === undefined) continue;
    const classes = policies?.root?.classes ?? [];
    const names = [...new Set(classes.map((of) => of.family ?? of.name))];
    if (names.includes(policyClass)) continue;
    const expected =
      names.length === 0 ? "a router with policies" : `a family or class of the router: ${names.join(", ")}`;
    found.push({ path: ["tenants", name, "policyClass"], message: `found ${policyClass}, expected ${expected}` });
  }
  return found;
}

/** Whose traffic an entry is, and the entries of a sequence. */
function tenantsOf(entry: TrafficEntry): string[] {
  if (entry.kind === "sequence") return entry.entries.flatMap(tenantsOf);
  return entry.tenant === undefined ? [] : [entry.tenant];
}
