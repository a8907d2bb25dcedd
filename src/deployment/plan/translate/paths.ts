import { posix } from "node:path";
import { notMounted } from "../errors.ts";
import { mountOf } from "../rewrite-paths.ts";
import type { Source } from "./translation.ts";

/** A path of the container: a relative one that lies under a mount, from the container's folder, in full. */
export function containerPath(path: string, { program, mounts }: Pick<Source, "program" | "mounts">): string {
  if (path.startsWith("/") || program.folder === null) return path;
  const full = posix.resolve(program.folder, path);
  return mountOf(full, mounts.mounts) === undefined ? path : full;
}

/**
 * The path of a profile, which must be mounted if it is one of the container's; a name of a shipped profile stays.
 * @throws UserError DEPLOYMENT_NOT_MOUNTED
 */
export function mountedProfile(path: string, what: string, source: Source): string {
  const { scope, mounts } = source;
  const full = containerPath(path, source);
  if (!full.startsWith("/")) return full;
  const isFile = mounts.files.some(({ mountPath }) => mountPath === full || mountPath.startsWith(`${full}/`));
  if (isFile) return full;
  const folder = mounts.folders.find(({ mountPath }) => full === mountPath || full.startsWith(`${mountPath}/`));
  if (folder === undefined) throw notMounted(scope.component.containerPath(), what, path);
  const volume = folder.claim === null ? "a folder that is empty at first" : `volume claim ${folder.claim}`;
  scope.note(`${what} ${path} lies on ${volume}: the profile must be put there`);
  return full;
}
