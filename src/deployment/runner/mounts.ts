import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeFolder } from "#common";
import { mountOf } from "../plan/rewrite-paths.ts";
import type { ReplicaTemplate } from "../plan/types.ts";

export interface MountFolders {
  /** For the files of this revision of a component. */
  files: string;
  /** For what is empty at its start, and for this process alone. */
  scratch: string;
  /** For claims, which the deployment's replicas share. */
  claims: string;
}

/** Where each mount of a template lies on this machine. Pure. */
export function placesOf(
  { mounts, folders }: Pick<ReplicaTemplate, "mounts" | "folders">,
  { files, scratch, claims }: MountFolders,
): Map<string, string> {
  const places = new Map(mounts.map((mount) => [mount, join(files, mount)]));
  for (const { mountPath, claim, subPath } of folders) {
    const folder = claim === null ? join(scratch, mountPath) : join(claims, safeName(claim));
    places.set(mountPath, subPath === null ? folder : join(folder, subPath));
  }
  return places;
}

/** Writes the files and makes the folders; returns where each mount lies. */
export function materialise(template: ReplicaTemplate, folders: MountFolders): Map<string, string> {
  const places = placesOf(template, folders);
  for (const place of places.values()) makeFolder(dirname(place));
  for (const { mountPath } of template.folders) makeFolder(places.get(mountPath)!);
  for (const { mountPath, content } of template.files) {
    // A single file may be the mount itself.
    const mount = mountOf(mountPath, template.mounts)!;
    const path = join(places.get(mount)!, mountPath.slice(mount.length));
    makeFolder(dirname(path));
    writeFileSync(path, content, { mode: 0o600 });
  }
  for (const mount of template.mounts) {
    // A volume without a file is an empty folder.
    const isFile = template.files.some(({ mountPath }) => mountPath === mount);
    if (!isFile) makeFolder(places.get(mount)!);
  }
  return places;
}

/** Names come from manifests: none leaves its folder. */
export function safeName(name: string): string {
  const safe = name.replaceAll(/[^\w.-]+/g, "-");
  return /^\.*$/.test(safe) ? `_${safe}` : safe;
}
