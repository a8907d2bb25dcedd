import { readFileSync } from "node:fs";
import { UserError } from "#common";
import type { PlannerServiceConfig } from "#planner/config";
import { Diagnostics, type DiagnosticsOptions } from "#planner/service";

/**
 * Reports and logs of ticks in their folder.
 * @param place where the folder was said
 * @throws UserError PLANNER_REPORT_DIR
 */
export function reportsIn(place: string, options: DiagnosticsOptions): Diagnostics {
  try {
    return new Diagnostics(options);
  } catch (error) {
    throw new UserError({
      code: "PLANNER_REPORT_DIR",
      where: place,
      message: `found "${options.folder}", expected a folder for reports: ${(error as Error).message}`,
      hint: "report_output_dir takes a folder that can be made or written in",
      cause: error,
    });
  }
}

/** @param place where the file was said @throws UserError PLANNER_TOKEN_FILE */
export function apiTokens({ service: { apiToken, apiTokenFile } }: PlannerServiceConfig, place: string): string[] {
  const tokens = apiToken === null ? [] : [apiToken];
  if (apiTokenFile === null) return tokens;
  let text: string;
  try {
    text = readFileSync(apiTokenFile, "utf8");
  } catch (error) {
    throw new UserError({
      code: "PLANNER_TOKEN_FILE",
      where: place,
      message: `${apiTokenFile} can't be read: ${(error as Error).message}`,
      hint: "give a file with one token",
      cause: error,
    });
  }
  return [...tokens, text.trim()];
}

/** Who wanted to listen, where, and where that was said. */
interface Listener {
  name: string;
  host: string;
  port: number;
  places: { host: string; port: string };
}

/** What the system says of an address that is none of this machine's. */
const NOT_OURS: readonly unknown[] = ["ENOTFOUND", "EAI_AGAIN", "EADDRNOTAVAIL"];

export function cannotListen({ name, host, port, places }: Listener, cause: unknown): UserError {
  const isHost = NOT_OURS.includes((cause as NodeJS.ErrnoException).code);
  return new UserError({
    code: "PLANNER_CANNOT_LISTEN",
    where: isHost ? places.host : places.port,
    message: `${host}:${port}: the ${name} can't listen: ${(cause as Error).message}`,
    hint: isHost ? "listen_host takes an address of this machine" : "choose another port; 0 turns it off",
    cause,
  });
}
