import { UserError } from "#common";

/** What can be wrong with running deployments on this machine. */

export const noFreePort = (first: number, last: number): UserError =>
  new UserError({
    code: "RUNNER_NO_FREE_PORT",
    message: `no port from ${first} to ${last} is free on 127.0.0.1`,
    hint: "end what holds them",
    exitCode: 1,
  });

export const portTaken = (port: number): UserError =>
  new UserError({
    code: "RUNNER_PORT_TAKEN",
    where: "--port",
    message: `port ${port} is taken by another process`,
    hint: "choose another one, or 0 for any that is free",
  });

export const stateInUse = (folder: string, pid: number): UserError =>
  new UserError({
    code: "RUNNER_STATE_IN_USE",
    where: folder,
    message: `another runner (process ${pid}) has this state folder`,
    hint: "`understudy status` shows what it runs, `understudy down --all` ends it; --state-dir names another folder",
  });

export const stateUnreadable = (path: string, reason: string): UserError =>
  new UserError({
    code: "RUNNER_STATE_UNREADABLE",
    where: path,
    message: `this is no state that a runner wrote: ${reason}`,
    hint: "`understudy down --all` ends what runs; then remove the folder",
  });
