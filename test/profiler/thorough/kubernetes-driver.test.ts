import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { UserError } from "#common";
import type { KubernetesObject } from "#src/deployment";
import { CandidateFailed } from "#src/profiler";
import { type KubernetesDriverOptions, kubernetesDriver } from "../../../src/profiler/thorough/kubernetes/driver.ts";
import { endpointUrl } from "../../../src/profiler/thorough/kubernetes/endpoint.ts";
import { verdictOf } from "../../../src/profiler/thorough/kubernetes/objects.ts";
import { isInCluster, runKey } from "../../../src/profiler/thorough/kubernetes/run-key.ts";
import { filledTemplate } from "../../../src/profiler/thorough/kubernetes/template.ts";
import { FakeCluster, type FakeGraph, PENDING, READY } from "./fake-cluster.ts";
import { candidate } from "./local-candidate.ts";
import { stubServer } from "./stub-server.ts";

const NEVER_MS = 600_000;
const QUICK = { firstMs: 5, longestMs: 20, deadlineMs: 2_000 };
const signal = () => new AbortController().signal;

function named(name: string): KubernetesObject {
  const dgd = candidate("vllm");
  return { ...dgd, metadata: { ...dgd.metadata, name } };
}

/** A cluster whose operator brings every deployment up, and a driver for it. */
async function made(over: Partial<KubernetesDriverOptions> = {}) {
  const cluster = await FakeCluster.start();
  const stub = await stubServer({ models: ["Qwen/Qwen3-32B"] });
  const port = Number(new URL(stub.url).port);
  const bringUp = (graph: FakeGraph, scale?: number) => {
    const { name } = graph.metadata;
    cluster.addPod(name, "Frontend", { port, log: "frontend\n" });
    cluster.addPod(name, "VllmDecodeWorker", { log: "worker\n", ...(scale === undefined ? {} : { scale }) });
    cluster.setStatus(name, READY);
  };
  cluster.created = bringUp;
  const warnings: string[] = [];
  const infos: string[] = [];
  const driver = await kubernetesDriver({
    cluster: { kubeconfig: cluster.kubeconfig(), retry: QUICK },
    apiVersion: "nvidia.com/v1alpha1",
    run: "this-run",
    request: null,
    isInCluster: false,
    pollMs: NEVER_MS,
    onInfo: (text) => infos.push(text),
    onWarning: (text) => warnings.push(text),
    ...over,
  });
  const workFolder = mkdtempSync(join(tmpdir(), "kubernetes-driver-"));
  onTestFinished(() => rmSync(workFolder, { recursive: true }));
  return { cluster, stub, driver, warnings, infos, workFolder, bringUp };
}

describe("candidates in a cluster", () => {
  it("are created with the run's label and their request as owner, which does not control them", async () => {
    const { cluster, driver, workFolder } = await made({ request: { name: "wish", namespace: "llm", uid: "u-1" } });
    const trial = await driver.apply(named("trial-1"), { workFolder });
    expect(cluster.graphs.get("trial-1")?.metadata).toMatchObject({
      namespace: "llm",
      labels: { "understudy.dev/profiling-run": "this-run" },
      ownerReferences: [
        {
          apiVersion: "nvidia.com/v1alpha1",
          kind: "DynamoGraphDeploymentRequest",
          name: "wish",
          uid: "u-1",
          controller: false,
          blockOwnerDeletion: true,
        },
      ],
    });
    await trial.waitReady(NEVER_MS, signal());
    await driver.close();
  });

  it("a request of another namespace, or whose UID nobody tells, owns nothing, and that is said", async () => {
    for (const request of [
      { name: "wish", namespace: "elsewhere", uid: "u-1" },
      { name: "wish", namespace: "llm", uid: undefined },
    ]) {
      const { cluster, driver, workFolder, warnings } = await made({ request });
      await driver.apply(named("trial-1"), { workFolder });
      expect(cluster.graphs.get("trial-1")?.metadata.ownerReferences).toBeUndefined();
      expect(warnings.join()).toMatch(/wish can't (own|be read)/);
      await driver.close();
    }
  });

  it("are ready when the condition says so and the state is successful, which a watch tells", async () => {
    const { cluster, driver, workFolder, bringUp, stub } = await made();
    cluster.created = (graph) => cluster.setStatus(graph.metadata.name, PENDING);
    const trial = await driver.apply(named("trial-1"), { workFolder });
    const ready = trial.waitReady(NEVER_MS, signal());
    await vi.waitFor(() => expect(cluster.asked.some(({ query }) => query.has("watch"))).toBe(true));
    bringUp(cluster.graphs.get("trial-1")!);
    await ready;
    expect(trial.url).toBe(stub.url.replace("localhost", "127.0.0.1"));
    expect(trial.pace).toBeUndefined();
    await driver.close();
  });

  it("are looked at again where they may not be watched", async () => {
    const { cluster, driver, workFolder, bringUp } = await made({ pollMs: 20 });
    cluster.refuse = ({ query }) => (query.has("watch") ? { status: 403, message: "forbidden" } : null);
    cluster.created = (graph) => cluster.setStatus(graph.metadata.name, PENDING);
    const trial = await driver.apply(named("trial-1"), { workFolder });
    const ready = trial.waitReady(NEVER_MS, signal());
    const looks = () => cluster.asked.filter(({ path }) => path.endsWith("/trial-1")).length;
    await vi.waitFor(() => expect(looks()).toBeGreaterThan(3));
    bringUp(cluster.graphs.get("trial-1")!);
    await ready;
    expect(cluster.asked.filter(({ query }) => query.has("watch")).length).toBeLessThanOrEqual(3);
    await driver.close();
  });

  it("that are not ready in time fail in Dynamo's words, with what stands in the way and what the worker said last", async () => {
    const { cluster, driver, workFolder } = await made();
    cluster.created = ({ metadata: { name } }) => {
      cluster.addPod(name, "VllmDecodeWorker", {
        log: "loading weights\ntorch.OutOfMemoryError: CUDA out of memory.\n",
      });
      cluster.setStatus(name, PENDING);
    };
    const trial = await driver.apply(named("trial-1"), { workFolder });
    const failure = await trial.waitReady(300, signal()).catch((error: unknown) => error as Error);
    expect(failure).toBeInstanceOf(CandidateFailed);
    expect((failure as Error).message).toMatch(
      /^Deployment failed to become ready within 0\.3s \(Resources not ready: \[VllmDecodeWorker\]\); its log ends with: loading weights .* reduce gpu_memory_utilization/,
    );
    await driver.close();
    expect(cluster.graphs.size).toBe(0);
  });

  it("say at once, and once, what pods can't start for, with what helps, and again where they are given up", async () => {
    const { cluster, driver, warnings, workFolder } = await made({ pollMs: 20 });
    const pull = (reason: string) => ({
      name: "main",
      ready: false,
      restartCount: 0,
      state: { waiting: { reason, message: "failed to authorize: 401 Unauthorized" } },
    });
    const wait = (name: string, reason: string) =>
      cluster.addPod(name, "VllmDecodeWorker", { status: { containerStatuses: [pull(reason)] } });
    cluster.created = ({ metadata: { name } }) => {
      const conditions = [
        { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "3 Insufficient nvidia.com/gpu" },
      ];
      cluster.addPod(name, "Frontend", { status: { containerStatuses: [], conditions } });
      wait(name, "ErrImagePull");
      cluster.setStatus(name, PENDING);
    };
    const trial = await driver.apply(named("trial-1"), { workFolder });
    const failure = trial.waitReady(1_500, signal()).catch((error: unknown) => error as Error);
    const pulling =
      /^pod trial-1-vllmdecodeworker-0: ErrImagePull: failed to authorize: 401 Unauthorized \(.*image-pull-secret/;
    await vi.waitFor(() => expect(warnings).toContainEqual(expect.stringMatching(pulling)));
    wait("trial-1", "ImagePullBackOff");
    expect((await failure) as Error).toMatchObject({
      message: expect.stringMatching(
        /^Deployment failed to become ready within 1\.5s \(Resources not ready: .*; pod trial-1-frontend-0: Unschedulable: 3 Insufficient nvidia\.com\/gpu \(fewer GPUs.*; pod trial-1-vllmdecodeworker-0: ImagePullBackOff: /,
      ),
    });
    expect(warnings.filter((text) => /Image/.test(text))).toHaveLength(1);
    expect(warnings.filter((text) => /Unschedulable/.test(text))).toHaveLength(1);
    await driver.close();
  });

  it("that fail, that crash again and again, or that somebody deletes are given up at once", async () => {
    const { cluster, driver, workFolder } = await made();
    cluster.created = ({ metadata: { name } }) =>
      cluster.setStatus(name, {
        state: "failed",
        conditions: [{ type: "Ready", status: "False", message: "no such image" }],
      });
    const failing = await driver.apply(named("trial-1"), { workFolder });
    await expect(failing.waitReady(NEVER_MS, signal())).rejects.toThrow("trial-1 failed: no such image");

    cluster.created = ({ metadata: { name } }) => {
      const ended = { name: "main", ready: false, restartCount: 6, lastState: { terminated: { reason: "OOMKilled" } } };
      cluster.addPod(name, "VllmDecodeWorker", { log: "bye\n", status: { containerStatuses: [ended] } });
      cluster.setStatus(name, PENDING);
    };
    const crashing = await driver.apply(named("trial-2"), { workFolder });
    await expect(crashing.waitReady(NEVER_MS, signal())).rejects.toThrow(
      "pod trial-2-vllmdecodeworker-0 was restarted 6 times (OOMKilled); its log ends with: bye",
    );

    const lost = await driver.apply(named("trial-3"), { workFolder });
    cluster.graphs.delete("trial-3");
    cluster.pods.delete("trial-3-vllmdecodeworker-0");
    await expect(lost.waitReady(NEVER_MS, signal())).rejects.toThrow("trial-3 was deleted by somebody else");
    await driver.close();
    expect(cluster.graphs.size).toBe(0);
  });

  it("an interrupted wait ends with the signal's reason", async () => {
    const { cluster, driver, workFolder } = await made();
    cluster.created = (graph) => cluster.setStatus(graph.metadata.name, PENDING);
    const trial = await driver.apply(named("trial-1"), { workFolder });
    const interrupted = new AbortController();
    const ready = trial.waitReady(NEVER_MS, interrupted.signal);
    await vi.waitFor(() => expect(cluster.asked.some(({ query }) => query.has("watch"))).toBe(true));
    interrupted.abort(new Error("interrupted"));
    await expect(ready).rejects.toThrow("interrupted");
    await driver.close();
    expect(cluster.graphs.size).toBe(0);
  });

  it("have the logs of all their pods saved, those of containers before a restart, too", async () => {
    const { cluster, driver, workFolder } = await made();
    const trial = await driver.apply(named("trial-1"), { workFolder });
    await trial.waitReady(NEVER_MS, signal());
    const again = { name: "main", ready: true, restartCount: 1 };
    cluster.addPod("trial-1", "VllmDecodeWorker", { log: "worker\n", status: { containerStatuses: [again] } });
    const logs = await trial.saveLogs();
    expect([...logs.keys()].sort()).toEqual(["frontend", "vllmdecodeworker"]);
    const file = join(workFolder, "trial-1", "vllmdecodeworker", "0.log");
    expect(logs.get("vllmdecodeworker")).toEqual([file]);
    expect(readFileSync(file, "utf8")).toBe("worker\n");
    expect(existsSync(file.replace("0.log", "0.previous.log"))).toBe(true);
    // What was saved stays when it can't be had any more.
    cluster.refuse = ({ path }) => (path.endsWith("/log") ? { status: 403, message: "forbidden" } : null);
    await trial.saveLogs();
    expect(readFileSync(file, "utf8")).toBe("worker\n");
    await driver.close();
  });

  it("are gone when delete resolves: the deployment, and its pods", async () => {
    const { cluster, driver, workFolder } = await made();
    const trial = await driver.apply(named("trial-1"), { workFolder });
    cluster.holdsDeletions = true;
    let isGone = false;
    const deleted = trial.delete().then(() => {
      isGone = true;
    });
    const looks = () =>
      cluster.asked.filter(({ method, path }) => method === "GET" && path.endsWith("/trial-1")).length;
    await vi.waitFor(() => expect(looks()).toBeGreaterThan(1));
    expect(isGone).toBe(false);
    for (const done of cluster.held) done();
    await deleted;
    expect(await driver.remaining()).toEqual([]);
    await trial.delete();
    expect(cluster.asked.filter(({ method }) => method === "DELETE")).toHaveLength(1);
    await driver.close();
  });

  it("what an earlier run of the same key left is found and deleted before anything is deployed, others' is not", async () => {
    const { cluster, driver, workFolder, infos } = await made();
    cluster.put("stray", { labels: { "understudy.dev/profiling-run": "this-run" } });
    cluster.put("others", { labels: { "understudy.dev/profiling-run": "another" } });
    cluster.put("production");
    expect(await driver.remaining()).toEqual(["stray"]);
    await driver.apply(named("trial-1"), { workFolder });
    expect([...cluster.graphs.keys()].sort()).toEqual(["others", "production", "trial-1"]);
    expect(infos.join()).toContain("stray");
    await driver.close();
    expect([...cluster.graphs.keys()].sort()).toEqual(["others", "production"]);
  });

  it("who may not list deletes its own", async () => {
    const { cluster, driver, workFolder } = await made();
    cluster.refuse = ({ method, path }) =>
      method === "GET" && path.endsWith("/dynamographdeployments") ? { status: 403, message: "forbidden" } : null;
    await driver.apply(named("trial-1"), { workFolder });
    expect(await driver.remaining()).toEqual(["trial-1"]);
    await driver.close();
    expect(cluster.graphs.size).toBe(0);
  });

  it.each([
    [403, "PROFILER_CLUSTER_REFUSES", "manifests rbac"],
    [404, "PROFILER_CLUSTER_REFUSES", "--namespace"],
  ])("what none could be deployed for ends the run: %i", async (status, code, hint) => {
    const { cluster, driver, workFolder } = await made();
    cluster.refuse = ({ method }) => (method === "POST" ? { status, message: "no" } : null);
    const error = await driver.apply(named("trial-1"), { workFolder }).catch((found: unknown) => found as UserError);
    expect(error).toMatchObject({ code, hint: expect.stringContaining(hint) });
    await driver.close();
  });

  it("what the API server finds wrong with one candidate is that one's failure", async () => {
    const { cluster, driver, workFolder } = await made();
    cluster.refuse = ({ method }) => (method === "POST" ? { status: 422, message: "spec.x: too long" } : null);
    await expect(driver.apply(named("trial-1"), { workFolder })).rejects.toThrow(CandidateFailed);
    await driver.close();
  });

  it("a runner that plays them in scaled time says so on the pods, and times are multiplied", async () => {
    const { cluster, driver, workFolder, bringUp } = await made();
    cluster.created = (graph) => bringUp(graph, 20);
    const trial = await driver.apply(named("trial-1"), { workFolder });
    await trial.waitReady(NEVER_MS, signal());
    expect(await trial.pace?.({ kind: "prefill", isl: 10, requests: 1 })).toBe(20);
    await driver.close();
  });
});

describe("where a candidate answers", () => {
  const place = {
    dgd: named("trial-1"),
    name: "trial-1",
    namespace: "llm",
    template: undefined,
    isInCluster: false,
    service: undefined,
    frontends: [],
  };
  const pod = (podIP: string) => ({
    metadata: { name: "p", uid: "u", resourceVersion: "1" },
    status: { podIP, containerStatuses: [{ name: "main", ready: true }] },
  });

  it("is its service within a cluster, its frontend's pod outside, or what the template says", () => {
    expect(endpointUrl({ ...place, isInCluster: true })).toBe("http://trial-1-frontend.llm.svc.cluster.local:8000");
    expect(endpointUrl({ ...place, isInCluster: true, service: "Web" })).toBe(
      "http://trial-1-web.llm.svc.cluster.local:8000",
    );
    expect(endpointUrl(place)).toBeNull();
    expect(endpointUrl({ ...place, frontends: [pod("10.0.0.7")] })).toBe("http://10.0.0.7:8000");
    expect(endpointUrl({ ...place, frontends: [pod("fd00::7")] })).toBe("http://[fd00::7]:8000");
    expect(endpointUrl({ ...place, template: "https://x/{namespace}/{name}/" })).toBe("https://x/llm/trial-1");
  });

  it("a template that is no URL is refused", () => {
    for (const template of ["{name}", "ftp://{name}", "http://{nam}:80"]) {
      expect(() => filledTemplate(template, { name: "n", namespace: "ns", port: 1 })).toThrow("expected an http URL");
    }
  });
});

describe("the state of a deployment", () => {
  it.each([
    [undefined, "waiting"],
    [{ state: "successful" }, "waiting"],
    [{ conditions: READY.conditions, state: "pending" }, "waiting"],
    [READY, "ready"],
    [{ ...READY, state: "failed" }, "failed"],
  ])("%j: %s", (status, verdict) => {
    const metadata = { name: "n", uid: "u", resourceVersion: "1" };
    expect(verdictOf(status === undefined ? { metadata } : { metadata, status })).toMatchObject({ verdict });
  });
});

describe("the key of a run", () => {
  it("is that of the request; without one, of output folder and machine, whatever pod of a Job it is", () => {
    const request = { DGDR_NAME: "wish", DGDR_NAMESPACE: "llm", DGDR_UID: "u-1" };
    expect(runKey(request, "a", "one")).toBe(runKey(request, "b", "two"));
    expect(runKey(request, "a")).not.toBe(runKey({ ...request, DGDR_UID: "u-2" }, "a"));
    expect(runKey({}, "a", "one")).toBe(runKey({}, "./a", "one"));
    expect(runKey({}, "a", "one")).not.toBe(runKey({}, "a", "two"));
    const pod = { KUBERNETES_SERVICE_HOST: "10.0.0.1" };
    expect(runKey(pod, "/data", "profile-sla-x7k2p")).toBe(runKey(pod, "/data", "profile-sla-9qqzt"));
    expect(runKey(pod, "/data", "profile-sla-x7k2p")).not.toBe(runKey(pod, "/data", "other-sla-x7k2p"));
    expect(runKey({}, "a")).toMatch(/^[0-9a-f]{16}$/);
  });

  it("in a cluster is who has a pod's account and no kubeconfig", () => {
    const pod = { KUBERNETES_SERVICE_HOST: "10.0.0.1" };
    expect(isInCluster(pod, undefined)).toBe(true);
    expect(isInCluster(pod, "file")).toBe(false);
    expect(isInCluster({ ...pod, KUBECONFIG: "file" }, undefined)).toBe(false);
    expect(isInCluster({}, undefined)).toBe(false);
  });
});
