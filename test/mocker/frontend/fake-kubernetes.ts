import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface KubernetesObject {
  metadata: { name: string; resourceVersion?: string; deletionTimestamp?: string };
  [key: string]: unknown;
}

/** As much of a Kubernetes API as list and watch of one collection need, with answers that a test can spoil. */
export async function fakeKubernetes(path: string, token: string) {
  const objects = new Map<string, KubernetesObject>();
  const watchers = new Set<ServerResponse>();
  const lists: string[] = [];
  const watches: string[] = [];
  let version = 100;
  let broken: number | null = null;
  let forgotten = false;
  const server = createServer((request, response) => {
    const url = new URL(request.url!, "http://k8s");
    if (request.headers.authorization !== `Bearer ${token}`) return void response.writeHead(401).end();
    if (url.pathname !== path) return void response.writeHead(404).end();
    if (broken !== null) return void response.writeHead(broken).end();
    response.setHeader("content-type", "application/json");
    if (url.searchParams.get("watch") !== "true") {
      lists.push(url.searchParams.get("labelSelector") ?? "");
      const metadata = { resourceVersion: String(version) };
      response.end(JSON.stringify({ kind: "List", apiVersion: "v1", metadata, items: [...objects.values()] }));
      return;
    }
    watches.push(url.searchParams.get("resourceVersion") ?? "");
    if (forgotten) {
      forgotten = false;
      return void response.writeHead(410).end();
    }
    response.flushHeaders();
    watchers.add(response);
    response.once("close", () => watchers.delete(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const tell = (type: string, object: KubernetesObject) => {
    for (const watcher of watchers) watcher.write(`${JSON.stringify({ type, object })}\n`);
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lists,
    watches,
    watchers,
    /** Creates or changes; `silently` without telling the watchers. */
    put(object: KubernetesObject, silently = false): void {
      object.metadata.resourceVersion = String(++version);
      const type = objects.has(object.metadata.name) ? "MODIFIED" : "ADDED";
      objects.set(object.metadata.name, object);
      if (!silently) tell(type, object);
    },
    remove(name: string, silently = false): void {
      const object = objects.get(name)!;
      objects.delete(name);
      object.metadata.resourceVersion = String(++version);
      if (!silently) tell("DELETED", object);
    },
    /** The next watch is told that its version is too old. */
    forget(): void {
      forgotten = true;
    },
    /** Every answer has this status; null: all is well again. */
    breakDown(status: number | null): void {
      broken = status;
    },
    /** Ends all watches. */
    hangUp(): void {
      for (const watcher of watchers) watcher.end();
    },
    close(): void {
      server.close();
      server.closeAllConnections();
    },
  };
}
