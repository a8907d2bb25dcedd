import type { CommanderError } from "commander";
import { UserError } from "#common";

/** The errors of the command line itself: usage, and files that can't be read or written. */

/** What a shell reports for a process that Ctrl-C ended. */
export const EXIT_INTERRUPTED = 130;

/** Commander's usage errors in the form of all others; its own hint "(Did you mean …?)" becomes ours. */
export function usageError(error: CommanderError): UserError {
  const [head = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /\(Did you mean (?:one of )?(.+?)\?\)/.exec(rest.join(" "))?.[1];
  return new UserError({
    code: "CLI_USAGE",
    message: head.trim(),
    hint: suggestion ? `did you mean ${suggestion}?` : "--help shows what there is",
    cause: error,
  });
}

/** A flag that means something beside another alone; `name` as commander has it. */
export function flagNeeds(name: string, other: string): UserError {
  const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return new UserError({
    code: "CLI_FLAG_NEEDS",
    where: flag,
    message: `it means nothing without ${other}`,
    hint: `add ${other}, or take ${flag} away`,
  });
}

/** A sweep's first rungs would play a part of the traffic in which nothing comes. */
export function emptyPart(part: number): UserError {
  return new UserError({
    code: "CLI_EMPTY_PART",
    message: `found no request in the first 1/${Math.round(1 / part)} of the traffic`,
    hint: "--least-part takes a larger one",
  });
}

export function flagsExclude(flag: string, other: string, why: string): UserError {
  return new UserError({ code: "CLI_FLAGS_EXCLUDE", where: other, message: `not together with ${flag}: ${why}` });
}

/** What a failed system call on a file means; a path that is wrong is bad input, a disk that is full is a run that failed. */
const FILE_PROBLEMS: Readonly<Record<string, { message: string; exitCode: 1 | 2 }>> = {
  EACCES: { message: "permission denied", exitCode: 2 },
  EDQUOT: { message: "the disk quota is used up", exitCode: 1 },
  EEXIST: { message: "it exists already", exitCode: 2 },
  EFBIG: { message: "the file grew too large", exitCode: 1 },
  EIO: { message: "the disk failed", exitCode: 1 },
  EISDIR: { message: "it is a folder, expected a file", exitCode: 2 },
  EMFILE: { message: "too many open files", exitCode: 1 },
  ENAMETOOLONG: { message: "the name is too long", exitCode: 2 },
  ENOENT: { message: "no such file or folder", exitCode: 2 },
  ENOSPC: { message: "no space left on the disk", exitCode: 1 },
  ENOTDIR: { message: "a part of the path is not a folder", exitCode: 2 },
  ENOTEMPTY: { message: "the folder is not empty", exitCode: 2 },
  EPERM: { message: "not permitted", exitCode: 2 },
  EROFS: { message: "the file system is read-only", exitCode: 2 },
};

/** A failed system call on a file that a command let through, or undefined for any other error. */
export function fileError(error: unknown): UserError | undefined {
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  const isFile = code === "EEXIST" && syscall === "mkdir";
  const problem = isFile
    ? { message: "it is a file, expected a folder", exitCode: 2 as const }
    : code === undefined || syscall === undefined
      ? undefined
      : FILE_PROBLEMS[code];
  if (problem === undefined) return undefined;
  // A write that fails names no path.
  return new UserError({ code: "CLI_FILE", ...problem, ...(path === undefined ? {} : { where: path }), cause: error });
}
