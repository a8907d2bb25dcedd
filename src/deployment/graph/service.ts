import { Component, containerEnv, type PlacedList, type Role, roleOfName } from "./component.ts";
import { ensureObject, type JsonObject, objectAt, objectsAt, textAt } from "./json.ts";

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

  isScalable(): boolean {
    return objectAt(this.fields, "scalingAdapter", this.path)?.enabled === true;
  }

  containerPath(): string {
    return `${this.path}.extraPodSpec.mainContainer`;
  }

  envLists(): PlacedList[] {
    const container = this.findContainer();
    return [
      { list: objectsAt(this.fields, "envs", this.path), path: `${this.path}.envs` },
      ...(container ? [containerEnv(container, this.containerPath())] : []),
    ];
  }

  envSecrets(): string[] {
    const name = textAt(this.fields, "envFromSecret", this.path);
    return name === undefined ? [] : [name];
  }

  claimMounts(): { claim: string; mountPath: string; path: string }[] {
    return objectsAt(this.fields, "volumeMounts", this.path).map((mount, i) => {
      const path = `${this.path}.volumeMounts[${i}]`;
      return { claim: textAt(mount, "name", path) ?? "", mountPath: textAt(mount, "mountPoint", path) ?? "", path };
    });
  }

  probe(field: "readinessProbe" | "livenessProbe" | "startupProbe"): JsonObject | undefined {
    const container = this.findContainer();
    return objectAt(this.fields, field, this.path) ?? (container && objectAt(container, field, this.containerPath()));
  }
}
