import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startFrontend } from "#mocker/frontend";
import { KubernetesDiscovery } from "../../mocker/frontend/discovery/kubernetes.ts";
import { waitFor } from "../integration/processes.ts";
import { chat } from "../mocker/frontend/ask.ts";
import { fakeWorker } from "../mocker/frontend/fake-worker.ts";
import { describeWithKubernetes } from "../tools.ts";
import { type ApiUser, KubeApiServer } from "./api-server.ts";
import { allow, documentedRules } from "./documented.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { expectExactly } from "./witness.ts";

const PAGE = new URL("../../docs/frontend.md", import.meta.url);
const GRAPH = "nvidia.com/dynamo-graph-deployment-name";
const TYPE = "nvidia.com/dynamo-component-type";
const SELECTOR = `${GRAPH}=llama,${TYPE} in (worker,prefill,decode)`;
type Kind = "pods" | "endpointslices";

await describeWithKubernetes("discovery of workers by a real Kubernetes API", (tools) => {
  let server: KubeApiServer;
  let proxy: FaultProxy;
  let namespace: string;
  let namespaces = 0;
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
    // What was before its start it has forgotten.
    await server.kill();
    await server.run();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    namespace = await server.namespace(`discovery-${++namespaces}`);
    proxy = await FaultProxy.start(server);
    closers.push(() => proxy.stop());
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  const labelsOf = (type: string, graph = "llama") => ({ [GRAPH]: graph, [TYPE]: type });

  const pods = (name?: string) => `/api/v1/namespaces/${namespace}/pods${name === undefined ? "" : `/${name}`}`;
  const slices = (name?: string) =>
    `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices${name === undefined ? "" : `/${name}`}`;

  /** Bound to a node, so that its deletion waits for the node, as in a cluster. */
  async function pod(name: string, labels: object = labelsOf("decode")): Promise<void> {
    const ports = [
      { name: "metrics", containerPort: 9090 },
      { name: "http", containerPort: 8123 },
    ];
    await server.json("POST", pods(), {
      metadata: { name, labels },
      spec: { nodeName: "node-1", containers: [{ name: "main", image: "none", ports }] },
    });
  }

  async function runs(name: string, podIP: string): Promise<void> {
    const status = { phase: "Running", podIP, podIPs: [{ ip: podIP }] };
    await server.merge(`${pods(name)}/status`, { status });
  }

  async function slice(
    name: string,
    endpoints: readonly { address: string; ready?: boolean }[],
    labels: object = labelsOf("decode"),
  ): Promise<void> {
    const object = {
      metadata: { name, labels },
      addressType: "IPv4",
      ports: [
        { name: "system", port: 9090 },
        { name: "http", port: 8123 },
      ],
      endpoints: endpoints.map(({ address, ready = true }) => ({ addresses: [address], conditions: { ready } })),
    };
    const { status } = await server.call("GET", slices(name));
    if (status === 404) await server.json("POST", slices(), object);
    else await server.merge(slices(name), { endpoints: object.endpoints });
  }

  async function discovered(
    resource: Kind,
    { user = "admin", until = true }: { user?: ApiUser; until?: boolean } = {},
  ) {
    const known = new Set<string>();
    const told: string[] = [];
    const problems: (string | null)[] = [];
    const discovery = new KubernetesDiscovery(
      {
        kubeconfig: server.kubeconfig(user, namespace, proxy.url),
        labelSelector: SELECTOR,
        resource,
      },
      (problem) => problems.push(problem),
    );
    await discovery.start({
      add: (url) => {
        known.add(url);
        told.push(`+${url}`);
      },
      remove: (url) => {
        known.delete(url);
        told.push(`-${url}`);
      },
    });
    closers.push(() => discovery.stop());
    if (until) await waitFor("the watch", () => proxy.openWatches === 1);
    const knows = (...urls: string[]) =>
      waitFor(`${urls.join(", ") || "none"} to be known`, () => {
        return JSON.stringify([...known].sort()) === JSON.stringify(urls.sort());
      });
    return { known, told, problems, discovery, knows };
  }

  const lists = () => proxy.seen.filter(({ url }) => !url.includes("watch=true")).length;

  it("pods: added, running, deleted, of this deployment and of these types alone", async () => {
    await pod("early");
    await runs("early", "10.0.0.1");
    const { knows, told } = await discovered("pods");
    await knows("http://10.0.0.1:8123");
    await pod("late", labelsOf("prefill"));
    await pod("frontend", labelsOf("frontend"));
    await pod("other", labelsOf("decode", "qwen"));
    await runs("frontend", "10.0.0.7");
    await runs("other", "10.0.0.8");
    await runs("late", "10.0.0.2");
    await knows("http://10.0.0.1:8123", "http://10.0.0.2:8123");
    // It terminates: it is still there, and runs, and takes no new requests.
    await server.json("DELETE", pods("early"), { gracePeriodSeconds: 30 });
    await knows("http://10.0.0.2:8123");
    const { metadata } = await server.json<{ metadata: { deletionTimestamp?: string } }>("GET", pods("early"));
    expect(metadata.deletionTimestamp).toBeDefined();
    await server.json("DELETE", pods("early"), { gracePeriodSeconds: 0 });
    await server.json("DELETE", pods("late"), { gracePeriodSeconds: 0 });
    await knows();
    expect(told).toEqual([
      "+http://10.0.0.1:8123",
      "+http://10.0.0.2:8123",
      "-http://10.0.0.1:8123",
      "-http://10.0.0.2:8123",
    ]);
    expect(lists()).toBe(1);
  });

  it("pods: one that failed is gone, one whose labels were taken from it, too", async () => {
    await pod("a");
    await pod("b");
    await runs("a", "10.0.0.1");
    await runs("b", "10.0.0.2");
    const { knows } = await discovered("pods");
    await knows("http://10.0.0.1:8123", "http://10.0.0.2:8123");
    await server.merge(`${pods("a")}/status`, { status: { phase: "Failed" } });
    await knows("http://10.0.0.2:8123");
    await server.merge(pods("b"), { metadata: { labels: { [TYPE]: "frontend" } } });
    await knows();
  });

  it("endpoints: added, made ready, unready, deleted, of every slice with the labels", async () => {
    await slice("s1", [{ address: "10.0.0.1" }, { address: "10.0.0.2", ready: false }]);
    const { knows } = await discovered("endpointslices");
    await knows("http://10.0.0.1:8123");
    await slice("s1", [{ address: "10.0.0.1" }, { address: "10.0.0.2" }]);
    await knows("http://10.0.0.1:8123", "http://10.0.0.2:8123");
    await slice("s2", [{ address: "10.0.0.3" }], labelsOf("prefill"));
    await slice("s3", [{ address: "10.0.0.4" }], labelsOf("frontend"));
    await knows("http://10.0.0.1:8123", "http://10.0.0.2:8123", "http://10.0.0.3:8123");
    await slice("s1", [{ address: "10.0.0.2", ready: false }]);
    await knows("http://10.0.0.3:8123");
    await server.json("DELETE", slices("s2"));
    await knows();
    expect(lists()).toBe(1);
  });

  describe.each(["pods", "endpointslices"] as const)("when things go wrong, %s", (resource) => {
    const make = async (name: string, address: string) => {
      if (resource === "endpointslices") return slice(name, [{ address }]);
      await pod(name);
      await runs(name, address);
    };
    const unmake = (name: string) =>
      resource === "pods"
        ? server.json("DELETE", pods(name), { gracePeriodSeconds: 0 })
        : server.json("DELETE", slices(name));

    it("goes on from where a watch was cut, and misses nothing", async () => {
      await make("a", "10.0.0.1");
      const { knows, told } = await discovered(resource);
      await knows("http://10.0.0.1:8123");
      proxy.when(({ url }) => (url.includes("watch=true") ? "cut" : undefined));
      proxy.cutWatches();
      await make("b", "10.0.0.2");
      await unmake("a");
      proxy.when(() => undefined);
      await knows("http://10.0.0.2:8123");
      expect(told.filter((text) => text === "+http://10.0.0.1:8123")).toHaveLength(1);
      expect(lists()).toBe(1);
    });

    it("lists anew where the API has forgotten where it was, and misses nothing", async () => {
      await make("a", "10.0.0.1");
      const { knows } = await discovered(resource);
      await knows("http://10.0.0.1:8123");
      const codes: number[] = [];
      let watches = 0;
      proxy.when(async ({ url }) => {
        if (!url.includes("watch=true") || ++watches !== 1) return undefined;
        // A past that the server no longer has.
        await make("b", "10.0.0.2");
        await unmake("a");
        const old = url.replace(/resourceVersion=\d+/, "resourceVersion=1");
        const { status, body } = await server.call("GET", `${old}&timeoutSeconds=1`);
        codes.push(status, Number(/"code":(\d+)/.exec(body)?.[1] ?? 0));
        return { url: old };
      });
      proxy.cutWatches();
      await knows("http://10.0.0.2:8123");
      expect(codes).toContain(410);
      expect(lists()).toBe(2);
    });

    it("keeps its workers while the API server is away, and goes on when it is back", async () => {
      await make("a", "10.0.0.1");
      const { knows, known, discovery } = await discovered(resource);
      await knows("http://10.0.0.1:8123");
      await server.kill();
      await waitFor("it to notice", () => discovery.lastError !== null);
      expect([...known]).toEqual(["http://10.0.0.1:8123"]);
      await server.run();
      await make("b", "10.0.0.2");
      await knows("http://10.0.0.1:8123", "http://10.0.0.2:8123");
      await waitFor("all to be well", () => discovery.lastError === null);
    });

    it("says why it knows nobody where its account may not look, and finds them when it may", async () => {
      await make("a", "10.0.0.1");
      const { knows, problems, discovery } = await discovered(resource, { user: "stranger", until: false });
      await waitFor("the reason", () => discovery.lastError !== null);
      expect(discovery.lastError).toMatch(/User "stranger" cannot list resource/);
      await allow(server, namespace, "stranger", documentedRules(`understudy-frontend-${resource}`, PAGE));
      await knows("http://10.0.0.1:8123");
      await waitFor("all to be well", () => discovery.lastError === null);
      // Told when it begins and when it is over, not at every attempt.
      expect(problems).toEqual([expect.stringMatching(/User "stranger" cannot list resource/), null]);
    });

    it("needs the documented Role, and no more", async () => {
      const rules = documentedRules(`understudy-frontend-${resource}`, PAGE);
      await allow(server, namespace, "frontend", rules);
      await make("a", "10.0.0.1");
      const { knows } = await discovered(resource, { user: "frontend" });
      await make("b", "10.0.0.2");
      await knows("http://10.0.0.1:8123", "http://10.0.0.2:8123");
      expectExactly(server, "frontend", namespace, rules);
    });
  });

  it("a frontend serves by the pods of a cluster, and loses no request when one goes", async () => {
    const workers = await Promise.all(["pod-0", "pod-1"].map((id) => fakeWorker({ id })));
    for (const each of workers) closers.push(async () => each.close());
    const urls = workers.map(({ url }) => new URL(url));
    for (const [i, { hostname, port }] of urls.entries()) {
      const ports = [{ name: "http", containerPort: Number(port) }];
      await server.json("POST", pods(), {
        metadata: { name: `pod-${i}`, labels: labelsOf("decode") },
        spec: { nodeName: "node-1", containers: [{ name: "main", image: "none", ports }] },
      });
      await runs(`pod-${i}`, hostname);
    }
    const kubernetes = {
      kubeconfig: server.kubeconfig("admin", namespace),
      labelSelector: SELECTOR,
      resource: "pods" as const,
    };
    const gateway = await startFrontend({ discovery: { kind: "kubernetes", kubernetes }, logLevel: "silent" });
    closers.push(() => gateway.close());
    await gateway.whenReady(2);
    const ask = async () => {
      const answer = await chat(gateway);
      expect(answer.status).toBe(200);
      await answer.text();
      return answer.headers.get("x-worker-id");
    };
    expect(new Set([await ask(), await ask()])).toEqual(new Set(["pod-0", "pod-1"]));
    await server.json("DELETE", pods("pod-0"), { gracePeriodSeconds: 30 });
    await waitFor("the pod to be left out", () => gateway.workers().every(({ id }) => id !== "pod-0"));
    expect([await ask(), await ask()]).toEqual(["pod-1", "pod-1"]);
  });
});
