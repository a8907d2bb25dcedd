import { closeSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { makeFolder } from "./make-folder.ts";

/**
 * Writes to a temporary name beside the target, then renames: a reader sees the old file or the new one, never half.
 * @param options.mode permissions of a new file, such as 0o600 for a secret
 */
export function writeFileAtomically(path: string, data: string | Uint8Array, options: { mode?: number } = {}): void {
  replaceFile(path, (temporary) => writeFileSync(temporary, data, options));
}

/** The same for files too large to hold: `produce` hands them over piece by piece. */
export function writeChunksAtomically(
  path: string,
  produce: (write: (chunk: string | Uint8Array) => void) => void,
): void {
  replaceFile(path, (temporary) => {
    const file = openSync(temporary, "w");
    try {
      produce((chunk) => writeWhole(file, typeof chunk === "string" ? Buffer.from(chunk) : chunk));
    } finally {
      closeSync(file);
    }
  });
}

function replaceFile(path: string, write: (temporary: string) => void): void {
  makeFolder(dirname(path));
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    write(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** One write call may take less than it was given. */
function writeWhole(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
