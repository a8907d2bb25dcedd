import { UserError } from "#common";

/** A process of a live run ended before it was told to. */
export function processDied(name: string, how: string, stderr: string): UserError {
  const tail = stderr.trimEnd().split("\n").slice(-12).join("\n");
  return new UserError({
    code: "LIVE_PROCESS_DIED",
    where: name,
    message: `the process ended early (${how})${tail === "" ? " and said nothing" : `; the last it said:\n${tail}`}`,
    exitCode: 1,
  });
}

export function notReady(name: string, seconds: number, stderr: string): UserError {
  const tail = stderr.trimEnd().split("\n").slice(-12).join("\n");
  return new UserError({
    code: "LIVE_NOT_READY",
    where: name,
    message: `the process was not ready after ${seconds} s${tail === "" ? "" : `; the last it said:\n${tail}`}`,
    exitCode: 1,
  });
}

/** The run was ended from outside, by Ctrl-C for one. */
export function interrupted(signal: string): UserError {
  return new UserError({ code: "LIVE_INTERRUPTED", message: `ended by ${signal}`, exitCode: 1 });
}
