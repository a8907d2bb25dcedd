import {
  ambiguousComponent,
  duplicateComponent,
  noComponent,
  notADeployment,
  wrongShape,
  wrongType,
} from "../errors.ts";
import type { DgdVersion, KubernetesObject } from "../types.ts";
import type { Component, PlacedList, Role } from "./component.ts";
import { ensureList, ensureObject, isObject, type JsonObject, listAt, objectAt, objectsAt, textAt } from "./json.ts";
import { canonicalNames, type WorkerBackend } from "./names.ts";
import { PodComponent } from "./pod-component.ts";
import { Service } from "./service.ts";

const GROUP = "nvidia.com";
/** Most components that v1beta1 takes. */
const MAX_COMPONENTS = 25;
const COMPONENT_NAME = /^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$/;

/**
 * A DynamoGraphDeployment under edit. `readGraph` copies what it is given, so callers' objects never change; all fields that
 * nothing here knows stay as they are.
 */
export abstract class Graph {
  readonly object: KubernetesObject;
  readonly spec: JsonObject;
  /** Opens every path in errors: `file.yaml: spec`. */
  readonly root: string;
  abstract readonly version: DgdVersion;

  constructor(object: KubernetesObject, spec: JsonObject, root: string) {
    this.object = object;
    this.spec = spec;
    this.root = root;
  }

  abstract components(): Component[];
  /** Adds a component of the version's own shape, after the others. */
  abstract add(name: string, fields: JsonObject): Component;
  abstract remove(name: string): void;
  abstract rename(from: string, to: string): void;
  /** Mounts a PVC that exists already. */
  abstract mountClaim(component: Component, claim: string, mountPath: string): void;

  /** Environment that all components share. */
  abstract sharedEnv(): PlacedList;

  name(): string {
    return this.object.metadata?.name ?? "";
  }

  find(name: string): Component | undefined {
    return this.components().find((component) => component.name === name);
  }

  frontend(): Component | undefined {
    const all = this.components();
    return all.find((component) => component.role() === "frontend") ?? all.find(({ name }) => name === "Frontend");
  }

  workers(): Component[] {
    return this.components().filter((component) => this.workerRole(component) !== undefined);
  }

  /** What kind of worker it is: by its declared type, else by the names that the backends' manifests use. */
  workerRole(component: Component, backend?: WorkerBackend): "prefill" | "decode" | "worker" | undefined {
    const role = component.role();
    if (role === "prefill" || role === "decode") return role;
    if (role !== "worker" && role !== "other") return undefined;
    const byName = canonicalNames(backend).find(({ name }) => name === component.name)?.role;
    if (byName) return byName;
    if (role !== "worker") return undefined;
    const lower = component.name.toLowerCase();
    if (lower.includes("prefill")) return "prefill";
    return lower.includes("decode") ? "decode" : "worker";
  }

  /**
   * The worker of a role: by declared type first, canonical name second. `agg` is a worker that does both: one that says no
   * more than worker, or the decode worker of a graph without a prefill worker.
   */
  findWorker(role: "prefill" | "decode" | "agg", backend?: WorkerBackend): Component | undefined {
    const all = this.components();
    const ofRole = (wanted: Role) => {
      const declared = all.filter((component) => component.role() === wanted);
      return declared.length > 0 ? declared : all.filter((component) => this.workerRole(component, backend) === wanted);
    };
    let found = ofRole(role === "agg" ? "worker" : role);
    if (role === "agg" && found.length === 0 && ofRole("prefill").length === 0) found = ofRole("decode");
    if (role === "decode" && found.length === 0 && ofRole("prefill").length === 0) found = ofRole("worker");
    if (found.length > 1) {
      throw ambiguousComponent(
        this.root,
        `${role} worker`,
        found.map(({ name }) => name),
      );
    }
    return found[0];
  }

  /** @throws UserError where there is none, or several */
  worker(role: "prefill" | "decode" | "agg", backend?: WorkerBackend): Component {
    const found = this.findWorker(role, backend);
    if (found) return found;
    throw noComponent(
      this.root,
      `${role} worker`,
      this.components().map(({ name }) => name),
    );
  }
}

class ServiceGraph extends Graph {
  readonly version = "v1alpha1";

  #services(): JsonObject {
    return ensureObject(this.spec, "services", this.root);
  }

  components(): Component[] {
    const services = this.#services();
    return Object.keys(services).map((name) => {
      const path = `${this.root}.services.${name}`;
      const fields = services[name];
      if (!isObject(fields)) throw wrongType(path, "an object", fields);
      return new Service(name, path, fields);
    });
  }

  add(name: string, fields: JsonObject): Component {
    this.#services()[name] = fields;
    return new Service(name, `${this.root}.services.${name}`, fields);
  }

  remove(name: string): void {
    delete this.#services()[name];
  }

  rename(from: string, to: string): void {
    const entries = Object.entries(this.#services());
    this.spec.services = Object.fromEntries(
      entries.filter(([name]) => name !== to || from === to).map(([name, value]) => [name === from ? to : name, value]),
    );
  }

  sharedEnv(): PlacedList {
    return { list: objectsAt(this.spec, "envs", this.root), path: `${this.root}.envs` };
  }

  mountClaim(component: Component, claim: string, mountPath: string): void {
    const claims = ensureList(this.spec, "pvcs", this.root);
    if (!claims.some(({ name }) => name === claim)) claims.push({ name: claim, create: false });
    const mounts = ensureList(component.fields, "volumeMounts", component.path);
    const mounted = mounts.find((mount) => mount.mountPoint === mountPath);
    if (mounted) mounted.name = claim;
    else mounts.push({ name: claim, mountPoint: mountPath });
  }
}

class ComponentGraph extends Graph {
  readonly version = "v1beta1";

  #list(): JsonObject[] {
    return ensureList(this.spec, "components", this.root);
  }

  components(): Component[] {
    return this.#list().map((fields, i) => {
      const path = `${this.root}.components[${i}]`;
      const name = textAt(fields, "name", path);
      if (name === undefined) throw wrongType(`${path}.name`, "a name", fields.name);
      return new PodComponent(name, path, fields);
    });
  }

  add(name: string, fields: JsonObject): Component {
    const list = this.#list();
    const made = { name, ...fields };
    list.push(made);
    return new PodComponent(name, `${this.root}.components[${list.length - 1}]`, made);
  }

  remove(name: string): void {
    this.spec.components = this.#list().filter((component) => component.name !== name);
  }

  rename(from: string, to: string): void {
    if (from === to) return;
    this.remove(to);
    for (const component of this.#list()) if (component.name === from) component.name = to;
  }

  sharedEnv(): PlacedList {
    return { list: objectsAt(this.spec, "env", this.root), path: `${this.root}.env` };
  }

  mountClaim(component: Component, claim: string, mountPath: string): void {
    component.putVolume({ name: claim, persistentVolumeClaim: { claimName: claim } });
    component.putMount({ name: claim, mountPath });
  }
}

/**
 * Reads a DynamoGraphDeployment of either version into a copy that can be edited.
 * @param where file or flag it came from, for errors
 * @throws UserError for anything that is none, or whose parts have the wrong types, with the JSON path
 */
export function readGraph(object: unknown, where = ""): Graph {
  const at = (path: string) => (where ? `${where}: ${path}` : path);
  if (!isObject(object)) throw notADeployment(where, "no object");
  const { apiVersion, kind } = object;
  if (kind !== "DynamoGraphDeployment") throw notADeployment(at("kind"), `kind ${JSON.stringify(kind) ?? "missing"}`);
  if (apiVersion !== `${GROUP}/v1alpha1` && apiVersion !== `${GROUP}/v1beta1`) {
    throw notADeployment(at("apiVersion"), `apiVersion ${JSON.stringify(apiVersion) ?? "missing"}`);
  }
  const copy = structuredClone(object) as KubernetesObject;
  const metadata = objectAt(copy, "metadata", where);
  if (metadata) textAt(metadata, "name", at("metadata"));
  const root = at("spec");
  const spec = objectAt(copy, "spec", where);
  if (!spec) throw wrongType(root, "an object", object.spec);
  const version = apiVersion.slice(GROUP.length + 1) as DgdVersion;
  if (version === "v1alpha1" && spec.components !== undefined) throw wrongShape(root, "components", version);
  if (version === "v1beta1" && spec.services !== undefined) throw wrongShape(root, "services", version);
  const graph = version === "v1alpha1" ? new ServiceGraph(copy, spec, root) : new ComponentGraph(copy, spec, root);
  checkParts(graph);
  return graph;
}

function checkParts(graph: Graph): void {
  const { spec, root } = graph;
  if (graph.version === "v1alpha1") objectsAt(spec, "pvcs", root);
  else {
    const list = listAt(spec, "components", root);
    if (list && list.length > MAX_COMPONENTS) {
      throw wrongType(`${root}.components`, `at most ${MAX_COMPONENTS} components`, list.length);
    }
  }
  const seen = new Set<string>();
  for (const component of graph.components()) {
    const { name, path } = component;
    if (seen.has(name.toLowerCase())) throw duplicateComponent(path, name);
    seen.add(name.toLowerCase());
    if (name.length > 63 || !COMPONENT_NAME.test(name))
      throw wrongType(path, "a name of letters, digits, hyphens", name);
    checkComponent(component);
  }
}

function checkComponent(component: Component): void {
  component.role();
  component.replicas();
  component.nodeCount();
  component.gpus();
  component.image();
  component.command();
  component.args();
  const container = component.findContainer();
  if (container) {
    objectsAt(container, "env", component.path);
    objectsAt(container, "volumeMounts", component.path);
  }
}
