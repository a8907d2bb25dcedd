import { writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { makeFolder } from "#common";
import type { ReplicaTemplate } from "../plan/types.ts";

/** Where the paths of a pod lie on this machine. */
export class Mounts {
  readonly #places: ReadonlyMap<string, string>;
  readonly #pattern: RegExp | null;
  readonly #folders: readonly string[];

  /** @param places absolute paths of the pod → paths here @param folders those of them under which anything may lie */
  constructor(places: ReadonlyMap<string, string>, folders: readonly string[]) {
    this.#places = places;
    this.#folders = folders;
    const longestFirst = [...places.keys()].sort((a, b) => b.length - a.length);
    this.#pattern =
      longestFirst.length === 0
        ? null
        : // As a whole path, or the first part of one: what goes before and after can't be a path's.
          new RegExp(`(?<![\\w./~-])(${longestFirst.map(escaped).join("|")})(?![\\w.-])(/[^\\s"',:;\\])}]*)?`, "g");
  }

  /** The text with the pod's paths replaced by those here. Paths below a mount that nothing mounts stay as they are. */
  rewrite(text: string): string {
    if (this.#pattern === null) return text;
    return text.replace(this.#pattern, (whole, mount: string, rest: string | undefined) => {
      const here = this.#places.get(mount)!;
      if (rest === undefined || rest === "/" || this.#folders.includes(mount)) return here + (rest ?? "");
      return whole;
    });
  }
}

export interface MountFolders {
  /** For the files of this revision of a component. */
  files: string;
  /** For what is empty at its start, and for this replica alone. */
  scratch: string;
  /** For claims, which the deployment's replicas share. */
  claims: string;
}

/** Where a template's files and folders lie. Pure; `materialise` makes them. */
export function mountsOf({ files, folders }: ReplicaTemplate, places: MountFolders): Mounts {
  const map = new Map<string, string>();
  for (const { mountPath } of files) {
    const path = posix.normalize(mountPath);
    map.set(path, join(places.files, path));
    const parent = posix.dirname(path);
    // A folder of the system, such as /etc, into which one file is mounted, is not the mount.
    if (parent.split("/").length > 2) map.set(parent, join(places.files, parent));
  }
  const open: string[] = [];
  for (const { mountPath, claim } of folders) {
    const path = posix.normalize(mountPath).replace(/\/$/, "");
    map.set(path, claim === null ? join(places.scratch, path) : join(places.claims, safeName(claim)));
    open.push(path);
  }
  return new Mounts(map, open);
}

/** Writes the files and makes the folders. Paths that text files name are rewritten in them, too. */
export function materialise(template: ReplicaTemplate, places: MountFolders): Mounts {
  const mounts = mountsOf(template, places);
  for (const { mountPath, content } of template.files) {
    const path = join(places.files, posix.normalize(mountPath));
    makeFolder(dirname(path));
    writeFileSync(path, rewritten(content, mounts), { mode: 0o600 });
  }
  for (const { mountPath } of template.folders) makeFolder(mounts.rewrite(posix.normalize(mountPath).replace(/\/$/, "")));
  return mounts;
}

function rewritten(content: Uint8Array, mounts: Mounts): Uint8Array | string {
  if (content.includes(0)) return content;
  try {
    return mounts.rewrite(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    return content;
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** Names come from manifests: none leaves its folder. */
export function safeName(name: string): string {
  const safe = name.replaceAll(/[^\w.-]+/g, "-");
  return /^\.*$/.test(safe) ? `_${safe}` : safe;
}
