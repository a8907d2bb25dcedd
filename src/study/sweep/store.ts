import { existsSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeFolder } from "#common";
import { storeTaken, storeUnreadable } from "./errors.ts";
import type { RunOutcome } from "./types.ts";

/** Version of the tables; a number goes up when a column changes its meaning. */
const LAYOUT = 1;

const TABLES = `
  CREATE TABLE IF NOT EXISTS layout (version INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS runs (
    key TEXT PRIMARY KEY, candidate TEXT NOT NULL, seed INTEGER, outcome TEXT NOT NULL
  ) WITHOUT ROWID;`;

/** A run as it is kept: `key` names all that its outcome depends on. */
export interface StoredRun {
  key: string;
  /** For people who look into the file. */
  candidate: string;
  seed: number | null;
  outcome: RunOutcome;
}

/** Outcomes of runs in one SQLite file: what is added is there to stay, whatever becomes of the process. */
export class ResultStore {
  readonly #database: DatabaseSync;
  readonly #insert: ReturnType<DatabaseSync["prepare"]>;
  readonly #select: ReturnType<DatabaseSync["prepare"]>;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insert = database.prepare("INSERT OR REPLACE INTO runs (key, candidate, seed, outcome) VALUES (?, ?, ?, ?)");
    this.#select = database.prepare("SELECT outcome FROM runs WHERE key = ?");
  }

  /**
   * @param resume whether results that are there already are used; without, there must be none
   * @throws UserError STUDY_STORE_TAKEN, STUDY_STORE_UNREADABLE
   */
  static open(file: string, resume: boolean): ResultStore {
    if (existsSync(file) && !resume) throw storeTaken(file);
    makeFolder(dirname(file));
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(file);
      // A write-ahead log: readers look on while a sweep runs, and a commit is one append.
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
      database.exec(TABLES);
      const row = database.prepare("SELECT version FROM layout").get() as { version: number } | undefined;
      if (row === undefined) database.exec(`INSERT INTO layout VALUES (${LAYOUT})`);
      else if (row.version !== LAYOUT) throw storeUnreadable(file, `the layout ${row.version}, not ${LAYOUT}`);
      return new ResultStore(database);
    } catch (error) {
      database?.close();
      if ((error as { code?: string }).code !== "ERR_SQLITE_ERROR") throw error;
      throw storeUnreadable(file, `something else (${(error as Error).message})`, error);
    }
  }

  get(key: string): RunOutcome | undefined {
    const row = this.#select.get(key) as { outcome: string } | undefined;
    return row === undefined ? undefined : (JSON.parse(row.outcome) as RunOutcome);
  }

  put({ key, candidate, seed, outcome }: StoredRun): void {
    this.#insert.run(key, candidate, seed, JSON.stringify(outcome));
  }

  /** Everything is in the one file when the last who has it open has done so. */
  close(): void {
    this.#database.close();
  }
}

/** Takes a store away that nothing was put into. */
export function removeStore(file: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${file}${suffix}`, { force: true });
}
