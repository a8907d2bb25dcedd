import { expect, it } from "vitest";
import type { LocalReplica } from "#planner/connectors";
import { Replica, replicaIndex, replicaName } from "../../../src/deployment/runner/replica.ts";
import { type ViewInput, viewOf } from "../../../src/deployment/runner/view.ts";
import { disaggregated } from "../../integration/runner/plans.ts";

const replica = (component: string, index: number, state: LocalReplica["state"], revision = "1") => {
  const made = new Replica(component, index, revision, 1);
  made.state = state;
  return made;
};
const view = (replicas: Replica[], fields: Partial<ViewInput> = {}) =>
  viewOf({
    ...{ plan: disaggregated(), replicas, wanted: () => 1, revision: () => "1" },
    ...{ resourceVersion: 7, generation: 2, observedGeneration: 2, isEnding: false },
    ...fields,
  });
const frontend = replica("Frontend", 0, "ready");
const prefill = replica("prefill", 0, "ready");

it("is ready where every component has as many ready replicas of its revision as are wanted, and no others", () => {
  const verdict = (...decode: Replica[]) => {
    const { ready, state, message } = view([frontend, prefill, ...decode]);
    return ready ? [state, message] : [state, message.replace("Resources not ready: ", "")];
  };
  expect(verdict(replica("decode", 0, "ready"))).toEqual(["successful", "All resources are ready"]);
  expect(verdict()).toEqual(["pending", "[decode]"]);
  expect(verdict(replica("decode", 0, "starting"))).toEqual(["pending", "[decode]"]);
  expect(verdict(replica("decode", 0, "ready", "0"))).toEqual(["pending", "[decode]"]);
  expect(verdict(replica("decode", 0, "failed"))).toEqual(["failed", "[decode]"]);
  expect(verdict(replica("decode", 0, "ready"), replica("decode", 1, "starting"))).toEqual(["pending", "[decode]"]);
  // As Kubernetes counts: what drains is no longer part of it.
  expect(verdict(replica("decode", 0, "ready"), replica("decode", 1, "draining"))[0]).toBe("successful");
});

it("tells apart what has not begun, what was not looked at, what ends, and what is planned no more", () => {
  const all = [frontend, prefill, replica("decode", 0, "ready")];
  expect(view([], { observedGeneration: 0 }).state).toBe("initializing");
  expect(view(all, { observedGeneration: 1 })).toMatchObject({ ready: false, state: "pending" });
  expect(view(all, { isEnding: true })).toMatchObject({ ready: false, message: "Resources are being deleted" });
  expect(view([...all, replica("gone", 0, "ready")]).ready).toBe(false);
});

it("lists replicas as the manifest has their components, each by its number", () => {
  const many = [replica("decode", 10, "ready"), prefill, replica("decode", 2, "ready"), frontend];
  expect(view(many).replicas.map(({ name }) => name)).toEqual(["frontend-0", "prefill-0", "decode-2", "decode-10"]);
});

it("replicas are named as Kubernetes has names, and known by them again", () => {
  expect(replicaName("VllmDecodeWorker", 3)).toBe("vllmdecodeworker-3");
  expect(replicaIndex("VllmDecodeWorker", "vllmdecodeworker-12")).toBe(12);
  expect(replicaIndex("decode", "decode-x")).toBe(null);
  expect(replicaIndex("decode", "prefill-1")).toBe(null);
});
