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

/** A process of a live run did not say in time that it takes calls. @param seconds real ones @param stderr what it wrote */
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

/** A scenario that is to be a deployment in a cluster says something that can't be told there. */
export function notInCluster(where: string, why: string): UserError {
  return new UserError({
    code: "LIVE_NOT_IN_CLUSTER",
    where,
    message: why,
    hint: "without --kubeconfig it runs live with processes of its own",
  });
}

/** The time scale that was asked for is not the one that the deployment runs at. @param flag, found model time by real time */
export function otherTimeScale(flag: number, found: number): UserError {
  return new UserError({
    code: "LIVE_OTHER_TIME_SCALE",
    where: "--time-scale",
    message: `found ${flag}, but the deployment's workers run at ${found}`,
    hint: "who plays the cluster says how fast its clocks go (understudy up --time-scale); leave the flag out to take that",
  });
}

/** No traffic can be sent from here. @param where `namespace/name` of the deployment */
export function frontendUnreachable(where: string, why: string): UserError {
  return new UserError({
    code: "LIVE_FRONTEND_UNREACHABLE",
    where,
    message: `the deployment's frontend can't be reached from here: ${why}`,
    hint: "kubectl port-forward to it, and --url http://127.0.0.1:PORT",
    exitCode: 1,
  });
}

/** A scenario asks for something that goes wrong in virtual time alone. */
export function faultNotLive(where: string, kind: string, hint: string): UserError {
  return new UserError({
    code: "LIVE_FAULT_UNSUPPORTED",
    where,
    message: `${kind} can't be played live`,
    hint,
  });
}
