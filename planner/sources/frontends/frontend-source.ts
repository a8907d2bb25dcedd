import type { Clock } from "#common";
import type { HttpClient } from "../http-client.ts";
import type { Judge } from "../judge.ts";
import { isSameModel } from "../model-name.ts";
import type { WindowSums } from "../window-sums.ts";
import type { RequestEvent } from "../wire.ts";
import { FrontendMetrics } from "./frontend-metrics.ts";
import { RequestFeed } from "./request-feed.ts";
import { RequestWindow } from "./request-window.ts";

/** What a frontend contributes to a window. `missing`: it should be there, but what it did is not (fully) known. */
export interface FrontendWindow {
  sums: WindowSums | null;
  missing: boolean;
  problem: string | null;
}

export interface FrontendSourceOptions {
  clock: Clock;
  /** Null: all of them. */
  model: string | null;
  staleMs: number;
  /** Where the first window begins, model ms. */
  startMs: number;
}

/** A frontend's clock may be so much ahead of ours: requests and answers take their time, and clocks differ a little. */
const TOLERATED_AHEAD_S = 1;

/** One frontend: by its request feed where it has one, by its metrics where not. */
export class FrontendSource {
  readonly #url: string;
  readonly #clock: Clock;
  readonly #staleMs: number;
  readonly #model: string | null;
  readonly #feed: RequestFeed;
  readonly #requests: RequestWindow;
  readonly #metrics: FrontendMetrics;
  #hasFeed = true;
  /** Something was lost since the last window. */
  #gap = false;
  #failure: string | null = null;
  /** How much its clock is ahead of ours, s; 0 where that is tolerated. */
  #aheadS = 0;
  #lastAnswerMs: number;
  /** Events before it belong to windows that were given out without them, Unix seconds. */
  #countsFromS: number;
  #reading: Promise<void> | null = null;

  constructor(client: HttpClient, url: string, judge: Judge, options: FrontendSourceOptions) {
    const { clock, model, staleMs, startMs } = options;
    this.#url = url;
    this.#clock = clock;
    this.#staleMs = staleMs;
    this.#model = model;
    this.#feed = new RequestFeed(client, url);
    this.#requests = new RequestWindow(judge);
    this.#metrics = new FrontendMetrics(client, url, judge, model);
    this.#lastAnswerMs = startMs;
    this.#countsFromS = clock.toUnixMs(startMs) / 1000;
  }

  /** Reads on, so that nothing falls out of the frontend's ring; one reading at a time. */
  poll(): Promise<void> {
    if (!this.#hasFeed) return Promise.resolve();
    this.#reading ??= this.#readFeed().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  /** Metrics have no time of their own: the first scrape makes the start of the first window. */
  async begin(): Promise<void> {
    await this.poll();
    if (!this.#hasFeed) await this.#metrics.read(0, this.#clock.nowMs());
  }

  async window(startMs: number, endMs: number): Promise<FrontendWindow> {
    // A reading that is under way may have been answered before the window's end.
    await this.#reading;
    await this.poll();
    return this.#hasFeed ? this.#feedWindow(endMs) : await this.#metricsWindow(startMs, endMs);
  }

  async #readFeed(): Promise<void> {
    const reading = await this.#feed.read();
    if (reading.kind === "absent") {
      this.#hasFeed = false;
      return;
    }
    if (reading.kind === "failed") {
      this.#failure = reading.reason;
      return;
    }
    this.#failure = null;
    this.#lastAnswerMs = this.#clock.nowMs();
    if (reading.gap) this.#gap = true;
    if (reading.restarted) this.#requests.forget();
    const model = this.#model;
    this.#requests.add(
      this.#atOurTime(
        model === null ? reading.events : reading.events.filter((event) => isSameModel(event.model, model)),
      ),
    );
  }

  /**
   * Nothing has happened later than now: such events would wait for windows to come, and traffic would look like none. The
   * frontend's clock is ahead, then, and its events are taken back by as much.
   */
  #atOurTime(events: readonly RequestEvent[]): readonly RequestEvent[] {
    const nowS = this.#clock.toUnixMs(this.#clock.nowMs()) / 1000;
    const newestS = events.reduce((newest, { at }) => Math.max(newest, at), Number.NEGATIVE_INFINITY);
    if (newestS - nowS > TOLERATED_AHEAD_S) this.#aheadS = Math.max(this.#aheadS, newestS - nowS);
    return this.#aheadS === 0 ? events : events.map((event) => ({ ...event, at: event.at - this.#aheadS }));
  }

  #feedWindow(endMs: number): FrontendWindow {
    const endS = this.#clock.toUnixMs(endMs) / 1000;
    if (this.#failure !== null) return this.#missing(this.#failure, endS, endMs);
    const sums = this.#requests.take(this.#countsFromS, endS);
    this.#countsFromS = Number.NEGATIVE_INFINITY;
    if (!this.#gap) return { sums, missing: false, problem: this.#clockProblem() };
    this.#gap = false;
    return { sums, missing: true, problem: `frontend ${this.#url}: some of its request events are lost` };
  }

  #clockProblem(): string | null {
    return this.#aheadS === 0 ? null : `frontend ${this.#url}: its clock is ahead of the planner's`;
  }

  async #metricsWindow(startMs: number, endMs: number): Promise<FrontendWindow> {
    const reading = await this.#metrics.read(startMs, endMs);
    if (reading.kind === "failed") return this.#missing(reading.reason, this.#countsFromS, endMs);
    this.#lastAnswerMs = endMs;
    return { sums: reading.window, missing: false, problem: null };
  }

  #missing(reason: string, countsFromS: number, nowMs: number): FrontendWindow {
    this.#countsFromS = countsFromS;
    const gone = nowMs - this.#lastAnswerMs > this.#staleMs;
    return { sums: null, missing: !gone, problem: `frontend ${this.#url}: ${reason}` };
  }
}
