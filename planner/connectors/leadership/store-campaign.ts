import { type Pace, realPace } from "../pace.ts";
import type { KeyValueStore } from "../stores/types.ts";
import type { Campaign } from "./elector.ts";

/** What stands in the ballot. */
interface Ballot {
  holder: string;
  /** Others leave the holder alone for so long after they last saw the ballot change, ms. */
  leaseMs: number;
  /** Grows with each change of the holder. */
  transitions: number;
}

export interface StoreCampaignOptions {
  store: KeyValueStore;
  /** Key of the ballot. */
  key: string;
  identity: string;
  leaseMs: number;
  pace?: Pace;
}

/**
 * A ballot under one key of a store. The leader writes it again and again; whoever has not seen it change for a lease's time by
 * his own clock may take it over, so clocks need not agree.
 */
export class StoreCampaign implements Campaign {
  readonly #options: StoreCampaignOptions;
  readonly #pace: Pace;
  #seen: { ballot: Ballot; revision: number; atMs: number } | null = null;

  constructor(options: StoreCampaignOptions) {
    this.#options = options;
    this.#pace = options.pace ?? realPace;
  }

  get holder(): string | null {
    return this.#seen?.ballot.holder || null;
  }

  get leftMs(): number | null {
    const seen = this.#seen;
    return seen === null ? null : seen.atMs + seen.ballot.leaseMs - this.#pace.nowMs();
  }

  async attempt(): Promise<boolean> {
    await this.#look();
    const { identity, leaseMs } = this.#options;
    const seen = this.#seen;
    const holder = seen?.ballot.holder ?? "";
    if (holder !== "" && holder !== identity && this.leftMs! > 0) return false;
    const transitions = (seen?.ballot.transitions ?? -1) + (holder === identity ? 0 : 1);
    return this.#cast({ holder: identity, leaseMs, transitions });
  }

  async resign(): Promise<void> {
    await this.#look();
    if (this.#seen?.ballot.holder !== this.#options.identity) return;
    await this.#cast({ ...this.#seen.ballot, holder: "" });
  }

  async close(): Promise<void> {
    await this.#options.store.close();
  }

  async #look(): Promise<void> {
    const { store, key } = this.#options;
    const found = (await store.read(key)).values.get(key);
    if (found === undefined) {
      this.#seen = null;
    } else if (this.#seen?.revision !== found.revision) {
      this.#seen = { ballot: ballotOf(found.value), revision: found.revision, atMs: this.#pace.nowMs() };
    }
  }

  async #cast(ballot: Ballot): Promise<boolean> {
    const { store, key } = this.#options;
    const expect = { [key]: this.#seen?.revision ?? 0 };
    const isCast = await store.commit({ expect, write: { [key]: JSON.stringify(ballot) } });
    await this.#look();
    return isCast;
  }
}

/** Text that is no ballot is nobody's: it may be overwritten at once. */
function ballotOf(text: string): Ballot {
  const nobody: Ballot = { holder: "", leaseMs: 0, transitions: 0 };
  try {
    const found = JSON.parse(text) as Partial<Ballot>;
    if (typeof found.holder !== "string" || typeof found.leaseMs !== "number") return nobody;
    const { holder, leaseMs, transitions } = found;
    return { holder, leaseMs, transitions: typeof transitions === "number" ? transitions : 0 };
  } catch {
    return nobody;
  }
}
