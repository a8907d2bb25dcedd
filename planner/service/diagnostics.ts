import { accessSync, createWriteStream, constants as fileAccess, renameSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { constants, createGzip, type Gzip } from "node:zlib";
import { makeFolder, writeFileAtomically } from "#common";
import type { TickSnapshot } from "./types.ts";

/** Name of the log's format, as Dynamo's planner writes it into the first line. */
export const LOG_SCHEMA = "planner_diagnostics_snapshot_log_v1";

export interface DiagnosticsOptions {
  folder: string;
  /** Base name without ending; null: `planner_report_<date>_<time>_<NNN>`. */
  filename: string | null;
  /** Whether snapshots are logged, one a line. */
  writeLog: boolean;
  /** What the planner was told: the log's first line, and the report's heading. */
  metadata: Record<string, unknown>;
  /** The report's page, of the ticks after one; asked for when a report is due. */
  page: (afterTick: number) => string;
  /** Unix ms. */
  nowUnixMs: () => number;
  /** Told once why the log can't be written. */
  warn: (text: string) => void;
}

interface Log {
  base: string;
  gzip: Gzip;
  file: WriteStream;
  lines: number;
}

/** Snapshots after which the log is forced to the disk, so that a crash costs no more. */
const FLUSH_EVERY = 12;

/** The report of what a planner did, and beside it the log of all its ticks; both have their names only once they are whole. */
export class Diagnostics {
  readonly #options: DiagnosticsOptions;
  #log: Log | null = null;
  /** The log could not be written: there is none until the next report. */
  #isBroken = false;
  #reports = 0;
  #lastTick = 0;
  #reportedTick = 0;

  /** @throws the system's error where the folder can't be made or written in */
  constructor(options: DiagnosticsOptions) {
    this.#options = options;
    makeFolder(options.folder);
    accessSync(options.folder, fileAccess.W_OK);
  }

  record(snapshot: TickSnapshot): void {
    this.#lastTick = snapshot.tick;
    if (!this.#options.writeLog || this.#isBroken) return;
    this.#log ??= this.#open();
    this.#log.gzip.write(`${JSON.stringify({ kind: "snapshot", ...snapshot })}\n`);
    if (++this.#log.lines % FLUSH_EVERY === 0) this.#log.gzip.flush(constants.Z_SYNC_FLUSH);
  }

  /**
   * Writes the report of all ticks since the report before, and ends the log that belongs to it.
   * @returns the files' paths; none where there has been no tick
   */
  async report(): Promise<string[]> {
    const { folder } = this.#options;
    if (this.#lastTick === this.#reportedTick) return [];
    this.#isBroken = false;
    const base = this.#log?.base ?? this.#nextBase();
    const report = join(folder, `${base}.html`);
    const last = this.#lastTick;
    writeFileAtomically(report, this.#options.page(this.#reportedTick));
    this.#reportedTick = last;
    const paths = [report];
    if (this.#log !== null) {
      const { gzip, file } = this.#log;
      this.#log = null;
      gzip.end();
      await finished(file);
      const path = join(folder, `${base}.log.jsonl.gz`);
      renameSync(file.path as string, path);
      paths.push(path);
    }
    return paths;
  }

  #open(): Log {
    const { folder, metadata, nowUnixMs } = this.#options;
    const base = this.#nextBase();
    const file = createWriteStream(join(folder, `.${base}.log.jsonl.gz.part`));
    const gzip = createGzip();
    gzip.pipe(file);
    const began = new Date(nowUnixMs()).toISOString();
    gzip.write(`${JSON.stringify({ kind: "metadata", schema: LOG_SCHEMA, began, ...metadata })}\n`);
    const log = { base, gzip, file, lines: 0 };
    for (const stream of [file, gzip]) stream.on("error", (error: Error) => this.#giveUp(log, error));
    return log;
  }

  /** A full disk must not end a planner. */
  #giveUp(log: Log, error: Error): void {
    if (this.#log !== log) return;
    this.#log = null;
    this.#isBroken = true;
    log.gzip.destroy();
    log.file.destroy();
    this.#options.warn(`the log of ticks can't be written, there is none until the next report: ${error.message}`);
  }

  /** `planner_report_20261124_093000_001`; a name that is given gets numbers from the second report on. */
  #nextBase(): string {
    const { filename, nowUnixMs } = this.#options;
    const number = String(++this.#reports).padStart(3, "0");
    if (filename !== null) {
      const plain = filename.replace(/\.html$/, "");
      return this.#reports === 1 ? plain : `${plain}_${number}`;
    }
    const [date, time] = new Date(nowUnixMs())
      .toISOString()
      .replace(/\.\d+Z$/, "")
      .split("T") as [string, string];
    return `planner_report_${date.replaceAll("-", "")}_${time.replaceAll(":", "")}_${number}`;
  }
}
