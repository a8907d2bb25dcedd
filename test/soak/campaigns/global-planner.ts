import fc from "fast-check";
import { expect } from "vitest";
import type { SharedFleet, Targets } from "#planner/core";
import { MadeDeployment, madeGlobalPlanner } from "../../planner/global/made-platform.ts";
import { count, fleets, gpusOf } from "../../planner/shared-budget/fleets.ts";
import { type Campaign, checkProperty } from "../campaign.ts";

/** What goes wrong with a deployment until its next turn. */
const FAULTS = [
  "none",
  "none",
  "none",
  "not-ready",
  "pending",
  "fails",
  "loses-answers",
  "unseen",
  "half-seen",
] as const;
type Fault = (typeof FAULTS)[number];

interface Turn {
  deployment: number;
  targets: Partial<Targets>;
  waitMs: number;
  fault: { deployment: number; kind: Fault };
  isRestarted: boolean;
}

interface Case {
  fleet: SharedFleet;
  /** GPUs between what there is and the ceiling. */
  room: number;
  /** GPUs between what there is and the floor; null: no floor. */
  width: number | null;
  turns: Turn[];
}

const deployment = fc.nat({ max: 4 });
const anyCase: fc.Arbitrary<Case> = fc.record({
  fleet: fleets,
  room: fc.integer({ min: 0, max: 16 }),
  width: fc.option(fc.integer({ min: 0, max: 24 }), { nil: null }),
  turns: fc.array(
    fc.record({
      deployment,
      targets: fc.record({ prefill: count, decode: count }, { requiredKeys: [] }) as fc.Arbitrary<Partial<Targets>>,
      waitMs: fc.integer({ min: 0, max: 200_000 }),
      fault: fc.record({ deployment, kind: fc.constantFrom(...FAULTS) }),
      isRestarted: fc.integer({ min: 0, max: 9 }).map((drawn) => drawn === 0),
    }),
    { minLength: 10, maxLength: 50 },
  ),
});

function beset(made: MadeDeployment, fault: Fault): void {
  made.isReady = fault !== "not-ready";
  made.reading = fault === "unseen" ? "unknown" : fault === "half-seen" ? "half" : "answers";
  made.losesAnswers = fault === "loses-answers";
  if (fault === "not-ready" || fault === "pending") made.outcome = { status: fault };
  else made.outcome = fault === "fails" || fault === "loses-answers" ? new Error("no answer in time") : null;
}

async function check({ fleet, room, width, turns }: Case): Promise<void> {
  const deployments: Record<string, MadeDeployment> = {};
  for (const { deployment: name, role, replicas, gpusPerReplica } of fleet.pools) {
    deployments[name] ??= new MadeDeployment({}, {});
    deployments[name].desired[role] = replicas;
    deployments[name].gpus[role] = gpusPerReplica;
  }
  deployments.d0!.otherGpus = fleet.otherGpus;
  const names = Object.keys(deployments);
  const at = (index: number) => names[index % names.length]!;
  const maxGpus = gpusOf(fleet) + room;
  const band: [number | null, number] = [width === null ? null : Math.max(0, gpusOf(fleet) - width), maxGpus];
  let nowMs = 0;
  const begin = async () => {
    const made = madeGlobalPlanner(deployments, { band });
    made.clock.ms += nowMs;
    await made.planner.start();
    return made;
  };
  let current = await begin();
  for (const { deployment, targets, waitMs, fault, isRestarted } of turns) {
    nowMs += waitMs;
    current.clock.ms += waitMs;
    beset(deployments[at(fault.deployment)]!, fault.kind);
    if (isRestarted) current = await begin();
    const { desired } = deployments[at(deployment)]!;
    const wished = Object.fromEntries(Object.entries(targets).filter(([role]) => role in desired));
    if (Object.keys(wished).length === 0) continue;
    const { status, message } = await current.ask(at(deployment), wished);
    expect(message).toMatch(/\w/);
    if (status === "rejected") expect(message).not.toMatch(/successfully/);
    expect(
      current.platform.totalGpus,
      `GPUs asked for after ${at(deployment)} ${JSON.stringify(wished)}`,
    ).toBeLessThanOrEqual(maxGpus);
  }
}

export const campaign: Campaign = {
  name: "global-planner-budget",
  proves:
    "deployments behind a global planner never ask for more GPUs than there are, whichever of them takes no changes, loses answers or can't be seen, and whenever the global planner restarts",
  cases: "fleets with random wishes and faults",
  sliceRuns: 1000,
  soakRuns: 100_000,
  run: (runs, seed, control) => checkProperty(fc.asyncProperty(anyCase, check), runs, seed, control),
};
