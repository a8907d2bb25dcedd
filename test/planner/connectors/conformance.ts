import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Connector, ScaleOutcome } from "#planner/connectors";
import type { Targets } from "#planner/core";
import {
  type ConnectorFixture,
  type PlatformTrait,
  reportsWhatTakesNoChanges,
  seen,
  seesEditsByHand,
} from "./conformance-claims.ts";
import { targetsOf } from "./stores.ts";

let decision = 0;

/**
 * How every connector behaves, whatever is behind it. Call at a test file's top level or within a `describe`.
 * @param options `looksOnly`: it must never change anything; `lacks`: what can't happen to its platform, all else must be in the fixture
 */
export function connectorConformance(
  name: string,
  makeFixture: () => Promise<ConnectorFixture>,
  options: { looksOnly?: boolean; lacks?: readonly PlatformTrait[] } = {},
): void {
  const has = (trait: PlatformTrait) => !options.lacks?.includes(trait);
  describe(`connector ${name}`, () => {
    let fixture: ConnectorFixture;
    let connector: Connector;
    const extra: Connector[] = [];

    beforeEach(async () => {
      fixture = await makeFixture();
      connector = fixture.connect();
      await connector.open();
    });

    afterEach(async () => {
      await Promise.all([connector, ...extra.splice(0)].map((each) => each?.close()));
      await fixture?.close();
    });

    async function another(): Promise<Connector> {
      const other = fixture.connect();
      extra.push(other);
      await other.open();
      return other;
    }

    function scale(targets: Partial<Targets>, by = connector): Promise<ScaleOutcome> {
      return by.scale({ targets, reason: "more load", decision: decision++ });
    }

    const every = (count: number): Partial<Targets> => targetsOf(fixture.roles, count);

    it("shows each role's workers, and no role that the deployment lacks", async () => {
      const state = await seen(connector);
      expect(Object.keys(state.roles).sort()).toEqual([...fixture.roles].sort());
      expect(state).toMatchObject({ ready: true, notReadyReason: null });
      for (const role of fixture.roles) {
        expect(state.roles[role]).toMatchObject({ role, desired: 1, ready: 1, stable: true });
        expect(state.roles[role]!.component).not.toBe("");
      }
    });

    it("can be opened and closed more than once", async () => {
      await connector.open();
      const other = await another();
      await other.close();
      await other.close();
      expect(await seen(connector)).toMatchObject({ ready: true });
    });

    it("says in a sentence what it did, and what is in force", async () => {
      const outcome = await scale(every(2));
      expect(outcome.message).toMatch(/\w/);
      expect(outcome.inForce).toEqual(await fixture.asked());
    });

    if (options.looksOnly) {
      it("carries out no wish, and says so", async () => {
        for (const count of [2, 0]) expect((await scale(every(count))).status).toBe("refused");
        expect(await fixture.asked()).toEqual(every(1));
      });
      return;
    }

    it("asks for more workers of every role at once, and sees them serve", async () => {
      const outcome = await scale(every(3));
      expect(outcome).toMatchObject({ status: "applied", inForce: every(3) });
      expect(await fixture.asked()).toEqual(every(3));
      await fixture.settle();
      for (const role of fixture.roles) {
        expect((await seen(connector)).roles[role]).toMatchObject({ desired: 3, ready: 3, stable: true });
      }
    });

    it("does not take workers for serving that were only asked for", async () => {
      await scale(every(3));
      const state = await connector.state();
      for (const role of fixture.roles) {
        if (state === null) continue;
        expect(state.roles[role]!.desired).toBe(3);
        expect(state.roles[role]).toMatchObject(state.roles[role]!.ready === 3 ? {} : { ready: 1, stable: false });
      }
    });

    it("asks for fewer workers", async () => {
      await scale(every(3));
      await fixture.settle();
      expect(await scale(every(1))).toMatchObject({ status: "applied", inForce: every(1) });
      await fixture.settle();
      for (const role of fixture.roles) {
        expect((await seen(connector)).roles[role]).toMatchObject({ desired: 1, ready: 1, stable: true });
      }
    });

    it("asks for none at all, sees them gone, and asks for some again", async () => {
      expect(await scale(every(0))).toMatchObject({ status: "applied", inForce: every(0) });
      expect(await fixture.asked()).toEqual(every(0));
      await fixture.settle();
      for (const role of fixture.roles) {
        expect((await seen(connector)).roles[role]).toMatchObject({ desired: 0, ready: 0, stable: true });
      }
      expect(await scale(every(2))).toMatchObject({ status: "applied", inForce: every(2) });
      await fixture.settle();
      for (const role of fixture.roles) {
        expect((await seen(connector)).roles[role]).toMatchObject({ desired: 2, ready: 2, stable: true });
      }
    });

    it("leaves roles alone of which the wish says nothing", async () => {
      const role = fixture.roles[0]!;
      expect(await scale({ [role]: 2 })).toMatchObject({ status: "applied" });
      expect(await fixture.asked()).toEqual({ ...every(1), [role]: 2 });
    });

    it("touches nothing where all is as wished", async () => {
      expect(await scale(every(1))).toMatchObject({ status: "unchanged", inForce: every(1) });
      expect(await scale({})).toMatchObject({ status: "unchanged" });
      expect((await seen(connector)).roles[fixture.roles[0]!]).toMatchObject({ stable: true });
    });

    it("tells the truth of a wish that comes while an earlier one is under way", async () => {
      await scale(every(2));
      const outcome = await scale(every(3));
      expect(["applied", "pending", "not-ready"]).toContain(outcome.status);
      expect(await fixture.asked()).toEqual(every(outcome.status === "applied" ? 3 : 2));
      expect(outcome.inForce).toEqual(await fixture.asked());
      await fixture.settle();
      await scale(every(3));
      expect(await fixture.asked()).toEqual(every(3));
    });

    it("refuses counts that are none, and changes nothing then", async () => {
      for (const count of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect((await scale({ ...every(2), [fixture.roles[0]!]: count })).status, String(count)).toBe("refused");
      }
      expect(await fixture.asked()).toEqual(every(1));
    });

    it("refuses roles that the deployment lacks, and changes nothing then", async () => {
      const lacking = (["prefill", "decode"] as const).filter((role) => !fixture.roles.includes(role));
      for (const role of lacking) expect((await scale({ ...every(2), [role]: 2 })).status).toBe("refused");
      expect(await fixture.asked()).toEqual(every(1));
    });

    it("finds after a restart what was asked for before it", async () => {
      await scale(every(2));
      await connector.close();
      await fixture.settle();
      connector = fixture.connect();
      await connector.open();
      for (const role of fixture.roles) {
        expect((await seen(connector)).roles[role]).toMatchObject({ desired: 2, ready: 2, stable: true });
      }
      expect(await scale(every(2))).toMatchObject({ status: "unchanged" });
      expect(await scale(every(3))).toMatchObject({ status: "applied" });
    });

    it("sees what another planner asked for", async () => {
      const other = await another();
      await scale(every(2), other);
      await fixture.settle();
      for (const role of fixture.roles) expect((await seen(connector)).roles[role]!.desired).toBe(2);
      expect(await scale(every(2))).toMatchObject({ status: "unchanged" });
      expect(await scale(every(1))).toMatchObject({ status: "applied" });
      expect(await fixture.asked()).toEqual(every(1));
    });

    it("never mixes the wishes of two planners that act at the same time", async () => {
      const other = await another();
      const outcomes = await Promise.all([scale(every(4)), scale(every(7), other)]);
      const asked = await fixture.asked();
      expect([every(4), every(7)]).toContainEqual(asked);
      expect(outcomes.map((outcome) => outcome.status)).toContain("applied");
      for (const { status } of outcomes) expect(["applied", "pending", "failed", "not-ready"]).toContain(status);
    });

    it("sees replicas that somebody changed by hand, and changes them back when told to", async () => {
      await seesEditsByHand(fixture, connector);
    });

    if (has("readiness")) {
      it("reports a deployment that takes no changes, asks it for none, and goes on when it does again", async () => {
        await reportsWhatTakesNoChanges(fixture, connector);
      });
    }

    if (!has("outages")) return;
    it("knows no state while the platform is silent, fails without an exception, and recovers by itself", async () => {
      await fixture.outage!.begin();
      expect(await connector.state()).toBeNull();
      const outcome = await scale(every(2));
      expect(outcome.status).toBe("failed");
      expect(outcome.message).toMatch(/\w/);
      await fixture.outage!.end();
      expect(await fixture.asked()).toEqual(every(1));
      expect(await seen(connector)).toMatchObject({ ready: true });
      expect(await scale(every(2))).toMatchObject({ status: "applied" });
    });
  });
}
