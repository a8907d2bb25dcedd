import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { KubernetesDiscoveryOptions } from "#mocker/frontend";
import { podUrls, sliceUrls } from "../../../mocker/frontend/discovery/endpoints.ts";
import { KubernetesDiscovery } from "../../../mocker/frontend/discovery/kubernetes.ts";
import { chat, cleanup, frontend, until, worker } from "./ask.ts";
import { fakeKubernetes } from "./fake-kubernetes.ts";

const SLICES = "/apis/discovery.k8s.io/v1/namespaces/llm/endpointslices";
const PODS = "/api/v1/namespaces/llm/pods";

async function cluster(path = SLICES) {
  const api = await fakeKubernetes(path, "sesame");
  cleanup(() => api.close());
  const dir = mkdtempSync(join(tmpdir(), "understudy-kube-"));
  cleanup(() => rmSync(dir, { recursive: true, force: true }));
  const kubeconfig = join(dir, "config");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u", namespace: "llm" } }],
    clusters: [{ name: "c", cluster: { server: api.url, "insecure-skip-tls-verify": true } }],
    users: [{ name: "u", user: { token: "sesame" } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  return { api, kubeconfig };
}

async function discovered(kubeconfig: string, options: Partial<KubernetesDiscoveryOptions> = {}) {
  const known = new Set<string>();
  const discovery = new KubernetesDiscovery({ kubeconfig, labelSelector: "app=mocker", ...options });
  await discovery.start({ add: (url) => void known.add(url), remove: (url) => void known.delete(url) });
  cleanup(() => discovery.stop());
  return { known, discovery };
}

function slice(name: string, addresses: string[], port = 8001) {
  return {
    metadata: { name, namespace: "llm" },
    addressType: "IPv4",
    ports: [{ name: "http", port }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

describe("discovery by a Kubernetes API", () => {
  it("lists by label, then follows what changes", async () => {
    const { api, kubeconfig } = await cluster();
    api.put(slice("s1", ["10.0.0.1"]));
    const { known } = await discovered(kubeconfig);
    expect([...known]).toEqual(["http://10.0.0.1:8001"]);
    expect(api.lists).toEqual(["app=mocker"]);
    await until(() => api.watchers.size === 1);
    api.put(slice("s2", ["10.0.0.2", "10.0.0.3"]));
    await until(() => known.size === 3);
    api.put(slice("s2", ["10.0.0.3"]));
    await until(() => known.size === 2 && known.has("http://10.0.0.3:8001"));
    api.remove("s1");
    await until(() => known.size === 1);
    expect(api.lists).toHaveLength(1);
  });

  it("goes on from where a watch ended", async () => {
    const { api, kubeconfig } = await cluster();
    const { known } = await discovered(kubeconfig);
    await until(() => api.watchers.size === 1);
    api.put(slice("s1", ["10.0.0.1"]));
    await until(() => known.size === 1);
    api.hangUp();
    await until(() => api.watches.length === 2 && api.watchers.size === 1);
    expect(api.watches).toEqual(["100", "101"]);
    expect(api.lists).toHaveLength(1);
    expect(known.size).toBe(1);
  });

  it("lists anew where the API has forgotten the version (410), and misses nothing", async () => {
    const { api, kubeconfig } = await cluster();
    api.put(slice("s1", ["10.0.0.1"]));
    const { known } = await discovered(kubeconfig);
    await until(() => api.watchers.size === 1);
    api.put(slice("s2", ["10.0.0.2"]), true);
    api.remove("s1", true);
    api.forget();
    api.hangUp();
    await until(() => known.has("http://10.0.0.2:8001") && known.size === 1);
    expect(api.lists).toHaveLength(2);
  });

  it("tries again while the API is down, and keeps its workers", async () => {
    const { api, kubeconfig } = await cluster();
    api.put(slice("s1", ["10.0.0.1"]));
    const { known, discovery } = await discovered(kubeconfig);
    await until(() => api.watchers.size === 1);
    api.breakDown(500);
    api.hangUp();
    await until(() => discovery.lastError !== null);
    expect(known.size).toBe(1);
    api.put(slice("s2", ["10.0.0.2"]), true);
    api.forget();
    api.breakDown(null);
    await until(() => known.size === 2);
    expect(discovery.lastError).toBeNull();
  });

  it("starts while the API is down", async () => {
    const { api, kubeconfig } = await cluster();
    api.breakDown(503);
    const { known, discovery } = await discovered(kubeconfig);
    await until(() => discovery.lastError !== null);
    api.put(slice("s1", ["10.0.0.1"]), true);
    api.breakDown(null);
    await until(() => known.size === 1);
  });

  it("watches pods where asked", async () => {
    const { api, kubeconfig } = await cluster(PODS);
    const pod = (name: string, phase: string) => ({ metadata: { name }, status: { phase, podIP: "10.1.0.1" } });
    api.put(pod("p1", "Pending"));
    const { known } = await discovered(kubeconfig, { resource: "pods", port: 9000 });
    await until(() => api.watchers.size === 1);
    expect(known.size).toBe(0);
    api.put(pod("p1", "Running"));
    await until(() => known.has("http://10.1.0.1:9000"));
  });

  it("a frontend serves by the workers of a cluster", async () => {
    const { api, kubeconfig } = await cluster();
    const fake = await worker({ id: "pod-0" });
    api.put(slice("s1", ["127.0.0.1"], Number(new URL(fake.url).port)));
    const gateway = await frontend([], {
      discovery: { kind: "kubernetes", kubernetes: { kubeconfig, labelSelector: "app=mocker" } },
    });
    await gateway.whenReady(1);
    expect((await chat(gateway)).headers.get("x-worker-id")).toBe("pod-0");
    api.remove("s1");
    await until(() => gateway.workers().length === 0);
  });

  it("a kubeconfig that is none is the user's mistake", async () => {
    const discovery = new KubernetesDiscovery({ kubeconfig: "/nowhere/config", labelSelector: "a=b" });
    await expect(discovery.start({ add: () => {}, remove: () => {} })).rejects.toMatchObject({
      code: "FRONTEND_KUBERNETES",
      where: "/nowhere/config",
    });
  });
});

describe("addresses of a cluster's objects", () => {
  it("are those of endpoints that take requests", () => {
    const endpoints = [
      { addresses: ["10.0.0.1"], conditions: {} },
      { addresses: ["10.0.0.2"], conditions: { ready: false } },
      { addresses: ["10.0.0.3"], conditions: { ready: true, terminating: true } },
      { addresses: ["10.0.0.4"] },
    ];
    const found = {
      addressType: "IPv4",
      endpoints,
      ports: [
        { name: "metrics", port: 9 },
        { name: "http", port: 80 },
      ],
    };
    expect(sliceUrls(found)).toEqual(["http://10.0.0.1:80", "http://10.0.0.4:80"]);
    expect(sliceUrls(found, 81)[0]).toBe("http://10.0.0.1:81");
    expect(sliceUrls({ addressType: "IPv6", endpoints: [{ addresses: ["fd00::1"] }], ports: [{ port: 80 }] })).toEqual([
      "http://[fd00::1]:80",
    ]);
    expect(sliceUrls({ addressType: "FQDN", endpoints: [{ addresses: ["a.b"] }], ports: [{ port: 80 }] })).toEqual([]);
    expect(sliceUrls({ addressType: "IPv4", endpoints, ports: [] })).toEqual([]);
  });

  it("are those of pods that run and stay", () => {
    const running = { status: { phase: "Running", podIP: "10.0.0.1" } };
    const containers = [{ name: "c", ports: [{ name: "http", containerPort: 8123 }] }];
    expect(podUrls({ ...running, spec: { containers } })).toEqual(["http://10.0.0.1:8123"]);
    expect(podUrls(running)).toEqual(["http://10.0.0.1:8000"]);
    expect(podUrls({ ...running, metadata: { deletionTimestamp: new Date(0) } })).toEqual([]);
    expect(podUrls({ status: { phase: "Pending" } })).toEqual([]);
  });
});
