import type { CommanderError } from "commander";
import { UserError } from "#common";

/** The errors of the command line itself: usage, and files that can't be read or written. */

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

const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "the disk quota is used up",
  EEXIST: "it exists already",
  EISDIR: "it is a folder, expected a file",
  EMFILE: "too many open files",
  ENAMETOOLONG: "the name is too long",
  ENOENT: "no such file or folder",
  ENOSPC: "no space left on the disk",
  ENOTDIR: "a part of the path is not a folder",
  ENOTEMPTY: "the folder is not empty",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
};

/** A failed system call on a file that a command let through, or undefined for any other error. */
export function fileError(error: unknown): UserError | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  const problem = code === undefined ? undefined : FILE_PROBLEMS[code];
  if (problem === undefined || path === undefined) return undefined;
  return new UserError({ code: "CLI_FILE", message: problem, where: path, cause: error });
}
