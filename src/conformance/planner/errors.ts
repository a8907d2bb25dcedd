import type { z } from "zod";
import { UserError } from "#common";

/** A recorded case that lacks something or holds something of the wrong kind. */
function plannerBadCase(file: string, problem: z.ZodError): UserError {
  const issue = problem.issues[0];
  const path = (issue?.path ?? []).join(".");
  return new UserError({
    code: "CONFORMANCE_PLANNER_BAD_CASE",
    where: path === "" ? file : `${file} ${path}`,
    message: issue?.message ?? "found something unexpected",
    hint: "cases have the formats of the reference planner's recorded decisions",
  });
}

/** A folder in which no file is a recorded case of the planner. */
export function noPlannerCases(folder: string): UserError {
  return new UserError({
    code: "CONFORMANCE_NO_CASES",
    where: folder,
    message:
      "found no recorded planner case (.json with interpolations, grids, replicas, sequences, dry runs or predictions)",
    hint: "give the folder that holds the case files, or one above it",
  });
}

/** The content of a case file by its schema. @throws UserError CONFORMANCE_PLANNER_BAD_CASE */
export function parseCases<Output>(schema: z.ZodType<Output>, value: unknown, file: string): Output {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw plannerBadCase(file, parsed.error);
  return parsed.data;
}
