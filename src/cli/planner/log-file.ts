import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, UserError } from "#common";
import type { ServiceLog } from "#planner/service";

export const PLANNER_LOG = "planner.log";
/** A file that has grown beyond this is set aside, bytes. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Files that were set aside and are kept: `planner.log.1` is the newest. */
const KEPT_FILES = 4;

/** A service's log, in a file beside the terminal. */
export interface PlannerLog extends ServiceLog {
  /** What ends it, which the terminal is told by others: the file alone. */
  failed(text: string): void;
  close(): void;
}

export interface PlannerLogOptions {
  /** Where the file is; null: there is none. */
  folder: string | null;
  /** Where the folder was said. */
  place: string;
  /** Lines for the terminal, without their end. */
  terminal: (line: string) => void;
  now?: () => Date;
  mostBytes?: number;
}

/**
 * Opens `planner.log` in the folder, which is made where it is not there; what stands in it already, stays. Lines have the time (UTC, ISO
 * 8601) and a level.
 * @throws UserError PLANNER_LOG_DIR
 */
export function openPlannerLog(options: PlannerLogOptions): PlannerLog {
  const { folder, place, terminal, now = () => new Date(), mostBytes = MOST_BYTES } = options;
  const path = folder === null ? null : join(folder, PLANNER_LOG);
  let file = path === null ? null : opened(path, folder!, place);
  const write = (level: "INFO" | "WARNING" | "ERROR", text: string) => {
    if (file === null || path === null) return;
    try {
      if (fstatSync(file).size > mostBytes) file = turnedOver(file, path);
      // One line each, whatever a reason brings along.
      writeSync(file, `${now().toISOString()} ${level} ${text.replace(/\s*\n\s*/g, " ")}\n`);
    } catch (error) {
      // Decisions go on without it.
      file = null;
      terminal(`warning: ${path} can't be written any more: ${(error as Error).message}`);
    }
  };
  return {
    info(text) {
      terminal(text);
      write("INFO", text);
    },
    warn(text) {
      terminal(`warning: ${text}`);
      write("WARNING", text);
    },
    failed: (text) => write("ERROR", text),
    close() {
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}

function opened(path: string, folder: string, place: string): number {
  try {
    makeFolder(folder);
    return openSync(path, "a", 0o640);
  } catch (error) {
    throw new UserError({
      code: "PLANNER_LOG_DIR",
      where: place,
      message: `found "${folder}", expected a folder for ${PLANNER_LOG}: ${(error as Error).message}`,
      hint: "log_dir takes a folder that can be made or written in; null: stderr alone",
      cause: error,
    });
  }
}

/** The newest file aside is `.1`; the oldest goes. */
function turnedOver(file: number, path: string): number {
  closeSync(file);
  for (let i = KEPT_FILES - 1; i >= 0; i--) {
    try {
      renameSync(i === 0 ? path : `${path}.${i}`, `${path}.${i + 1}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return openSync(path, "a", 0o640);
}
