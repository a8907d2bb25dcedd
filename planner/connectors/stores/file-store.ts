import { randomUUID } from "node:crypto";
import { link, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "#common";
import { realPace } from "../pace.ts";
import { under } from "./memory-store.ts";
import { type KeyValueStore, type StoredValue, StoreUnavailable, type StoreView, type Transaction } from "./types.ts";

export interface FileStoreOptions {
  /** How often a watcher looks, ms. */
  pollMs?: number;
}

/** One state of the store, as its file holds it. */
interface Generation {
  revision: number;
  /** Tells who wrote it, so that a writer can see whether its generation has been built upon. */
  id: string;
  parent: string | null;
  values: Record<string, StoredValue>;
}

const NAME = /^(\d{12})\.json$/;
/** Generations that are kept, and for how long at least. A writer that slept for longer finds out by `parent`. */
const KEPT = 16;
const KEPT_MS = 60_000;
/** Attempts against others who write at the same time. */
const ATTEMPTS = 100;
const EMPTY: Generation = { revision: 0, id: "none", parent: null, values: {} };

/**
 * A store in a folder that several processes (of several machines, on a shared file system) may use at once: every
 * transaction makes the next numbered file by a hard link, which exactly one of several writers can; nobody holds a lock, so a
 * killed writer blocks nobody.
 */
export class FileStore implements KeyValueStore {
  readonly kind = "file";
  readonly place: string;
  readonly #folder: string;
  readonly #pollMs: number;

  constructor(folder: string, options: FileStoreOptions = {}) {
    this.#folder = folder;
    this.place = `file:${folder}`;
    this.#pollMs = options.pollMs ?? 200;
  }

  async read(prefix: string): Promise<StoreView> {
    const { revision, values } = await this.#latest();
    return { revision, values: under(Object.entries(values), prefix) };
  }

  async commit({ expect = {}, write }: Transaction): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const latest = await this.#latest();
      for (const [key, revision] of Object.entries(expect)) {
        if ((latest.values[key]?.revision ?? 0) !== revision) return false;
      }
      if (await this.#append(following(latest, write))) return true;
    }
    throw new StoreUnavailable(`${this.place}: others write without pause`);
  }

  async changed(prefix: string, revision: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const endMs = realPace.nowMs() + timeoutMs;
    for (;;) {
      if (signal?.aborted) return false;
      const latest = await this.#highest();
      if (latest > revision && (await this.#touched(prefix, revision))) return true;
      const leftMs = endMs - realPace.nowMs();
      if (leftMs <= 0) return false;
      await realPace.sleep(Math.min(this.#pollMs, leftMs), signal);
    }
  }

  async close(): Promise<void> {}

  /** Whether a key under the prefix was written after `revision`; where a key has gone nobody can tell which, so it counts. */
  async #touched(prefix: string, revision: number): Promise<boolean> {
    const { values } = await this.#latest();
    const before = await this.#generation(revision);
    if (before === null) return true;
    for (const [key, { revision: written }] of Object.entries(values)) {
      if (key.startsWith(prefix) && written > revision) return true;
    }
    return Object.keys(before.values).some((key) => key.startsWith(prefix) && values[key] === undefined);
  }

  /** @returns false where somebody else was first */
  async #append(generation: Generation): Promise<boolean> {
    const { revision, id } = generation;
    const temporary = join(this.#folder, `.${id}.tmp`);
    try {
      makeFolder(this.#folder);
    } catch (error) {
      throw unavailable(this.place, error);
    }
    try {
      const file = await open(temporary, "wx");
      try {
        await file.writeFile(`${JSON.stringify(generation, null, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await link(temporary, this.#path(revision));
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw unavailable(this.place, error);
    } finally {
      await rm(temporary, { force: true });
    }
    if (!(await this.#isInLine(generation))) {
      await rm(this.#path(revision), { force: true });
      return false;
    }
    await this.#sweep(revision);
    return true;
  }

  /**
   * A writer that slept for more than a minute may have filled a number that was taken and swept away since: then later
   * generations don't build upon its own.
   */
  async #isInLine({ revision, id }: Generation): Promise<boolean> {
    if ((await this.#highest()) === revision) return true;
    const next = await this.#generation(revision + 1);
    return next !== null && next.parent === id;
  }

  async #latest(): Promise<Generation> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const revision = await this.#highest();
      if (revision === 0) return EMPTY;
      const generation = await this.#generation(revision);
      if (generation !== null) return generation;
    }
    throw new StoreUnavailable(`${this.place}: files vanish while they are read`);
  }

  async #highest(): Promise<number> {
    try {
      let highest = 0;
      for (const name of await readdir(this.#folder)) {
        const number = NAME.exec(name)?.[1];
        if (number !== undefined) highest = Math.max(highest, Number(number));
      }
      return highest;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return 0;
      throw unavailable(this.place, error);
    }
  }

  /** null where it has been swept away. */
  async #generation(revision: number): Promise<Generation | null> {
    if (revision === 0) return EMPTY;
    let text: string;
    try {
      text = await readFile(this.#path(revision), "utf8");
    } catch (error) {
      if (codeOf(error) === "ENOENT") return null;
      throw unavailable(this.place, error);
    }
    try {
      const found = JSON.parse(text) as Generation;
      if (found.revision === revision && typeof found.values === "object" && found.values !== null) return found;
    } catch {
      // Told below, as any other content that is not ours.
    }
    throw new StoreUnavailable(`${this.#path(revision)} is not a generation of a store; delete it`);
  }

  async #sweep(revision: number): Promise<void> {
    const oldest = Date.now() - KEPT_MS;
    for (const name of await readdir(this.#folder)) {
      const number = NAME.exec(name)?.[1];
      const isOurs = number === undefined ? /^\.[0-9a-f-]{36}\.tmp$/.test(name) : Number(number) <= revision - KEPT;
      if (!isOurs) continue;
      const path = join(this.#folder, name);
      const found = await stat(path).catch(() => null);
      if (found !== null && found.mtimeMs < oldest) await rm(path, { force: true });
    }
  }

  #path(revision: number): string {
    return join(this.#folder, `${String(revision).padStart(12, "0")}.json`);
  }
}

function following(latest: Generation, write: Transaction["write"]): Generation {
  const revision = latest.revision + 1;
  const values = { ...latest.values };
  for (const [key, value] of Object.entries(write)) {
    if (value === null) delete values[key];
    else values[key] = { value, revision };
  }
  return { revision, id: randomUUID(), parent: latest.id, values };
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function unavailable(place: string, error: unknown): StoreUnavailable {
  return new StoreUnavailable(`${place}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}
