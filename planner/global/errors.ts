import { UserError } from "#common";

export function badBand(minGpus: number, maxGpus: number): UserError {
  return new UserError({
    code: "GLOBAL_PLANNER_BAD_BUDGET",
    where: "--min-total-gpus, --max-total-gpus",
    message: `found a floor of ${minGpus} GPUs above the ceiling of ${maxGpus}, expected at most the ceiling`,
    hint: "lower --min-total-gpus, or -1 for no floor",
  });
}

export function badStateFile(path: string, why: string): UserError {
  return new UserError({
    code: "GLOBAL_PLANNER_BAD_STATE",
    where: path,
    message: `found what is no state of a global planner: ${why}`,
    hint: "delete the file, or give another --state-dir",
  });
}

/** Deployments that can't be listed when the global planner starts: their GPUs would not count. */
export function notDiscovered(platform: string, cause: Error): UserError {
  return new UserError({
    code: "GLOBAL_PLANNER_NO_DEPLOYMENTS",
    where: platform,
    message: `the deployments that are there can't be found: ${cause.message}`,
    hint: "a budget needs to know all of them; check the platform, and the rights docs/global-planner.md lists",
    exitCode: 1,
    cause,
  });
}

/** A request that is not judged: no leg of the caller's doing, or not its to ask. The answer says why, with this status. */
export class RequestRefused extends Error {
  override readonly name = "RequestRefused";
  readonly status: 403 | 404 | 424 | 429 | 503;

  constructor(status: RequestRefused["status"], message: string) {
    super(message);
    this.status = status;
  }
}
