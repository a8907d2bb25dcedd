import { formatUserError, type UserError } from "#common";
import { writeStatus } from "./status.ts";

/** Leaves a status file of a request that was refused before its run began. */
export function writeConfigFailure(folder: string, error: UserError, now: Date): void {
  writeStatus(
    folder,
    { status: "failed", phase: "Initializing", message: "Config validation failed", error: formatUserError(error) },
    now,
  );
}
