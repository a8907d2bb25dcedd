import { describe, expect, it } from "vitest";
import type { ApiObject, ResourceVersionName } from "../../../src/deployment/cluster/objects.ts";
import {
  deleted,
  isAutoApplied,
  nextStep,
  type RequestFacts,
  rejectedChange,
  stageOf,
  wordOf,
} from "../../../src/deployment/cluster/request-stages.ts";
import { requestStatus } from "../../../src/deployment/cluster/request-status.ts";

const NOTHING: RequestFacts = { problem: null, run: null, graphState: null, graphName: null, isEstimated: false };
const GRAPH = { apiVersion: "nvidia.com/v1alpha1", kind: "DynamoGraphDeployment", metadata: { name: "g" } };
const DONE: RequestFacts = { ...NOTHING, run: { state: "succeeded", graph: GRAPH, beside: [] }, graphName: "g" };
const NOW = "2026-01-02T03:04:05Z";

function request(status: Record<string, unknown> = {}, spec: Record<string, unknown> = {}, generation = 1): ApiObject {
  return {
    metadata: { name: "wish", namespace: "ns", uid: "u", resourceVersion: "1", generation },
    spec: { backend: "vllm", ...spec },
    status,
  };
}

function statusAfter(version: ResourceVersionName, from: ApiObject, facts: RequestFacts, autoApply = true) {
  const step = nextStep(stageOf(from, version), facts, autoApply)!;
  return requestStatus({ request: from, version, step, facts, job: "profile-wish", running: null, now: NOW });
}

describe("the stages of a request", () => {
  it("are read from either version's words", () => {
    const alpha = (state: string, autoApply: boolean) => stageOf(request({ state }, { autoApply }), "v1alpha1");
    expect(
      ["", "Initializing", "Pending", "Profiling", "Deploying", "DeploymentDeleted", "Failed"].map((word) =>
        alpha(word, true),
      ),
    ).toEqual(["new", "new", "pending", "profiling", "deploying", "deleted", "failed"]);
    expect([alpha("Ready", false), alpha("Ready", true)]).toEqual(["generated", "deployed"]);
    const conditions = [{ type: "Validation", status: "True" }];
    const beta = (phase: string) => stageOf(request({ phase, conditions }), "v1beta1");
    expect(["Pending", "Profiling", "Ready", "Deploying", "Deployed", "Failed"].map(beta)).toEqual([
      "pending",
      "profiling",
      "generated",
      "deploying",
      "deployed",
      "failed",
    ]);
    // Its definition presets Pending: what nobody has looked at is new all the same.
    expect(stageOf(request({ phase: "Pending" }), "v1beta1")).toBe("new");
  });

  it("apply on their own by the version's preset", () => {
    expect([isAutoApplied(request(), "v1alpha1"), isAutoApplied(request(), "v1beta1")]).toEqual([false, true]);
    expect(isAutoApplied(request({}, { autoApply: false }), "v1beta1")).toBe(false);
  });

  it("lead from a valid request to a deployment, one at a time", () => {
    expect(nextStep("new", NOTHING, true)).toMatchObject({ stage: "pending", action: null });
    expect(nextStep("pending", { ...NOTHING, isEstimated: true }, true)).toMatchObject({
      stage: "profiling",
      action: "start-run",
      events: [{ note: "AIC profiling job created" }],
    });
    const running: RequestFacts = { ...NOTHING, run: { state: "running", phase: "SweepingDecode", message: "" } };
    expect(nextStep("profiling", running, true)).toBeNull();
    expect(nextStep("profiling", DONE, true)).toMatchObject({ stage: "deploying", action: null });
    expect(nextStep("profiling", DONE, false)).toMatchObject({ stage: "generated" });
    expect(nextStep("deploying", DONE, true)).toMatchObject({ stage: "deploying", action: "create-graph" });
    expect(nextStep("deploying", { ...DONE, graphState: "pending" }, true)).toBeNull();
    expect(nextStep("deploying", { ...DONE, graphState: "successful" }, true)).toMatchObject({ stage: "deployed" });
    expect(nextStep("generated", DONE, false)).toBeNull();
  });

  it("begin a run anew that nobody is running", () => {
    expect(nextStep("profiling", NOTHING, true)).toMatchObject({ stage: "profiling", action: "start-run", events: [] });
  });

  it("fail with what failed", () => {
    expect(nextStep("new", { ...NOTHING, problem: "no image" }, true)).toMatchObject({
      stage: "failed",
      conditions: [{ type: "Validation", status: "False", reason: "ValidationFailed", message: "no image" }],
      events: [{ type: "Warning", reason: "ValidationFailed" }],
    });
    const failed: RequestFacts = { ...NOTHING, run: { state: "failed", message: "profiling job failed: x" } };
    expect(nextStep("profiling", failed, true)).toMatchObject({
      stage: "failed",
      conditions: [
        { type: "Profiling", status: "False", reason: "ProfilingFailed", message: "profiling job failed: x" },
      ],
    });
    expect(nextStep("failed", NOTHING, true)).toBeNull();
  });

  it("tell of a deployment that suffers or is gone", () => {
    expect(nextStep("deployed", { ...DONE, graphState: "failed" }, true)).toMatchObject({
      stage: "deploying",
      conditions: [{ reason: "DeploymentDegraded", message: "Deployment degraded to failed" }],
    });
    const gone = nextStep("deployed", DONE, true);
    expect(gone).toEqual(deleted("g"));
    expect(gone!.conditions[0]!.message).toBe(
      "DGD g was deleted. DGDR will not recreate it. Delete this DGDR and create a new one to redeploy.",
    );
    expect([wordOf("deleted", "v1alpha1"), wordOf("deleted", "v1beta1")]).toEqual(["DeploymentDeleted", "Failed"]);
  });

  it("are immutable once profiling has begun", () => {
    const changed = (state: string) => rejectedChange(request({ state, observedGeneration: 1 }, {}, 2), "v1alpha1");
    expect(changed("Profiling")).toMatchObject({
      type: "Warning",
      reason: "SpecChangeRejected",
      note: expect.stringMatching(
        /^Cannot modify spec in state 'Profiling'\. .* Create a new resource with a different name instead\.$/,
      ),
    });
    expect([changed("Pending"), changed("Failed")]).toEqual([null, null]);
    expect(rejectedChange(request({ state: "Profiling", observedGeneration: 2 }, {}, 2), "v1alpha1")).toBeNull();
  });
});

describe("the status of a request", () => {
  it("of v1alpha1 holds the deployment that was made", () => {
    const profiling = request({ state: "Profiling", observedGeneration: 1 }, { autoApply: true });
    expect(statusAfter("v1alpha1", profiling, DONE)).toMatchObject({
      state: "Deploying",
      backend: "vllm",
      generatedDeployment: GRAPH,
      profilingResults: "configmap/dgdr-output-wish",
      observedGeneration: 1,
    });
    const deploying = request({ state: "Deploying", observedGeneration: 1 }, { autoApply: true });
    expect(statusAfter("v1alpha1", deploying, DONE)).toMatchObject({
      deployment: { name: "g", namespace: "ns", state: "initializing", created: true },
    });
  });

  it("of v1beta1 sums up in the condition Succeeded", () => {
    const summed = (status: Record<string, unknown>) =>
      (status.conditions as { type: string }[]).find(({ type }) => type === "Succeeded");
    const fresh = request();
    expect(summed(statusAfter("v1beta1", fresh, NOTHING))).toMatchObject({ status: "False", reason: "Pending" });
    expect(summed(statusAfter("v1beta1", fresh, { ...NOTHING, problem: "no image" }))).toMatchObject({
      reason: "Failed",
      message: "Validation failed: no image",
    });
    const conditions = [
      { type: "Validation", status: "True", reason: "", message: "", lastTransitionTime: "2025-01-01T00:00:00Z" },
    ];
    const profiling = request({ phase: "Profiling", conditions });
    const ready = statusAfter("v1beta1", profiling, DONE, false);
    expect(ready).toMatchObject({ phase: "Ready", profilingPhase: "Done" });
    expect(summed(ready)).toMatchObject({
      status: "True",
      reason: "SpecGenerated",
      message: "Profiling complete, spec available",
    });
    const failed: RequestFacts = { ...NOTHING, run: { state: "failed", message: "boom" } };
    expect(summed(statusAfter("v1beta1", profiling, failed))).toMatchObject({ message: "Profiling failed: boom" });
    const done = statusAfter("v1beta1", request({ phase: "Deploying", conditions }), {
      ...DONE,
      graphState: "successful",
    });
    expect(done).toMatchObject({ phase: "Deployed", dgdName: "g" });
    expect(summed(done)).toMatchObject({ status: "True", reason: "Deployed", message: "Deployment is healthy" });
  });

  it("keeps the time of a condition whose status stays", () => {
    const old = {
      type: "Validation",
      status: "True",
      reason: "a",
      message: "a",
      lastTransitionTime: "2025-01-01T00:00:00Z",
    };
    const status = statusAfter("v1beta1", request({ phase: "", conditions: [old] }), NOTHING);
    const found = (status.conditions as { type: string; lastTransitionTime: string }[]).filter(
      ({ type }) => type === "Validation",
    );
    expect(found).toMatchObject([{ reason: "ValidationPassed", lastTransitionTime: "2025-01-01T00:00:00Z" }]);
  });
});
