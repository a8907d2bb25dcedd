import { Component, containerEnv, GPU_RESOURCE, type PlacedList, type Role, roleOfName } from "./component.ts";
import { ensureList, ensureObject, type JsonObject, objectAt, objectsAt, textAt } from "./json.ts";

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
    return objectsAt(spec, "containers", `${this.path}.podTemplate.spec`).find(isMain);
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

  isScalable(): boolean {
    const adapter = objectAt(this.fields, "scalingAdapter", this.path);
    return adapter !== undefined && adapter.enabled !== false;
  }

  containerPath(): string {
    const template = objectAt(this.fields, "podTemplate", this.path);
    const spec = template && objectAt(template, "spec", `${this.path}.podTemplate`);
    const at = spec ? objectsAt(spec, "containers", `${this.path}.podTemplate.spec`).findIndex(isMain) : -1;
    return `${this.path}.podTemplate.spec.containers${at < 0 ? "" : `[${at}]`}`;
  }

  envLists(): PlacedList[] {
    const container = this.findContainer();
    return container ? [containerEnv(container, this.containerPath())] : [];
  }

  envSecrets(): string[] {
    return [];
  }

  claimMounts(): { claim: string; mountPath: string; path: string }[] {
    const path = `${this.path}.compilationCache`;
    const cache = objectAt(this.fields, "compilationCache", this.path);
    if (!cache) return [];
    return [{ claim: textAt(cache, "pvcName", path) ?? "", mountPath: textAt(cache, "mountPath", path) ?? "", path }];
  }

  probe(field: "readinessProbe" | "livenessProbe" | "startupProbe"): JsonObject | undefined {
    const container = this.findContainer();
    return container && objectAt(container, field, this.containerPath());
  }
}

function isMain({ name }: JsonObject): boolean {
  return name === "main";
}
