import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type RunnerAction,
  reconcile,
  type SeenReplica,
  type WantedComponent,
} from "../../../src/deployment/runner/reconcile.ts";

const decode = (fields: Partial<WantedComponent> = {}): WantedComponent => ({
  ...{ name: "decode", replicas: 2, revision: "a", rollover: "surge" },
  ...fields,
});
const replica = (index: number, state: SeenReplica["state"] = "ready", revision = "a"): SeenReplica => ({
  ...{ name: `decode-${index}`, component: "decode", index, revision, state },
});
const started = (actions: readonly RunnerAction[]) =>
  actions.flatMap((action) => (action.kind === "start" ? [action.index] : []));
const drained = (actions: readonly RunnerAction[]) =>
  actions.flatMap((action) => (action.kind === "drain" ? [action.replica] : []));

describe("what the runner does next", () => {
  it("starts what is missing under the lowest free numbers", () => {
    const actions = reconcile([decode({ replicas: 4 })], [replica(1), replica(2, "draining")]);
    expect(actions).toEqual([0, 3, 4].map((index) => ({ kind: "start", component: "decode", index, revision: "a" })));
  });

  it("rests where all is as wanted, whatever drains beside it", () => {
    expect(reconcile([decode()], [replica(0), replica(1, "starting"), replica(2, "draining")])).toEqual([]);
  });

  it("drains what serves nothing first, then the newest", () => {
    const seen = [replica(0, "back-off"), replica(1), replica(2), replica(3, "starting")];
    expect(drained(reconcile([decode({ replicas: 3 })], seen))).toEqual(["decode-3"]);
    expect(drained(reconcile([decode({ replicas: 1 })], seen))).toEqual(["decode-3", "decode-0", "decode-2"]);
    expect(drained(reconcile([decode({ replicas: 0 })], seen))).toHaveLength(4);
  });

  it("drains components that are wanted no more", () => {
    expect(drained(reconcile([], [replica(0), replica(1, "draining")]))).toEqual(["decode-0"]);
  });

  it("rolls over with one more at a time, and takes none away before another is ready", () => {
    const wanted = [decode({ revision: "b" })];
    const old = [replica(0), replica(1)];
    expect(reconcile(wanted, old)).toEqual([{ kind: "start", component: "decode", index: 2, revision: "b" }]);
    expect(reconcile(wanted, [...old, replica(2, "starting", "b")])).toEqual([]);
    const next = reconcile(wanted, [...old, replica(2, "ready", "b")]);
    expect(drained(next)).toEqual(["decode-1"]);
    expect(started(next)).toEqual([3]);
  });

  it("recreates what can't be there twice: the new one starts when the old one is gone", () => {
    const wanted = [decode({ replicas: 1, revision: "b", rollover: "recreate" })];
    expect(drained(reconcile(wanted, [replica(0)]))).toEqual(["decode-0"]);
    expect(reconcile(wanted, [replica(0, "draining")])).toEqual([]);
    expect(started(reconcile(wanted, []))).toEqual([0]);
  });

  it("ends at what is wanted from any state, and is never below it while it rolls over what is ready", () => {
    const states = ["pending", "starting", "ready", "not-ready", "draining", "back-off", "failed"] as const;
    const seen = fc.uniqueArray(
      fc.record({
        index: fc.nat(12),
        state: fc.constantFrom(...states),
        revision: fc.constantFrom("a", "b"),
      }),
      { selector: ({ index }) => index, maxLength: 10 },
    );
    const wanted = fc.record({ replicas: fc.nat(8), rollover: fc.constantFrom("surge", "recreate") });
    fc.assert(
      fc.property(seen, wanted, fc.infiniteStream(fc.boolean()), (begin, { replicas, rollover }, luck) => {
        const want = decode({ replicas, rollover });
        let now: SeenReplica[] = begin.map(({ index, state, revision }) => replica(index, state, revision));
        const ready = () => now.filter(({ state }) => state === "ready").length;
        const floor = rollover === "surge" ? Math.min(replicas, ready()) : 0;
        for (let round = 0; round < 200; round++) {
          const actions = reconcile([want], now);
          for (const action of actions) {
            if (action.kind === "start") {
              expect(now.some(({ index }) => index === action.index)).toBe(false);
              now.push(replica(action.index, "starting", action.revision));
            } else now = now.map((each) => (each.name === action.replica ? { ...each, state: "draining" } : each));
          }
          expect(ready()).toBeGreaterThanOrEqual(floor);
          const live = now.filter(({ state }) => state !== "draining");
          if (actions.length === 0 && live.every(({ state }) => state === "ready") && live.length === now.length) break;
          // Some of what is under way comes about, in any order.
          now = now.flatMap((each) => {
            if (round < 100 && !luck.next().value) return [each];
            return each.state === "draining" ? [] : [{ ...each, state: "ready" as const }];
          });
        }
        expect(now.map(({ state, revision }) => `${state} ${revision}`)).toEqual(Array(replicas).fill("ready a"));
      }),
    );
  });
});
