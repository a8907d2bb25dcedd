import type { WaitingRoom } from "./waiting-room.ts";

const PLACES = "places";

/** Counts the requests that are being served, and lets no more in than may be. */
export class InFlight {
  readonly #limit: number;
  readonly #room: WaitingRoom;
  readonly #idle: (() => void)[] = [];
  /** Served now, those that wait for a place included. */
  #open = 0;
  #placed = 0;

  constructor(limit: number, room: WaitingRoom) {
    this.#limit = limit;
    this.#room = room;
  }

  get count(): number {
    return this.#open;
  }

  /** A request has come; every one must end. */
  begin(): void {
    this.#open++;
  }

  end(): void {
    this.#open--;
    if (this.#open === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Waits for a place at the workers. @throws OpenAiError 429 or 503 */
  enter(signal: AbortSignal): Promise<true> | true {
    return this.#room.waitFor(
      PLACES,
      () => {
        if (this.#placed >= this.#limit) return null;
        this.#placed++;
        return true;
      },
      signal,
      "a free place",
    );
  }

  leave(): void {
    this.#placed--;
    this.#room.wake(PLACES);
  }

  /** Resolves when no request is being served. */
  whenIdle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}
