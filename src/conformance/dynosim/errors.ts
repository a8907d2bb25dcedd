import type { z } from "zod";
import { UserError } from "#common";

/** A file of the folder that cannot be read or is no JSON. */
export function conformanceUnreadable(file: string, cause: unknown): UserError {
  return new UserError({
    code: "CONFORMANCE_UNREADABLE",
    where: file,
    message: `the file cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
    hint: "give a folder with recorded runs",
    cause,
  });
}

/** A recorded run that lacks something or holds something of the wrong kind. */
export function dynosimBadCase(file: string, problem: z.ZodError | string, prefix = ""): UserError {
  const issue = typeof problem === "string" ? undefined : problem.issues[0];
  const path = [prefix, ...(issue?.path ?? [])].filter((part) => part !== "").join(".");
  return new UserError({
    code: "CONFORMANCE_DYNOSIM_BAD_CASE",
    where: path === "" ? file : `${file} ${path}`,
    message: typeof problem === "string" ? problem : (issue?.message ?? "found something unexpected"),
    hint: "a case holds call, normalized_engine_args, summary and per_request as DynoSim 1.6.1 reports them",
  });
}

/** A folder in which no file is a recorded run. */
export function noDynosimCases(folder: string): UserError {
  return new UserError({
    code: "CONFORMANCE_NO_CASES",
    where: folder,
    message: "found no recorded DynoSim run (.json with call, summary and per_request)",
    hint: "give the folder that holds the case files, or one above it",
  });
}

/** A file that a case names and that does not lie beside it. */
export function missingBesideCase(file: string, named: string): UserError {
  return new UserError({
    code: "CONFORMANCE_MISSING_FILE",
    where: file,
    message: `found no ${named} beside the case`,
    hint: "keep trace and table files in the folder of the cases that use them",
  });
}
