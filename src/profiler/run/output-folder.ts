import { join } from "node:path";
import { makeFolder, writeFileAtomically } from "#common";

/** Where a run's results go; every file is there whole or not at all. */
export interface OutputFolder {
  readonly path: string;
  /** Files written so far, relative, each once. */
  readonly files: readonly string[];
  write(name: string, data: string | Uint8Array): void;
  /** Files that something else wrote. */
  note(...names: string[]): void;
}

export function openOutputFolder(path: string): OutputFolder {
  makeFolder(path);
  const files: string[] = [];
  const note = (...names: string[]) => {
    for (const name of names) if (!files.includes(name)) files.push(name);
  };
  return {
    path,
    files,
    note,
    write: (name, data) => {
      writeFileAtomically(join(path, name), data);
      note(name);
    },
  };
}
