import { type HttpClient, reasonOf } from "../http-client.ts";
import { parseRequestEvents, type RequestEvent } from "../wire.ts";

/** What a reading of the feed brought. `gap`: events between the last reading and this one are lost. */
export type FeedReading =
  | { kind: "events"; events: RequestEvent[]; gap: boolean; restarted: boolean }
  | { kind: "absent" }
  | { kind: "failed"; reason: string };

/** One frontend's `GET /requests?since=N`, read from where it was left. */
export class RequestFeed {
  readonly #client: HttpClient;
  readonly #url: string;
  /** Last event seen; seq 0 where there was none; null before the first reading. */
  #last: { seq: number; requestId: string; at: number } | null = null;

  constructor(client: HttpClient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  async read(): Promise<FeedReading> {
    try {
      const last = this.#last;
      // The last event is asked for again: where it is not there, the ring has overflowed or the frontend was restarted.
      const answer = await this.#fetch(Math.max(0, (last?.seq ?? 0) - 1));
      if (answer === null) return { kind: "absent" };
      if (last === null) return this.#taken(answer, false, false);
      const [first] = answer;
      if (last.seq === 0) return this.#taken(answer, first !== undefined && first.seq > 1, false);
      if (first?.seq === last.seq && first.requestId === last.requestId && first.at === last.at) {
        return this.#taken(answer.slice(1), false, false);
      }
      if (first !== undefined && first.seq > last.seq) return this.#taken(answer, true, false);
      return this.#taken((await this.#fetch(0)) ?? [], true, true);
    } catch (error) {
      return { kind: "failed", reason: reasonOf(error) };
    }
  }

  #taken(events: RequestEvent[], gap: boolean, restarted: boolean): FeedReading {
    const none = { seq: 0, requestId: "", at: 0 };
    this.#last = events.at(-1) ?? (restarted ? none : (this.#last ?? none));
    return { kind: "events", events, gap, restarted };
  }

  /** Null where the frontend has no such feed. */
  async #fetch(since: number): Promise<RequestEvent[] | null> {
    const { status, text } = await this.#client.get(`${this.#url}/requests?since=${since}`);
    if (status === 404 || status === 405 || status === 501) return null;
    if (status !== 200) throw new Error(`/requests answered ${status}`);
    return parseRequestEvents(text);
  }
}
