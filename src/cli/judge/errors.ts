import { UserError } from "#common";

/** A planner outside of this process is not there, or does not answer. */
export function plannerFailed(name: string, why: string): UserError {
  return new UserError({
    code: "CLI_JUDGED_PLANNER_FAILED",
    where: `--planner ${name}`,
    message: why,
    hint: "does it run, and does it speak the contract of docs/judging.md?",
    exitCode: 1,
  });
}

export function badExternal(text: string): UserError {
  return new UserError({
    code: "CLI_USAGE",
    where: "--planner",
    message: `found ${JSON.stringify(text)}, expected name=http://HOST:PORT or name=virtual:STORE`,
    hint: "STORE is file:FOLDER, http://HOST:PORT or etcd:http://HOST:PORT",
  });
}

/** No planner can play any of the cases: there is nothing to judge. */
export function nobodyPlays(name: string, refused: string): UserError {
  return new UserError({
    code: "CLI_NOBODY_PLAYS",
    message: `no planner can play any of the cases; the first one, ${name}: ${refused}`,
  });
}

/** Settings would be judged on the traffic that they were chosen by. */
export function tunedOnJudged(seed: number): UserError {
  return new UserError({
    code: "CLI_TUNED_ON_JUDGED",
    where: "--tuning-seeds",
    message: `found ${seed}, which is one of --seeds, too: expected seeds that nobody is judged on`,
  });
}

/** Tables and charts tell scenarios apart by their names. */
export function scenarioTwice(file: string, name: string, other: string): UserError {
  return new UserError({
    code: "CLI_USAGE",
    where: file,
    message: `found a second scenario called ${name}, as in ${other}: expected each once, by a name of its own`,
  });
}

export function nameTaken(name: string): UserError {
  return new UserError({
    code: "CLI_USAGE",
    where: "--planners, --planner",
    message: `found ${name} twice: every planner needs a name of its own`,
  });
}
