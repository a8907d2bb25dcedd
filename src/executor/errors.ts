import { UserError } from "#common";

/** The catalogue of what can go wrong with shards. Codes are stable. */

export interface FailedShard {
  index: number;
  /** `exit code 1`, `OOMKilled` … */
  how: string;
  /** The end of what it wrote; empty where nothing is known. */
  tail: string;
}

/** @param exitCode 2 where a shard refused its input */
export function shardsFailed(failed: readonly FailedShard[], shards: number, exitCode: 1 | 2 = 1): UserError {
  const shown = failed.slice(0, 5).map(({ index, how, tail }) => {
    const text = tail
      .trim()
      .replace(/^error: /gm, "")
      .split("\n")
      .slice(-8)
      .join("\n    ");
    return `shard ${index}: ${how}${text === "" ? "" : `\n    ${text}`}`;
  });
  const more = failed.length > shown.length ? `\n  and ${failed.length - shown.length} more` : "";
  const named = failed.map(({ index }) => index).join(", ");
  return new UserError({
    code: "EXECUTOR_SHARDS_FAILED",
    message: `${failed.length} of ${shards} shards failed (${named})\n  ${shown.join("\n  ")}${more}`,
    exitCode,
  });
}

export function jobFailed(job: string, reason: string, message: string): UserError {
  return new UserError({
    code: "EXECUTOR_JOB_FAILED",
    where: job,
    message: `the Job failed: ${reason}${message === "" ? "" : `: ${message}`}`,
    exitCode: 1,
    ...(reason === "DeadlineExceeded" ? { hint: "give it more time: --job-deadline" } : {}),
  });
}

export function jobVanished(job: string): UserError {
  return new UserError({
    code: "EXECUTOR_JOB_GONE",
    where: job,
    message: "the Job is gone: somebody deleted it while it ran",
    exitCode: 1,
  });
}

export function notAllReady(job: string, ready: number, shards: number, seconds: number, waiting: string): UserError {
  return new UserError({
    code: "EXECUTOR_NOT_ALL_READY",
    where: job,
    message: `${ready} of ${shards} shards were ready after ${seconds} s, and they begin together or not at all: ${waiting}`,
    hint: "ask for fewer shards (--shards), or wait longer (--ready-timeout)",
    exitCode: 1,
  });
}

export function resultMissing(job: string, index: number): UserError {
  return new UserError({
    code: "EXECUTOR_RESULT_MISSING",
    where: job,
    message: `shard ${index} is done, but its result is not whole: a ConfigMap of it is missing`,
    hint: "did something delete ConfigMaps of the Job?",
    exitCode: 1,
  });
}

export function apiRefused(server: string, what: string, error: Error, forbidden: boolean): UserError {
  return new UserError({
    code: forbidden ? "EXECUTOR_FORBIDDEN" : "EXECUTOR_API",
    where: server,
    message: `${what}: ${error.message}`,
    ...(forbidden ? { hint: "understudy manifests shard-rbac prints the Roles that are needed" } : {}),
    exitCode: 1,
    cause: error,
  });
}

export function jobUnreadable(path: string, why: string, cause?: unknown): UserError {
  return new UserError({
    code: "EXECUTOR_JOB_UNREADABLE",
    where: path,
    message: `found ${why}, expected a job as an executor writes it`,
    ...(cause === undefined ? {} : { cause }),
  });
}

export function otherVersion(found: string, own: string): UserError {
  return new UserError({
    code: "EXECUTOR_OTHER_VERSION",
    message: `the job was cut by version ${found}, this is ${own}`,
    hint: "use an image of the same version: --image",
  });
}

export function noSuchShard(where: string, found: string, shards: number): UserError {
  return new UserError({
    code: "EXECUTOR_NO_SUCH_SHARD",
    where,
    message: `found ${found}, expected a whole number from 0 to ${shards - 1}`,
    hint: "a pod of an Indexed Job is told it in JOB_COMPLETION_INDEX",
  });
}

export function notInPod(variable: string): UserError {
  return new UserError({
    code: "EXECUTOR_NOT_IN_POD",
    where: `$${variable}`,
    message: "found nothing, expected what the Job's pods are told",
    hint: "by hand, results go into a folder: --to <folder>",
  });
}

export function tooLarge(what: string, bytes: number, most: number): UserError {
  const mega = (value: number) => `${(value / 2 ** 20).toFixed(1)} MiB`;
  return new UserError({
    code: "EXECUTOR_TOO_LARGE",
    where: what,
    message: `found ${mega(bytes)}, at most ${mega(most)} can be handed to pods`,
    hint: "put large files into the image",
  });
}

export function absolutePath(file: string, found: string): UserError {
  return new UserError({
    code: "EXECUTOR_ABSOLUTE_PATH",
    where: file,
    message: `found the absolute path ${found}, which means nothing in a pod`,
    hint: "write it relative to the scenario's file: it is handed over then",
  });
}
