/** The part of an API server and of Dynamo's operator that trial deployments meet, as a test wants them to behave. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export interface FakeGraph {
  metadata: {
    name: string;
    uid: string;
    resourceVersion: string;
    labels?: Record<string, string>;
    ownerReferences?: Record<string, unknown>[];
  };
  spec?: unknown;
  status?: unknown;
}

export interface FakePod {
  metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
  spec: { containers: { name: string; ports?: { name: string; containerPort: number }[] }[] };
  status: Record<string, unknown>;
}

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
}

const GRAPHS = "/apis/nvidia.com/v1alpha1/namespaces/llm/dynamographdeployments";
const PODS = "/api/v1/namespaces/llm/pods";

export const READY = { state: "successful", conditions: [{ type: "Ready", status: "True" }] };
export const PENDING = {
  state: "pending",
  conditions: [{ type: "Ready", status: "False", message: "Resources not ready: [VllmDecodeWorker]" }],
};

export class FakeCluster {
  readonly graphs = new Map<string, FakeGraph>();
  readonly pods = new Map<string, FakePod>();
  readonly logs = new Map<string, string>();
  readonly asked: Asked[] = [];
  /** What the operator does with a deployment that was just created. */
  created: (graph: FakeGraph) => void = () => {};
  /** An answer instead of the server's own. */
  refuse: (asked: Asked) => { status: number; message: string } | null = () => null;
  /** Deletions that are told, and not done yet. */
  readonly held: (() => void)[] = [];
  holdsDeletions = false;
  readonly #watches = new Set<ServerResponse>();
  #version = 1;
  #url = "";

  static async start(): Promise<FakeCluster> {
    const cluster = new FakeCluster();
    const server = createServer((request, response) => void cluster.#answer(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cluster.#url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return cluster;
  }

  kubeconfig(): string {
    const folder = mkdtempSync(join(tmpdir(), "fake-cluster-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "kubeconfig");
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "fake", cluster: { server: this.#url, "insecure-skip-tls-verify": true } }],
      users: [{ name: "me", user: {} }],
      contexts: [{ name: "fake", context: { cluster: "fake", user: "me", namespace: "llm" } }],
      "current-context": "fake",
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  put(name: string, over: Partial<FakeGraph["metadata"]> = {}): FakeGraph {
    const graph = { metadata: { name, uid: `uid-of-${name}`, resourceVersion: String(++this.#version), ...over } };
    this.graphs.set(name, graph);
    return graph;
  }

  setStatus(name: string, status: unknown): void {
    const graph = this.graphs.get(name);
    if (graph === undefined) return;
    graph.status = status;
    graph.metadata.resourceVersion = String(++this.#version);
    for (const watch of this.#watches) watch.write(`${JSON.stringify({ type: "MODIFIED", object: graph })}\n`);
  }

  /** A pod of a deployment's component, whose frontends listen on `port`. */
  addPod(
    graph: string,
    component: string,
    over: { port?: number; log?: string; status?: object; scale?: number } = {},
  ) {
    const name = `${graph}-${component.toLowerCase()}-0`;
    const status = { podIP: "127.0.0.1", containerStatuses: [{ name: "main", ready: true, restartCount: 0 }] };
    this.pods.set(name, {
      metadata: {
        name,
        labels: { "nvidia.com/dynamo-graph-deployment-name": graph, "nvidia.com/dynamo-component": component },
        ...(over.scale === undefined ? {} : { annotations: { "understudy.dev/time-scale": String(over.scale) } }),
      },
      spec: {
        containers: [
          { name: "main", ...(over.port === undefined ? {} : { ports: [{ name: "http", containerPort: over.port }] }) },
        ],
      },
      status: { ...status, ...over.status },
    });
    if (over.log !== undefined) this.logs.set(name, over.log);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.#url);
    const asked = { method: request.method!, path: url.pathname, query: url.searchParams };
    this.asked.push(asked);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = chunks.length === 0 ? null : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>);
    const refusal = this.refuse(asked);
    if (refusal !== null) return send(response, refusal.status, { kind: "Status", message: refusal.message });
    if (asked.path === GRAPHS && asked.query.get("watch") === "true") {
      this.#watches.add(response);
      response.on("close", () => this.#watches.delete(response));
      response.writeHead(200).flushHeaders();
      return;
    }
    if (asked.path === GRAPHS && asked.method === "POST") return this.#create(body as unknown as FakeGraph, response);
    if (asked.path === GRAPHS) return send(response, 200, { items: [...this.graphs.values()].filter(selected(asked)) });
    if (asked.path.startsWith(`${GRAPHS}/`)) return this.#one(asked, body, response);
    if (asked.path === PODS) return send(response, 200, { items: [...this.pods.values()].filter(selected(asked)) });
    const log = this.logs.get(asked.path.slice(PODS.length + 1).replace(/\/log$/, ""));
    if (asked.path.startsWith(PODS) && log !== undefined) response.writeHead(200).end(log);
    else send(response, 404, { kind: "Status", message: `${asked.path} not found` });
  }

  #create(body: FakeGraph, response: ServerResponse): void {
    const graph = this.put(body.metadata.name, body.metadata);
    graph.metadata.uid = `uid-of-${graph.metadata.name}`;
    graph.metadata.resourceVersion = String(++this.#version);
    graph.spec = body.spec;
    send(response, 201, graph);
    this.created(graph);
  }

  #one({ method, path }: Asked, body: Record<string, unknown> | null, response: ServerResponse): void {
    const graph = this.graphs.get(path.slice(GRAPHS.length + 1));
    const { uid } = (body?.preconditions ?? {}) as { uid?: string };
    if (graph === undefined) send(response, 404, { kind: "Status", message: "not found" });
    else if (method === "GET") send(response, 200, graph);
    else if (uid !== undefined && uid !== graph.metadata.uid) send(response, 409, { kind: "Status", message: "uid" });
    else this.#delete(graph, response);
  }

  #delete(graph: FakeGraph, response: ServerResponse): void {
    const { name } = graph.metadata;
    const done = () => {
      this.graphs.delete(name);
      for (const pod of this.pods.keys()) if (pod.startsWith(`${name}-`)) this.pods.delete(pod);
    };
    if (this.holdsDeletions) this.held.push(done);
    else done();
    send(response, 200, { kind: "Status", status: "Success" });
  }
}

function selected({ query }: Asked) {
  const [key = "", value] = (query.get("labelSelector") ?? "").split("=");
  return ({ metadata }: { metadata: { labels?: Record<string, string> } }) =>
    key === "" || metadata.labels?.[key] === value;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
