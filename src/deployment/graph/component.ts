import { noMainContainer } from "../errors.ts";
import { countAt, ensureList, ensureObject, type JsonObject, objectAt, objectsAt, textAt, textsAt } from "./json.ts";

/** What a component says it is; `worker` where it says no more than that. */
export type Role = "frontend" | "prefill" | "decode" | "worker" | "planner" | "other";

/** Name of the GPU resource in Kubernetes' own terms. */
export const GPU_RESOURCE = "nvidia.com/gpu";

/**
 * One service (v1alpha1) or component (v1beta1) of a deployment. Reads and changes the object it was made of, and nothing in it
 * that it does not know.
 */
export abstract class Component {
  readonly name: string;
  /** Its place in the object, for errors: `spec.services.prefill`. */
  readonly path: string;
  readonly fields: JsonObject;

  constructor(name: string, path: string, fields: JsonObject) {
    this.name = name;
    this.path = path;
    this.fields = fields;
  }

  abstract role(): Role;
  abstract setRole(role: Role): void;
  /** Where the pod's own fields are, such as `volumes`; made where absent. */
  abstract podSpec(): JsonObject;
  /** The container that the component is about, or undefined. */
  abstract findContainer(): JsonObject | undefined;
  abstract ensureContainer(): JsonObject;
  /** GPUs of one node of one replica; undefined where nothing says it. */
  abstract gpus(): number | undefined;
  abstract setGpus(count: number): void;
  /** Environment from all keys of a secret. */
  abstract setSecret(name: string): void;
  /** Lets an autoscaler change the replicas through a scaling adapter. */
  abstract setScalable(): void;

  /** @throws UserError where there is none */
  container(): JsonObject {
    const found = this.findContainer();
    if (!found) throw noMainContainer(this.path, this.name);
    return found;
  }

  image(): string | undefined {
    const container = this.findContainer();
    return container && textAt(container, "image", this.path);
  }

  command(): string[] {
    const container = this.findContainer();
    return (container && textsAt(container, "command", this.path)) ?? [];
  }

  args(): string[] {
    const container = this.findContainer();
    return (container && textsAt(container, "args", this.path)) ?? [];
  }

  replicas(): number {
    return countAt(this.fields, "replicas", this.path) ?? 1;
  }

  setReplicas(count: number): void {
    this.fields.replicas = count;
  }

  /** Nodes of one replica. */
  nodeCount(): number {
    const multinode = objectAt(this.fields, "multinode", this.path);
    if (!multinode) return 1;
    return countAt(multinode, "nodeCount", `${this.path}.multinode`) ?? 2;
  }

  setNodeCount(count: number): void {
    if (count <= 1) delete this.fields.multinode;
    else ensureObject(this.fields, "multinode", this.path).nodeCount = count;
  }

  setEnv(name: string, value: unknown): void {
    const env = ensureList(this.ensureContainer(), "env", this.path);
    const entry = typeof value === "string" ? { name, value } : { name, valueFrom: value };
    const rest = env.filter((item) => item.name !== name);
    this.ensureContainer().env = [...rest, entry];
  }

  /** Mounts a ConfigMap under its own name, read-only. */
  mountConfigMap(name: string, mountPath: string): void {
    this.putVolume({ name, configMap: { name } });
    this.putMount({ name, mountPath, readOnly: true });
  }

  putVolume(volume: JsonObject & { name: string }): void {
    replaceByName(ensureList(this.podSpec(), "volumes", this.path), volume, "name");
  }

  putMount(mount: JsonObject & { name: string; mountPath: string }): void {
    replaceByName(ensureList(this.ensureContainer(), "volumeMounts", this.path), mount, "mountPath");
  }

  setRuntimeVersion(version: string): void {
    this.fields.runtimeVersionOverride = version;
  }
}

/** v1alpha1: what a pod has is spread over fields of the service's own and `extraPodSpec`. */
export class Service extends Component {
  role(): Role {
    const sub = textAt(this.fields, "subComponentType", this.path);
    const type = textAt(this.fields, "componentType", this.path);
    if (sub === "prefill" || sub === "decode") return sub;
    if (type === "prefill" || type === "decode") return type;
    if (type === "frontend" || type === "worker" || type === "planner") return type;
    // The oldest manifests say nothing but the service's name.
    if (type === undefined || type === "main") return roleOfName(this.name);
    return "other";
  }

  setRole(role: Role): void {
    if (role === "prefill" || role === "decode") {
      this.fields.componentType = "worker";
      this.fields.subComponentType = role;
      return;
    }
    delete this.fields.subComponentType;
    if (role !== "other") this.fields.componentType = role;
  }

  podSpec(): JsonObject {
    return ensureObject(this.fields, "extraPodSpec", this.path);
  }

  findContainer(): JsonObject | undefined {
    const pod = objectAt(this.fields, "extraPodSpec", this.path);
    return pod && objectAt(pod, "mainContainer", `${this.path}.extraPodSpec`);
  }

  ensureContainer(): JsonObject {
    return ensureObject(this.podSpec(), "mainContainer", `${this.path}.extraPodSpec`);
  }

  gpus(): number | undefined {
    const resources = objectAt(this.fields, "resources", this.path);
    for (const kind of ["limits", "requests"]) {
      const gpu = (resources && objectAt(resources, kind, `${this.path}.resources`))?.gpu;
      if (gpu !== undefined && gpu !== null) return Number(gpu);
    }
    return undefined;
  }

  setGpus(count: number): void {
    const resources = ensureObject(this.fields, "resources", this.path);
    // A text in this version's schema. Kubernetes demands a limit of what can't be overcommitted, so both are set.
    ensureObject(resources, "requests", this.path).gpu = String(count);
    ensureObject(resources, "limits", this.path).gpu = String(count);
  }

  setSecret(name: string): void {
    this.fields.envFromSecret = name;
  }

  setScalable(): void {
    this.fields.scalingAdapter = { ...objectAt(this.fields, "scalingAdapter", this.path), enabled: true };
  }
}

/** v1beta1: a native pod template, whose container `main` is meant. */
export class PodComponent extends Component {
  role(): Role {
    const type = textAt(this.fields, "type", this.path);
    switch (type) {
      case "frontend":
      case "prefill":
      case "decode":
      case "worker":
      case "planner":
        return type;
      case undefined:
        return roleOfName(this.name);
      default:
        return "other";
    }
  }

  setRole(role: Role): void {
    if (role === "other") delete this.fields.type;
    else this.fields.type = role;
  }

  podSpec(): JsonObject {
    return ensureObject(ensureObject(this.fields, "podTemplate", this.path), "spec", `${this.path}.podTemplate`);
  }

  findContainer(): JsonObject | undefined {
    const template = objectAt(this.fields, "podTemplate", this.path);
    const spec = template && objectAt(template, "spec", `${this.path}.podTemplate`);
    if (!spec) return undefined;
    return objectsAt(spec, "containers", `${this.path}.podTemplate.spec`).find(({ name }) => name === "main");
  }

  ensureContainer(): JsonObject {
    const found = this.findContainer();
    if (found) return found;
    const made: JsonObject = { name: "main" };
    ensureList(this.podSpec(), "containers", `${this.path}.podTemplate.spec`).push(made);
    return made;
  }

  gpus(): number | undefined {
    const container = this.findContainer();
    const resources = container && objectAt(container, "resources", this.path);
    for (const kind of ["limits", "requests"]) {
      const gpu = (resources && objectAt(resources, kind, `${this.path}.resources`))?.[GPU_RESOURCE];
      if (gpu !== undefined && gpu !== null) return Number(gpu);
    }
    return undefined;
  }

  setGpus(count: number): void {
    const resources = ensureObject(this.ensureContainer(), "resources", this.path);
    ensureObject(resources, "limits", this.path)[GPU_RESOURCE] = String(count);
    const requests = objectAt(resources, "requests", this.path);
    if (requests?.[GPU_RESOURCE] !== undefined) requests[GPU_RESOURCE] = String(count);
  }

  setSecret(name: string): void {
    const container = this.ensureContainer();
    const sources = ensureList(container, "envFrom", this.path);
    const has = sources.some((source) => objectAt(source, "secretRef", this.path)?.name === name);
    if (!has) sources.push({ secretRef: { name } });
  }

  setScalable(): void {
    // Its presence opts in: this version's schema has no `enabled`, and a strict API server refuses it.
    this.fields.scalingAdapter = objectAt(this.fields, "scalingAdapter", this.path) ?? {};
  }
}

function roleOfName(name: string): Role {
  const lower = name.toLowerCase();
  if (lower === "frontend" || lower === "planner") return lower;
  return "other";
}

function replaceByName(list: JsonObject[], item: JsonObject, key: string): void {
  const at = list.findIndex((other) => other[key] === item[key]);
  if (at < 0) list.push(item);
  else list[at] = item;
}
