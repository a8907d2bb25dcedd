import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decideShared,
  IntentCache,
  type Role,
  type SharedFleet,
  type SharedRequest,
  type Targets,
} from "#planner/core";
import { band, carriedOut, count, fleets, gpusOf, ROLES } from "./fleets.ts";

/** Bounds near what a fleet has, so that they matter. */
const limits = (fleet: SharedFleet) =>
  fc
    .record({
      max: fc.option(fc.integer({ min: -20, max: 20 }), { nil: null }),
      width: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
    })
    .map(({ max, width }) => {
      const maxGpus = max === null ? null : Math.max(0, gpusOf(fleet) + max);
      const minGpus = width === null ? null : Math.max(0, (maxGpus ?? gpusOf(fleet)) - width);
      return band(minGpus, maxGpus);
    });

const situations = fleets.chain((fleet) =>
  fc.record({
    fleet: fc.constant(fleet),
    band: limits(fleet),
    request: fc.record({
      deployment: fc.constant("d0"),
      targets: fc.record({ prefill: count, decode: count }, { requiredKeys: [] }) as fc.Arbitrary<Partial<Targets>>,
    }),
    intents: fc.array(
      fc.record({
        deployment: fc.constantFrom("d0", "d1", "d2", "d3", "d4"),
        role: fc.constantFrom(...ROLES),
        replicas: count,
        atMs: fc.constant(0),
      }),
      { maxLength: 8 },
    ),
    isStrict: fc.boolean(),
  }),
);

describe("any decision", () => {
  it("never goes above the ceiling, and only downwards where the total lies above it", () => {
    fc.assert(
      fc.property(situations, (input) => {
        const { now, after: then } = decideShared(input).totals;
        const { maxGpus } = input.band;
        if (maxGpus !== null && then > maxGpus) expect(then === now || (now > maxGpus && then < now)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it("honours the floor: with partners or a request that grows and shrinks, to one worker", () => {
    fc.assert(
      fc.property(situations, (input) => {
        const { totals, tolerance, verdict } = decideShared(input);
        const { minGpus } = input.band;
        const relaxed = verdict === "paired" ? tolerance.paired : tolerance.standalone;
        if (minGpus !== null && totals.after < minGpus - relaxed) expect(totals.after >= totals.now).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it("is what its legs come to, and changes neither more nor other than was wished", () => {
    fc.assert(
      fc.property(situations, (input) => {
        const { request, fleet, intents } = input;
        const decision = decideShared(input);
        expect(gpusOf(carriedOut(fleet, decision))).toBe(decision.totals.after);
        for (const { deployment, targets } of decision.legs) {
          for (const [role, replicas] of Object.entries(targets) as [Role, number][]) {
            if (deployment === request.deployment && request.targets[role] !== undefined) {
              expect(replicas).toBe(request.targets[role]);
              continue;
            }
            const pool = fleet.pools.find((each) => each.deployment === deployment && each.role === role)!;
            const wished = intents.find((each) => each.deployment === deployment && each.role === role)!.replicas;
            const delta = (replicas - pool.replicas) * pool.gpusPerReplica;
            // In the direction of its own wish, at most all of it, and against the request's.
            expect(Math.min(pool.replicas, wished) <= replicas && replicas <= Math.max(pool.replicas, wished)).toBe(
              true,
            );
            expect(delta * decision.deltaGpus).toBeLessThan(0);
            expect(pool.takesChanges).toBe(true);
          }
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("grants all of the request or nothing", () => {
    fc.assert(
      fc.property(situations, (input) => {
        const { request, fleet } = input;
        const decision = decideShared(input);
        const then = carriedOut(fleet, decision);
        if (decision.verdict === "denied") {
          expect(decision.legs).toEqual([]);
          expect(decision.message).toMatch(/^GPU budget breach: total \d+ .*; no feasible pair packing$/);
          return;
        }
        for (const { deployment, role, replicas } of then.pools) {
          if (deployment === request.deployment) expect(replicas).toBe(request.targets[role] ?? replicas);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("is the same for the same inputs, which it leaves as they are", () => {
    fc.assert(
      fc.property(situations, (input) => {
        const before = structuredClone(input);
        expect(decideShared(input)).toEqual(decideShared(before));
        expect(input).toEqual(before);
      }),
    );
  });

  it("denies only what is outside of the band by itself", () => {
    fc.assert(
      fc.property(situations, (input) => {
        const { verdict, totals, tolerance } = decideShared(input);
        if (verdict !== "denied") return;
        const { minGpus, maxGpus } = input.band;
        const isOutside =
          (maxGpus !== null && totals.standalone > maxGpus) ||
          (minGpus !== null && totals.standalone < minGpus - tolerance.standalone);
        expect(isOutside).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("over time", () => {
  const TTL_MS = 360_000;

  it("nobody starves: a wish that was denied gets what others give back, for as long as it is kept", () => {
    const step = fc.record({
      gpus: fc.constantFrom(1, 2, 4),
      others: fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 4 }),
      wanted: fc.integer({ min: 1, max: 4 }),
      waitMs: fc.integer({ min: 0, max: TTL_MS }),
      asksAgain: fc.boolean(),
    });
    fc.assert(
      fc.property(step, ({ gpus, others, wanted, waitMs, asksAgain }) => {
        let fleet: SharedFleet = {
          otherGpus: 0,
          pools: ["hungry", ...others.map((_, i) => `o${i}`)].map((deployment, i) => ({
            deployment,
            role: "decode",
            replicas: i === 0 ? 1 : others[i - 1]!,
            gpusPerReplica: gpus,
            takesChanges: true,
          })),
        };
        const limits = band(null, gpusOf(fleet));
        const cache = new IntentCache(TTL_MS);
        const ask = (request: SharedRequest, nowMs: number) => {
          cache.note(request.deployment, request.targets, nowMs);
          const decision = decideShared({ request, fleet, intents: cache.fresh(nowMs), band: limits });
          fleet = carriedOut(fleet, decision);
          return decision.verdict;
        };
        const hungry: SharedRequest = { deployment: "hungry", targets: { decode: 1 + wanted } };
        expect(ask(hungry, 0)).toBe("denied");
        for (const [i, replicas] of others.entries()) {
          ask({ deployment: `o${i}`, targets: { decode: Math.max(0, replicas - wanted) } }, waitMs);
          if (asksAgain) ask(hungry, waitMs);
        }
        const given = others.reduce((sum, replicas) => sum + Math.min(replicas, wanted), 0);
        expect(fleet.pools[0]!.replicas - 1).toBe(Math.min(wanted, given));
      }),
      { numRuns: 500 },
    );
  });

  it("a wish that has become too old is not granted behind its planner's back", () => {
    const fleet: SharedFleet = {
      otherGpus: 0,
      pools: [
        { deployment: "a", role: "decode", replicas: 4, gpusPerReplica: 1, takesChanges: true },
        { deployment: "b", role: "decode", replicas: 4, gpusPerReplica: 1, takesChanges: true },
      ],
    };
    const cache = new IntentCache(TTL_MS);
    cache.note("a", { decode: 6 }, 0);
    const down = { atMs: TTL_MS + 1, request: { deployment: "b", targets: { decode: 2 } } };
    const decision = decideShared({ ...down, fleet, intents: cache.fresh(down.atMs), band: band(null, 8) });
    expect(decision).toMatchObject({ verdict: "standalone", legs: [{ deployment: "b" }] });
  });
});
