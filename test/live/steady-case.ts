import { readFileSync } from "node:fs";
import { join } from "node:path";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario } from "#scenarios";
import { prepareRehearsal, type Rehearsal } from "#src/rehearsal";
import { type LiveCase, writeLiveCase } from "../../bench/live-cases.ts";

/** A busy machine's passes and tokens come a few percent late: what a planner decides on the edge is not held against it. */
const SLOWER = [1.05, 1.1];
const MOST_SEEDS = 20;

/** The case, with the first seed from its own on with which the planner decides the same where engines are a little slower. */
export function steadyCase(made: LiveCase, folder: string): { steady: LiveCase; rehearsal: Rehearsal } {
  for (let seed = made.seed; seed < made.seed + MOST_SEEDS; seed++) {
    const steady = { ...made, seed };
    const rehearsal = prepareRehearsal(writeLiveCase(steady, folder));
    const wanted = targets(rehearsal);
    if (scales(wanted) && SLOWER.every((factor) => targets(slower(steady, folder, factor)) === wanted)) {
      return { steady, rehearsal };
    }
  }
  throw new Error(`${made.name}: with none of ${MOST_SEEDS} seeds the planner decides as with slower engines`);
}

const targets = (rehearsal: Rehearsal): string =>
  JSON.stringify(rehearsal.run().decisions.map(({ atMs, targets }) => ({ atMs, targets })));

function scales(wanted: string): boolean {
  const decisions = JSON.parse(wanted) as { targets: object }[];
  return new Set(decisions.map((decision) => JSON.stringify(decision.targets))).size > 1;
}

/** The case as it was written to `folder`, every pass of every worker taking `factor` times as long. */
function slower({ name }: LiveCase, folder: string, factor: number): Rehearsal {
  const file = join(folder, `${name}.yaml`);
  const document = JSON.parse(readFileSync(file, "utf8")) as {
    deployment: { mode: string };
    planner: { maxGpus: number };
  };
  const roles = document.deployment.mode === "agg" ? ["agg"] : ["prefill", "decode"];
  const faults = roles.flatMap((role) =>
    Array.from({ length: document.planner.maxGpus }, (_, i) => ({ at: "0s", slow: `${role}/${i}`, for: "1h", factor })),
  );
  return prepareRehearsal(
    parseScenario(JSON.stringify({ ...document, faults }), file, { plannerSchema: plannerConfigSchema }),
  );
}
