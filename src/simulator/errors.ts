import { UserError } from "#common";

/** The catalogue of what can be wrong with a simulation. Codes are stable. */

/** A checked run broke what must hold of every run. @param name of the run @param lines one a violation, each with its number */
export function invariantsViolated(name: string, lines: readonly string[]): UserError {
  return new UserError({
    code: "SIMULATOR_INVARIANTS",
    where: name,
    message: `invariants do not hold\n  ${lines.join("\n  ")}`,
    hint: "this is a bug in understudy: please report it with the scenario; docs/invariants.md says what each number means",
    exitCode: 1,
  });
}
