import fc from "fast-check";
import { UserError } from "#common";
import { type SimulationSpec, simulate } from "#src/simulator";
import { faultyCase, faultySpecOf } from "../../simulator/faults/random-faults.ts";
import { randomCase, scalingCase, scalingSpecOf, specOf } from "../../simulator/random-spec.ts";
import { type Campaign, checkProperty } from "../campaign.ts";

/** Simulations made afresh at each call: a planner has a state. */
const anySpec: fc.Arbitrary<() => SimulationSpec> = fc.oneof(
  { weight: 3, arbitrary: randomCase.map((random) => () => specOf(random)) },
  { weight: 1, arbitrary: scalingCase.map((scaling) => () => scalingSpecOf(scaling)) },
  { weight: 1, arbitrary: faultyCase.map((faulty) => () => faultySpecOf(faulty)) },
);

export const campaign: Campaign = {
  name: "invariants",
  proves: "the numbered invariants of a simulation hold (docs/invariants.md)",
  cases: "random deployments, engines, routers, planners, faults and workloads",
  sliceRuns: 1000,
  soakRuns: 100_000,
  run: (count, seed, control) =>
    checkProperty(
      fc.property(anySpec, fc.constantFrom("skipping", "skipping", "stepping"), (spec, engine) => {
        try {
          simulate({ ...spec(), engine, check: true });
        } catch (error) {
          // What the quirk abortOnStuck promises.
          if (!(error instanceof UserError && error.code === "ENGINE_STUCK")) throw error;
        }
      }),
      count,
      seed,
      control,
    ),
};
