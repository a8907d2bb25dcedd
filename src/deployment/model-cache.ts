import type { Graph } from "./graph/graph.ts";
import type { RenderPlan } from "./types.ts";
import { editArguments } from "./workers.ts";

/**
 * Where a model lies in a mounted volume: a path in the volume is put behind the mount point, unless it is there already; none
 * is the mount point itself.
 */
export function cachedModelPath(cache: NonNullable<RenderPlan["modelCache"]>): string {
  const mount = cache.mountPath.replace(/\/+$/, "");
  const path = cache.pvcPath;
  if (path === "") return mount;
  if (path === mount || path.startsWith(`${mount}/`)) return path;
  return `${mount}/${path.replace(/^\/+/, "")}`;
}

/** A path in the file system, rather than a Hugging Face id. */
export function isFilePath(model: string): boolean {
  return /^(\/|\.\.?\/|~)/.test(model);
}

/** The frontend is told the model only where it can't learn it from a Hugging Face id. */
export function setFrontendModel(graph: Graph, model: { path: string; name: string }): void {
  const frontend = graph.frontend();
  if (!frontend || !isFilePath(model.path)) return;
  const command = frontend.command();
  // Ours learns everything from its workers.
  if (command[0] === "understudy") return;
  if (command.length === 0) frontend.ensureContainer().command = ["python3", "-m", "dynamo.frontend"];
  editArguments(frontend, (args) => args.set(model.name, "--model-name").set(model.path, "--model-path"));
}

/** Mounts the volume into every component. */
export function mountModelCache(graph: Graph, cache: NonNullable<RenderPlan["modelCache"]>): void {
  const mountPath = cache.mountPath.replace(/\/+$/, "");
  for (const component of graph.components()) graph.mountClaim(component, cache.pvcName, mountPath);
}
