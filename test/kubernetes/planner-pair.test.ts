import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { waitFor } from "../integration/processes.ts";
import { RunningPlanner } from "../integration/running-planner.ts";
import { describeWithKubernetes } from "../tools.ts";
import { KubeApiServer, type KubeObject } from "./api-server.ts";
import { installGraphCrds } from "./crds.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { TestGraph } from "./graph.ts";

/** As client-go's leader election has them, and so have planners. */
const LEASE_MS = 15_000;
/** Who waits looks this often at the latest: 2 s with client-go's jitter. */
const LOOK_MS = 2_000 * 2.2;
/** One look's request takes no longer, or the look has failed. */
const REQUEST_MS = 5_000;

interface LeaseSpec {
  holderIdentity: string;
  leaseDurationSeconds: number;
  acquireTime: string;
  renewTime: string;
  leaseTransitions: number;
}

interface SentEvent extends KubeObject {
  eventTime: string;
  reportingInstance: string;
  reason: string;
  series?: { lastObservedTime: string };
}

await describeWithKubernetes("two planners of one deployment", (tools) => {
  let server: KubeApiServer;
  let graph: TestGraph;
  let namespace: string;
  let namespaces = 0;
  const planners: RunningPlanner[] = [];
  const proxies: FaultProxy[] = [];

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
    await installGraphCrds(server, "v1beta1");
  });
  afterAll(() => server?.stop());

  beforeEach(async () => {
    namespace = await server.namespace(`pair-${++namespaces}`);
    graph = await TestGraph.create(server, { version: "v1beta1", namespace });
  });
  afterEach(async () => {
    await Promise.all(planners.splice(0).map((planner) => planner.end("SIGKILL")));
    await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
  });

  /** With a way of its own to the API server, on which all that it asks for is seen. */
  async function start(identity: string) {
    const proxy = await FaultProxy.start(server);
    proxies.push(proxy);
    const planner = await RunningPlanner.start({
      environment: "kubernetes",
      graph_deployment_name: graph.name,
      kubeconfig: server.kubeconfig("admin", namespace, proxy.url),
      identity,
      strategy: "static",
      static_prefill_replicas: 2,
      static_decode_replicas: 3,
      // Nobody answers there: this strategy wants the same whatever comes.
      frontend_urls: ["http://127.0.0.1:1"],
    });
    planners.push(planner);
    const writes = () =>
      proxy.seen.filter(({ method, url }) => method === "PATCH" && url.includes("/nvidia.com/")).length;
    return { planner, proxy, writes };
  }

  const lease = async () => {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${graph.name}-planner`;
    return (await server.json<{ spec: LeaseSpec }>("GET", path)).spec;
  };

  const events = async () => {
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    return (await server.json<{ items: SentEvent[] }>("GET", path)).items;
  };

  /** Somebody changes replicas by hand; resolves when a planner has set them back, and the operator has followed. */
  async function correctedByHand(prefill: number): Promise<void> {
    await graph.setReplicas({ prefill });
    await graph.settle();
    await waitFor("the replicas to be corrected", async () => (await graph.asked()).prefill === 2, 120_000);
    await graph.settle();
  }

  it("one alone acts; kill -9: the other takes over within the lease time; they never overlap", async () => {
    const one = await start("one");
    await one.planner.tick("one to act", (_, { leader }) => leader);
    const two = await start("two");
    await two.planner.tick("two to watch", ({ action }) => action.status !== "state-unknown");
    await waitFor("one to scale", async () => (await graph.asked()).decode === 3);
    await graph.settle();
    for (const prefill of [5, 1, 4]) await correctedByHand(prefill);
    expect(await two.planner.status()).toMatchObject({ leader: false });
    // What it would have done is told, with who leads.
    const stoodBy = (await two.planner.snapshots()).filter(({ action }) => action.status === "standby");
    for (const { action } of stoodBy) expect(action.message).toContain("another planner leads (one)");

    await one.planner.end("SIGKILL");
    const before = await lease();
    expect(before).toMatchObject({ holderIdentity: "one", leaseTransitions: 0 });
    await correctedByHand(6);
    const after = await lease();
    expect(after).toMatchObject({ holderIdentity: "two", leaseTransitions: 1 });
    const tookMs = Date.parse(after.acquireTime) - Date.parse(before.renewTime);
    expect(tookMs).toBeGreaterThanOrEqual(LEASE_MS);
    expect(tookMs).toBeLessThan(LEASE_MS + LOOK_MS + REQUEST_MS);

    const acquiredMs = Date.parse(after.acquireTime);
    const told = await events();
    const by = (identity: string) => told.filter(({ reportingInstance }) => reportingInstance === identity);
    expect(by("one").length).toBeGreaterThan(0);
    expect(by("two").length).toBeGreaterThan(0);
    for (const { eventTime, series } of by("one")) {
      expect(Date.parse(series?.lastObservedTime ?? eventTime)).toBeLessThanOrEqual(
        Date.parse(before.renewTime) + 10_000,
      );
    }
    for (const { eventTime } of by("two")) expect(Date.parse(eventTime)).toBeGreaterThanOrEqual(acquiredMs);
    // Replicas are the planners', of an adapter nothing else is.
    const { metadata } = (await server.json("GET", graph.adapterPath("VllmPrefillWorker"))) as {
      metadata: { managedFields: { manager: string }[] };
    };
    const hand = metadata.managedFields.find(({ manager }) => manager === "understudy-planner")!;
    expect(hand).toMatchObject({ subresource: "scale", fieldsV1: { "f:spec": { "f:replicas": {} } } });
    expect(two.writes()).toBe(1);
  });

  it("a change that a killed planner left half done is rolled forward by the other", async () => {
    const one = await start("one");
    let isHalf = false;
    one.proxy.when(({ method, url }) => {
      if (isHalf || method !== "PATCH" || !url.includes("vllmdecodeworker/scale")) return undefined;
      isHalf = true;
      one.planner.process.kill("SIGKILL");
      return "cut";
    });
    await waitFor("one half to be written", () => isHalf);
    await one.planner.end("SIGKILL");
    expect(await graph.asked()).toEqual({ prefill: 2, decode: 1 });
    await start("two");
    await waitFor("the other half", async () => (await graph.asked()).decode === 3, 120_000);
    expect(await graph.asked()).toEqual({ prefill: 2, decode: 3 });
    expect(await lease()).toMatchObject({ holderIdentity: "two" });
  });

  it("SIGTERM hands the lead over at once, and who comes back watches", async () => {
    const one = await start("one");
    await one.planner.tick("one to act", (_, { leader }) => leader);
    const two = await start("two");
    await two.planner.tick("two to watch", ({ action }) => action.status !== "state-unknown");
    await waitFor("one to scale", async () => (await graph.asked()).decode === 3);
    await graph.settle();
    const before = await lease();
    expect(await one.planner.end("SIGTERM")).toBe(0);
    await two.planner.tick("two to lead", (_, { leader }) => leader);
    const after = await lease();
    expect(after).toMatchObject({ holderIdentity: "two" });
    // No lease's time has gone by between.
    expect(Date.parse(after.acquireTime) - Date.parse(before.renewTime)).toBeLessThan(LEASE_MS);
    const again = await start("one");
    await again.planner.tick("it to watch", ({ action }) => action.status !== "state-unknown");
    await correctedByHand(5);
    expect(await again.planner.status()).toMatchObject({ leader: false });
    expect([again.writes(), two.writes()]).toEqual([0, 1]);
  });
});
