import { posix } from "node:path";
import { wrongType } from "../errors.ts";
import { type JsonObject, objectAt, objectsAt, textAt } from "../graph/json.ts";
import { badPath, keyMissing, volumeMissing } from "./errors.ts";
import type { DataKind } from "./objects.ts";
import type { Scope } from "./scope.ts";
import type { ReplicaTemplate } from "./types.ts";
import { expandReferences } from "./variables.ts";

/** What the container finds in its file system beside its image. */
export type Mounts = Pick<ReplicaTemplate, "mounts" | "files" | "folders">;

/** Files of a volume by their path in it, or a folder. */
type Volume =
  | { kind: "files"; files: ReadonlyMap<string, Uint8Array> }
  | { kind: "folder"; claim: string | null }
  | { kind: "memory" };

/**
 * All that the component mounts: keys of ConfigMaps and Secrets as files, volume claims and the like as folders.
 * @throws UserError for volumes that are not there, paths that leave their place, ConfigMaps that are missing
 */
export function mountsOf(scope: Scope, variables: ReadonlyMap<string, string>): Mounts {
  const { component } = scope;
  const mounts: string[] = [];
  const files = new Map<string, Uint8Array>();
  const folders: ReplicaTemplate["folders"][number][] = [];
  const containerPath = component.containerPath();
  const volumes = volumesOf(scope);
  const found = objectsAt(component.findContainer() ?? {}, "volumeMounts", containerPath);
  for (const [i, mount] of found.entries()) {
    const where = `${containerPath}.volumeMounts[${i}]`;
    const name = textAt(mount, "name", where) ?? "";
    const read = volumes.get(name);
    if (!read) throw volumeMissing(`${where}.name`, name, [...volumes.keys()]);
    const volume = read();
    if (volume.kind === "memory") continue;
    const mountPath = checkedMountPath(textAt(mount, "mountPath", where), `${where}.mountPath`);
    const subPath = subPathOf(mount, where, variables);
    mounts.push(mountPath);
    if (volume.kind === "folder") {
      folders.push({ mountPath, claim: volume.claim, subPath });
      continue;
    }
    for (const [path, content] of volume.files) {
      const place = placeOf(path, mountPath, subPath);
      if (place !== undefined) files.set(place, content);
    }
  }
  for (const { claim, mountPath, path } of component.claimMounts()) {
    const place = checkedMountPath(mountPath, path);
    mounts.push(place);
    folders.push({ mountPath: place, claim, subPath: null });
  }
  return {
    mounts: [...new Set(mounts)],
    files: [...files].map(([mountPath, content]) => ({ mountPath, content })),
    folders,
  };
}

/** Where a volume's file lies in the container; undefined where it is not mounted. `subPath` may be the file itself. */
function placeOf(path: string, mountPath: string, subPath: string | null): string | undefined {
  if (subPath === null) return posix.join(mountPath, path);
  if (path === subPath) return mountPath;
  return path.startsWith(`${subPath}/`) ? posix.join(mountPath, path.slice(subPath.length + 1)) : undefined;
}

/** The pod's volumes, read when they are mounted: what nothing mounts need not be there. */
function volumesOf(scope: Scope): Map<string, () => Volume> {
  const { component } = scope;
  const path = `${component.path}.volumes`;
  return new Map(
    objectsAt(component.podSpec(), "volumes", component.path).map((volume, i) => {
      const name = textAt(volume, "name", `${path}[${i}]`) ?? "";
      return [name, () => volumeOf(scope, volume, `${path}[${i}]`)];
    }),
  );
}

function volumeOf(scope: Scope, volume: JsonObject, where: string): Volume {
  const { note } = scope;
  const name = String(volume.name);
  const configMap = objectAt(volume, "configMap", where);
  if (configMap) return { kind: "files", files: dataFiles(scope, "ConfigMap", configMap, `${where}.configMap`) };
  const secret = objectAt(volume, "secret", where);
  if (secret) return { kind: "files", files: dataFiles(scope, "Secret", secret, `${where}.secret`) };
  const projected = objectAt(volume, "projected", where);
  if (projected) return { kind: "files", files: projectedFiles(scope, projected, `${where}.projected`) };
  const claim = objectAt(volume, "persistentVolumeClaim", where);
  if (claim) {
    const claimName = textAt(claim, "claimName", `${where}.persistentVolumeClaim`);
    if (!claimName) throw wrongType(`${where}.persistentVolumeClaim.claimName`, "the name of a claim", claim.claimName);
    return { kind: "folder", claim: claimName };
  }
  const emptyDir = objectAt(volume, "emptyDir", where);
  if (emptyDir?.medium === "Memory") return { kind: "memory" };
  const isEmpty = emptyDir !== undefined || "emptyDir" in volume || "ephemeral" in volume;
  const kind = Object.keys(volume).find((key) => key !== "name");
  if (!isEmpty) note(`volume ${name} (${kind ?? "of no kind"}) is an empty folder here`);
  return { kind: "folder", claim: null };
}

function projectedFiles(scope: Scope, projected: JsonObject, where: string): Map<string, Uint8Array> {
  const all = objectsAt(projected, "sources", where).flatMap((source, i) => {
    const path = `${where}.sources[${i}]`;
    const configMap = objectAt(source, "configMap", path);
    if (configMap) return [...dataFiles(scope, "ConfigMap", configMap, `${path}.configMap`)];
    const secret = objectAt(source, "secret", path);
    if (secret) return [...dataFiles(scope, "Secret", secret, `${path}.secret`)];
    scope.note(`a projected volume's ${Object.keys(source).join(", ") || "empty source"} is left aside`);
    return [];
  });
  return new Map(all);
}

function dataFiles(scope: Scope, kind: DataKind, source: JsonObject, where: string): Map<string, Uint8Array> {
  const field = kind === "Secret" && source.secretName !== undefined ? "secretName" : "name";
  const name = textAt(source, field, where);
  if (!name) throw wrongType(`${where}.${field}`, `the name of a ${kind}`, source[field]);
  const isOptional = source.optional === true;
  const data =
    kind === "Secret" || isOptional
      ? scope.objects.find(kind, name)
      : scope.objects.get(kind, name, `${where}.${field}`);
  if (!data) {
    if (!isOptional) scope.note(`${kind} ${name} is not there: the folder that it fills is empty`);
    return new Map();
  }
  const items = source.items === undefined ? undefined : objectsAt(source, "items", where);
  if (!items) return new Map(data);
  return new Map(
    items.flatMap((item, i) => {
      const at = `${where}.items[${i}]`;
      const key = textAt(item, "key", at) ?? "";
      const content = data.get(key);
      if (!content && !isOptional) throw keyMissing(`${at}.key`, `${kind} ${name}`, key, [...data.keys()]);
      const path = checkedRelative(textAt(item, "path", at) ?? "", `${at}.path`);
      return content ? [[path, content] as const] : [];
    }),
  );
}

function subPathOf(mount: JsonObject, where: string, variables: ReadonlyMap<string, string>): string | null {
  const plain = textAt(mount, "subPath", where);
  const expression = textAt(mount, "subPathExpr", where);
  const found = plain || (expression && expandReferences(expression, variables));
  if (!found) return null;
  return checkedRelative(found, `${where}.${plain ? "subPath" : "subPathExpr"}`);
}

function checkedMountPath(path: string | undefined, where: string): string {
  if (!path) throw wrongType(where, "the path to mount at", path);
  const isPlain =
    path.startsWith("/") && !path.split("/").includes("..") && !path.includes(":") && !path.includes("\0");
  const normal = posix.normalize(path).replace(/(.)\/$/, "$1");
  if (!isPlain || normal === "/") throw badPath(where, path, "an absolute path without .. and :");
  return normal;
}

function checkedRelative(path: string, where: string): string {
  const isInside = path !== "" && !path.startsWith("/") && !path.split("/").includes("..") && !path.includes("\0");
  const normal = posix.normalize(path).replace(/\/$/, "");
  if (!isInside || normal === ".") throw badPath(where, path, "a path within the volume, without ..");
  return normal;
}
