import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "#common";
import type { PipelineLog } from "../sweep/hooks.ts";

export type LogLevel = "INFO" | "WARNING" | "ERROR";

/** One line for people who watch. */
export interface ConsoleLine {
  level: LogLevel;
  text: string;
  /** As in the log file: time, logger, level. */
  formatted: string;
  /** ms since the run began. */
  elapsedMs: number;
}

/** Log of a run: all of it in `profile_sla.log`, what matters on the console too. */
export interface RunLog extends PipelineLog {
  readonly warnings: readonly string[];
  close(): void;
}

export interface RunLogOptions {
  folder: string;
  now: () => Date;
  startedAt: number;
  console?: (line: ConsoleLine) => void;
}

export const LOG_FILE = "profile_sla.log";
/** The profiler runs as a script, whose logger Python calls this. */
const LOGGER = "__main__";

/** Opens the log; an earlier run's stays above it. */
export function openRunLog({ folder, now, startedAt, console }: RunLogOptions): RunLog {
  makeFolder(folder);
  const file = openSync(join(folder, LOG_FILE), "a");
  const warnings: string[] = [];
  let open = true;
  const write = (level: LogLevel, text: string, shown: boolean) => {
    const at = now();
    // One line each, whatever a reason brings along.
    const formatted = `${timestamp(at)} - ${LOGGER} - ${level} - ${text.replace(/\s*\n\s*/g, " ")}`;
    if (open) writeSync(file, `${formatted}\n`);
    if (shown) console?.({ level, text, formatted, elapsedMs: at.getTime() - startedAt });
  };
  return {
    warnings,
    info: (text) => write("INFO", text, true),
    detail: (text) => write("INFO", text, false),
    warning: (text) => {
      const isNew = !warnings.includes(text);
      if (isNew) warnings.push(text);
      // Said once to people, however often it comes up.
      write("WARNING", text, isNew);
    },
    error: (text) => write("ERROR", text, true),
    close: () => {
      if (open) closeSync(file);
      open = false;
    },
  };
}

/** `2025-05-16 15:20:24`, local time, as Python's logging has it. */
function timestamp(at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `mm:ss` since the run began, hours counted in minutes. */
export function minutesSeconds(elapsedMs: number): string {
  const seconds = Math.floor(elapsedMs / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
}
