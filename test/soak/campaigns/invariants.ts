import fc from "fast-check";
import { UserError } from "#common";
import { simulate } from "#src/simulator";
import { randomCase, specOf } from "../../simulator/random-spec.ts";
import { type Campaign, checkProperty } from "../campaign.ts";

export const campaign: Campaign = {
  name: "invariants",
  proves: "the numbered invariants of a simulation hold (docs/invariants.md)",
  cases: "random deployments, engines, routers and workloads",
  sliceRuns: 1000,
  soakRuns: 100_000,
  run: (count, seed, control) =>
    checkProperty(
      fc.property(randomCase, fc.constantFrom("skipping", "skipping", "stepping"), (random, engine) => {
        try {
          simulate({ ...specOf(random), engine, check: true });
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
