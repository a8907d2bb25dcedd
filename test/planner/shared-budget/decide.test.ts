import { describe, expect, it } from "vitest";
import { decideShared, type Intent, IntentCache, type SharedFleet, type Targets } from "#planner/core";
import { band, fleetOf, intent, pool } from "./fleets.ts";

/** Two disaggregated deployments, three workers of each role, twelve GPUs. */
const two = fleetOf(pool("a", "prefill", 3), pool("a", "decode", 3), pool("b", "prefill", 3), pool("b", "decode", 3));
const one = fleetOf(pool("a", "prefill", 3), pool("a", "decode", 3));
/** Prefill workers of one GPU, decode workers of two: ten GPUs. */
const uneven = fleetOf(pool("a", "prefill", 4, 1), pool("a", "decode", 3, 2));

function ask(
  fleet: SharedFleet,
  targets: Partial<Targets>,
  limits: [number | null, number | null],
  intents: Intent[] = [],
  isStrict = false,
) {
  return decideShared({ request: { deployment: "a", targets }, fleet, intents, band: band(...limits), isStrict });
}

describe("a request alone", () => {
  it("is granted where there is no budget", () => {
    const decision = ask(one, { prefill: 30 }, [null, null], [intent("a", "decode", 1)]);
    expect(decision).toMatchObject({ verdict: "unlimited", legs: [{ deployment: "a", targets: { prefill: 30 } }] });
  });

  it("is granted within the band, to its edges", () => {
    expect(ask(one, { prefill: 5 }, [4, 8])).toMatchObject({ verdict: "standalone", totals: { now: 6, after: 8 } });
    expect(ask(one, { prefill: 1 }, [4, 8])).toMatchObject({ verdict: "standalone", totals: { now: 6, after: 4 } });
  });

  it("is denied beyond the ceiling, in the words of Dynamo", () => {
    const decision = ask(one, { prefill: 4 }, [null, 6]);
    expect(decision).toMatchObject({ verdict: "denied", legs: [], totals: { now: 6, standalone: 7, after: 6 } });
    expect(decision.message).toBe("GPU budget breach: total 7 exceeds ceiling (6); no feasible pair packing");
  });

  it("is denied beneath the floor", () => {
    expect(ask(one, { prefill: 2 }, [6, 6]).message).toBe(
      "GPU budget breach: total 5 below floor (6); no feasible pair packing",
    );
  });

  it("a ceiling of 0 lets nothing grow", () => {
    expect(ask(fleetOf(pool("a", "decode", 0)), { decode: 1 }, [null, 0]).verdict).toBe("denied");
  });

  it("GPUs of what nobody scales count", () => {
    expect(ask({ ...one, otherGpus: 2 }, { prefill: 4 }, [null, 8]).message).toContain("total 9 exceeds ceiling (8)");
  });

  it("has the floor relaxed by one worker only where it grows and shrinks at once", () => {
    expect(ask(uneven, { prefill: 3, decode: 3 }, [10, 10]).message).toContain("below floor (10)");
    const rebalance = ask(uneven, { prefill: 5, decode: 2 }, [10, 10]);
    expect(rebalance).toMatchObject({ verdict: "standalone", isInternallyPaired: true, totals: { after: 9 } });
    expect(rebalance.tolerance.standalone).toBe(2);
    expect(ask(uneven, { prefill: 5, decode: 1 }, [10, 10]).message).toContain("total 7 below floor (10 - tol 2)");
    // The ceiling never is.
    expect(ask(uneven, { prefill: 3, decode: 4 }, [10, 10]).message).toContain("total 11 exceeds ceiling (10)");
  });

  it("relaxes no floor that stands alone", () => {
    expect(ask(uneven, { prefill: 5, decode: 2 }, [10, null]).message).toContain("total 9 below floor (10)");
  });

  it("changes nothing where all is as wished, wherever the total lies", () => {
    expect(ask(one, { prefill: 3, decode: 3 }, [8, 9])).toMatchObject({ verdict: "standalone", legs: [] });
  });
});

describe("a total outside of the band", () => {
  it("may come nearer by any step", () => {
    expect(ask(one, { prefill: 4 }, [12, 12])).toMatchObject({ verdict: "towards-band", totals: { after: 7 } });
    expect(ask(one, { prefill: 2 }, [null, 3])).toMatchObject({ verdict: "towards-band", totals: { after: 5 } });
  });

  it("may not go further away, nor through to the other side", () => {
    expect(ask(one, { prefill: 2 }, [12, 12]).verdict).toBe("denied");
    expect(ask(one, { prefill: 4 }, [null, 3]).verdict).toBe("denied");
    expect(ask(one, { prefill: 20 }, [12, 12]).verdict).toBe("denied");
  });

  it("is stuck by the strict rule, as with Dynamo", () => {
    expect(ask(one, { prefill: 4 }, [12, 12], [], true).verdict).toBe("denied");
    expect(ask(one, { prefill: 9 }, [12, 12], [], true).verdict).toBe("standalone");
  });
});

describe("a request with partners", () => {
  it("takes a wish of the opposite direction in its own deployment along, in one stroke", () => {
    const decision = ask(one, { prefill: 2 }, [6, 6], [intent("a", "decode", 4)]);
    expect(decision).toMatchObject({
      verdict: "paired",
      legs: [{ deployment: "a", targets: { prefill: 2, decode: 4 }, deltaGpus: 0 }],
      totals: { now: 6, standalone: 5, after: 6 },
    });
  });

  it("of another deployment: what frees GPUs comes first", () => {
    expect(ask(two, { decode: 4 }, [12, 12], [intent("b", "prefill", 2)]).legs).toEqual([
      { deployment: "b", targets: { prefill: 2 }, deltaGpus: -1 },
      { deployment: "a", targets: { decode: 4 }, deltaGpus: 1 },
    ]);
  });

  it("packs as many as the band holds", () => {
    const intents = [intent("a", "decode", 4), intent("b", "decode", 4)];
    const decision = ask(two, { prefill: 2 }, [11, 13], intents);
    expect(decision.packing.map(({ verdict }) => verdict)).toEqual(["full", "full"]);
    expect(decision.legs).toEqual([
      { deployment: "a", targets: { prefill: 2, decode: 4 }, deltaGpus: 0 },
      { deployment: "b", targets: { decode: 4 }, deltaGpus: 1 },
    ]);
    // Where the band is narrower, the own deployment's goes before an equal one of another.
    expect(
      ask(two, { prefill: 2 }, [12, 12], intents).packing.map(({ deployment, verdict }) => [deployment, verdict]),
    ).toEqual([
      ["a", "full"],
      ["b", "crossed"],
    ]);
  });

  it("goes on with larger ones while small ones don't suffice, and takes the last in part", () => {
    const fleet = fleetOf(
      pool("a", "prefill", 5),
      pool("a", "decode", 3),
      pool("b", "prefill", 1),
      pool("b", "decode", 3),
    );
    const decision = ask(fleet, { prefill: 1 }, [12, 12], [intent("b", "prefill", 2), intent("b", "decode", 8)]);
    expect(decision.packing).toMatchObject([
      { role: "prefill", to: 2, verdict: "approaching", totalGpus: 9 },
      { role: "decode", from: 3, wished: 8, to: 6, verdict: "partial" },
    ]);
    expect(decision).toMatchObject({ verdict: "paired", totals: { after: 12 }, tolerance: { paired: 1 } });
  });

  it("takes no part that doesn't lie between what is and what is wished", () => {
    // Two GPUs a worker: neither 3 nor 4 decode workers land on ten GPUs.
    expect(ask(uneven, { decode: 4 }, [10, 10], [intent("a", "prefill", 3)])).toMatchObject({ verdict: "denied" });
    expect(ask(uneven, { prefill: 2 }, [10, 10], [intent("a", "decode", 9)])).toMatchObject({
      verdict: "paired",
      legs: [{ targets: { prefill: 2, decode: 4 } }],
    });
  });

  it("is denied where all partners together don't reach the band", () => {
    const decision = ask(
      fleetOf(pool("a", "prefill", 5), pool("a", "decode", 5)),
      { prefill: 2 },
      [10, 10],
      [intent("a", "decode", 6)],
    );
    expect(decision).toMatchObject({ verdict: "denied", legs: [] });
    expect(decision.packing).toMatchObject([{ verdict: "approaching", totalGpus: 8 }]);
    expect(decision.message).toBe("GPU budget breach: total 7 below floor (10); no feasible pair packing");
  });

  it("takes them along even where it would be granted alone", () => {
    expect(ask(one, { prefill: 2 }, [4, 8], [intent("a", "decode", 4)])).toMatchObject({ verdict: "paired" });
  });

  it.each([
    ["of the same direction", intent("b", "decode", 2)],
    ["that are satisfied", intent("b", "decode", 3)],
    ["of pools that it names itself", intent("a", "prefill", 9)],
    ["of deployments that nobody knows", intent("c", "decode", 9)],
  ])("leaves wishes alone %s", (_, wish) => {
    expect(ask(two, { prefill: 2 }, [12, 12], [wish])).toMatchObject({ verdict: "denied", packing: [] });
  });

  it("leaves deployments alone that take no changes now", () => {
    const fleet = fleetOf(pool("a", "prefill", 3), pool("b", "decode", 3, 1, false));
    expect(ask(fleet, { prefill: 2 }, [6, 6], [intent("b", "decode", 4)]).verdict).toBe("denied");
  });
});

describe("the cache of intents", () => {
  it("keeps a wish for its time, and no longer, whichever way the clock goes", () => {
    const cache = new IntentCache(1000);
    cache.note("a", { prefill: 2 }, 5000);
    expect(cache.fresh(6000)).toEqual([intent("a", "prefill", 2, 5000)]);
    expect(cache.fresh(6001)).toEqual([]);
    expect(cache.fresh(6000)).toEqual([]);
    cache.note("a", { prefill: 2 }, 5000);
    expect(cache.fresh(3999)).toEqual([]);
  });

  it("a newer wish of a pool takes the place of the older, role by role", () => {
    const cache = new IntentCache(1000);
    cache.note("a", { prefill: 2, decode: 5 }, 0);
    cache.note("a", { prefill: 3 }, 10);
    cache.note("b", { decode: 1 }, 20);
    expect(cache.fresh(20)).toEqual([
      intent("a", "prefill", 3, 10),
      intent("a", "decode", 5, 0),
      intent("b", "decode", 1, 20),
    ]);
  });
});
