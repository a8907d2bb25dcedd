import { didYouMean, UserError } from "#common";
import { BASELINES } from "./baselines.ts";

/** `--planners` names somebody who is not there. */
export function unknownPlanner(name: string): UserError {
  const known = [...BASELINES.map((baseline) => baseline.name), "own"];
  const near = didYouMean(name, known);
  return new UserError({
    code: "STUDY_PLANNER_UNKNOWN",
    where: "--planners",
    message: `found ${JSON.stringify(name)}, expected ${known.join(", ")}`,
    hint: near ?? "a planner of your own: --planner name=http://127.0.0.1:PORT",
  });
}
