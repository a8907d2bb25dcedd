import { createHash, type Hash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import type { Cell, Memory, ResultStore, RunOutcome } from "#src/study";
import { filesNamedIn } from "../sharding/referenced-files.ts";
import { packageVersion } from "../version.ts";
import type { SweepCommon, SweepRun } from "./evaluate.ts";

/** Names of runs of one scenario file by all that their outcome depends on: the version, the scenario, the files it names, what is set. */
export class RunKeys {
  readonly #base: string;
  readonly #folder: string;
  /** Of named files and folders by their places: each is read once. */
  readonly #digests = new Map<string, string>();

  /** @param common what all runs have in common, JSON */
  constructor(file: string, common: unknown) {
    this.#folder = dirname(file);
    const text = readFileSync(file, "utf8");
    const hash = createHash("sha256").update(JSON.stringify([packageVersion(), common, text]));
    this.#addNamed(hash, parse(text));
    this.#base = hash.digest("hex");
  }

  /** @param more what else makes a difference, JSON */
  of({ set, seed }: Pick<SweepRun, "set" | "seed">, more: unknown = {}): string {
    const hash = createHash("sha256").update(JSON.stringify([this.#base, set, seed, more]));
    this.#addNamed(hash, set);
    return hash.digest("hex");
  }

  #addNamed(hash: Hash, value: unknown): void {
    for (const { place } of filesNamedIn(value, this.#folder)) {
      const digest = this.#digests.get(place) ?? digestOf(place);
      this.#digests.set(place, digest);
      hash.update(digest);
    }
  }
}

/** Runs by all that their outcome depends on: the version, the scenario, the files it names, what is set, the seed. */
export class SweepMemory implements Memory {
  readonly #store: ResultStore | null;
  readonly #ofRun = new Map<string, RunOutcome>();
  readonly #keys: RunKeys;
  readonly #runOf: (cell: Cell) => SweepRun;
  readonly #textOf: (cell: Cell) => string;

  /** @param store null: nothing is kept beyond this process */
  constructor(
    store: ResultStore | null,
    file: string,
    common: Omit<SweepCommon, "rowsInMemory">,
    cells: { runOf(cell: Cell): SweepRun; textOf(cell: Cell): string },
  ) {
    this.#store = store;
    this.#keys = new RunKeys(file, common);
    this.#runOf = cells.runOf;
    this.#textOf = cells.textOf;
  }

  get(cell: Cell): RunOutcome | undefined {
    const key = this.#key(cell);
    return this.#ofRun.get(key) ?? this.#store?.get(key);
  }

  put(cell: Cell, outcome: RunOutcome): void {
    const key = this.#key(cell);
    if (this.#store === null) this.#ofRun.set(key, outcome);
    else this.#store.put({ key, candidate: this.#textOf(cell), seed: cell.seed, outcome });
  }

  #key(cell: Cell): string {
    const { set, seed, ...rest } = this.#runOf(cell);
    const { file: _file, ...more } = rest;
    return this.#keys.of({ set, seed }, more);
  }
}

/** Of a file, or of all files below a folder and their names. */
function digestOf(place: string): string {
  const hash = createHash("sha256");
  if (!statSync(place).isDirectory()) return hash.update(readFileSync(place)).digest("hex");
  for (const name of readdirSync(place, { recursive: true, encoding: "utf8" }).sort()) {
    const file = join(place, name);
    if (statSync(file).isFile()) hash.update(name).update(readFileSync(file));
  }
  return hash.digest("hex");
}
