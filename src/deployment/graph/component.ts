import { noMainContainer } from "../errors.ts";
import { countAt, ensureList, ensureObject, type JsonObject, objectAt, objectsAt, textAt, textsAt } from "./json.ts";

/** What a component says it is; `worker` where it says no more than that. */
export type Role = "frontend" | "prefill" | "decode" | "worker" | "planner" | "other";

/** Objects of a list, and where the list is. */
export interface PlacedList {
  list: JsonObject[];
  path: string;
}

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
  abstract isScalable(): boolean;
  /** Where the main container is, for errors. */
  abstract containerPath(): string;
  /** Lists of environment variables, with their places; what comes later overrides. */
  abstract envLists(): PlacedList[];
  /** Secrets all whose keys are environment variables, by fields of the component's own. */
  abstract envSecrets(): string[];
  /** Volume claims that fields of the component's own mount. */
  abstract claimMounts(): { claim: string; mountPath: string; path: string }[];
  abstract probe(field: "readinessProbe" | "livenessProbe" | "startupProbe"): JsonObject | undefined;

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

/** Environment of a container. */
export function containerEnv(container: JsonObject, path: string): PlacedList {
  return { list: objectsAt(container, "env", path), path: `${path}.env` };
}

/** What the oldest manifests say by nothing but the name. */
export function roleOfName(name: string): Role {
  const lower = name.toLowerCase();
  if (lower === "frontend" || lower === "planner") return lower;
  return "other";
}

function replaceByName(list: JsonObject[], item: JsonObject, key: string): void {
  const at = list.findIndex((other) => other[key] === item[key]);
  if (at < 0) list.push(item);
  else list[at] = item;
}
