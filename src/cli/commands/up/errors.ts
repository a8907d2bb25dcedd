import { didYouMean, UserError } from "#common";
import { ControlFailure } from "#planner/connectors";

/** Mistakes in the flags and arguments of `understudy up`, `status`, `scale`, `logs` and `down`. */

export function nothingToRun(): UserError {
  return new UserError({
    code: "RUNNER_NOTHING_TO_RUN",
    where: "up",
    message: "found neither a file nor --kubeconfig, expected manifests or the API server that holds them",
    hint: "understudy up mocker-dgd.yaml",
  });
}

export function stateFolderTaken(stateDir: string, pid: number): UserError {
  return new UserError({
    code: "RUNNER_STATE_TAKEN",
    where: stateDir,
    message: `process ${pid} is a runner with this state folder, and can't play a cluster beside what it runs`,
    hint: "--state-dir names another folder; `understudy down --all` ends what runs",
  });
}

export function nothingRuns(stateDir: string): UserError {
  return new UserError({
    code: "RUNNER_NOTHING_RUNS",
    where: stateDir,
    message: "no runner has this state folder",
    hint: "`understudy up FILE` starts one; --state-dir or UNDERSTUDY_STATE names another folder",
  });
}

export function noRunner(stateDir: string, count: number): UserError {
  return new UserError({
    code: "RUNNER_GONE",
    where: stateDir,
    message: `the runner of ${count === 1 ? "a deployment" : `${count} deployments`} has ended without ending ${count === 1 ? "it" : "them"}`,
    hint: "`understudy up FILE` with the same file takes over what still runs, `understudy down --all` ends it",
  });
}

export function noSuchDeployment(name: string, names: readonly string[]): UserError {
  return new UserError({
    code: "RUNNER_NO_SUCH_DEPLOYMENT",
    message: `there is no deployment "${name}"`,
    hint: didYouMean(name, names) ?? (names.length === 0 ? "nothing runs" : `there are ${names.join(", ")}`),
  });
}

export function severalDeployments(names: readonly string[], how: string): UserError {
  return new UserError({
    code: "RUNNER_SEVERAL_DEPLOYMENTS",
    message: `several deployments run: ${names.join(", ")}`,
    hint: how,
  });
}

export function noSuchComponent(name: string, names: readonly string[], deployment: string): UserError {
  return new UserError({
    code: "RUNNER_NO_SUCH_COMPONENT",
    message: `${deployment} has no "${name}"`,
    hint: didYouMean(name, names) ?? `it has ${names.join(", ")}`,
  });
}

export function badCount(text: string): UserError {
  return new UserError({
    code: "RUNNER_BAD_COUNT",
    message: `found ${JSON.stringify(text)}, expected <component>=<replicas>, such as prefill=2`,
  });
}

export function planRefused(name: string, message: string): UserError {
  return new UserError({
    code: "RUNNER_REFUSED",
    where: name,
    message: `the runner refuses the deployment: ${message}`,
    exitCode: 1,
  });
}

/** What all processes of a runner have in common can't be changed by one more manifest. */
export function ofTheRunner(flag: string, pid: number): UserError {
  return new UserError({
    code: "RUNNER_LIVES",
    where: flag,
    message: `a runner (process ${pid}) has this state folder, and keeps what it was started with`,
    hint: `leave ${flag} away, or end the runner first: understudy down --all`,
  });
}

export function backgroundFailed(log: string, words: string, exitCode: 1 | 2): UserError {
  return new UserError({
    code: "RUNNER_DID_NOT_START",
    where: log,
    message: `the runner in the background ended: ${words || "it said nothing"}`,
    exitCode,
  });
}

/** What the control API answered or did not, as a user has to see it. */
export function controlError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof ControlFailure) {
    const hint = error.hint === null ? {} : { hint: error.hint };
    const isInput = error.status === 404 || error.status === 422;
    const code = "RUNNER_REFUSED";
    return new UserError({ code, message: error.message, exitCode: isInput ? 2 : 1, cause: error, ...hint });
  }
  if (error.name !== "ControlUnavailable") return error;
  return new UserError({ code: "RUNNER_UNREACHABLE", message: error.message, exitCode: 1, cause: error });
}
