import type { Judge } from "../judge.ts";
import { addTo, emptyWindow, type WindowSums } from "../window-sums.ts";
import type { RequestEvent } from "../wire.ts";

/** Requests whose prompts are remembered at most; older ones are judged no more. */
const MAX_OPEN = 200_000;
/** Weight of the newest request in the running share of cached prompt tokens. */
const CACHED_SHARE_WEIGHT = 0.02;

/** Turns one frontend's request events into windows by the events' own time. */
export class RequestWindow {
  readonly #judge: Judge;
  /** Not yet counted, in the order of the feed. */
  #pending: RequestEvent[] = [];
  /** Prompt length by request. */
  readonly #open = new Map<string, number>();
  /** Share of prompt tokens that recent requests had cached; for first tokens that don't say. */
  #cachedShare = 0;
  #seenPrefilled = false;

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  add(events: readonly RequestEvent[]): void {
    for (const event of events) this.#pending.push(event);
  }

  /**
   * Counts what happened until `toUnixS`. What happened before `fromUnixS` only tells of open requests; what came late in
   * the last window, but belonged there, can be had by an earlier `fromUnixS`.
   */
  take(fromUnixS: number, toUnixS: number): WindowSums {
    const window = { ...emptyWindow(), started: 0 };
    if (this.#judge.idlePrefillMs === null) window.prefillProfiledS = null;
    const later: RequestEvent[] = [];
    for (const event of this.#pending) {
      // At the very instant, what ends comes before the end of the window and what begins after it.
      if (event.at > toUnixS || (event.kind === "started" && event.at === toUnixS)) later.push(event);
      else this.#count(event, event.at >= fromUnixS ? window : null);
    }
    this.#pending = later;
    return window;
  }

  /** The frontend began anew: its requests are gone. */
  forget(): void {
    this.#open.clear();
    this.#pending = [];
  }

  #count(event: RequestEvent, window: (WindowSums & { started: number }) | null): void {
    switch (event.kind) {
      case "started":
        this.#open.set(event.requestId, event.isl);
        if (this.#open.size > MAX_OPEN) this.#open.delete(this.#open.keys().next().value!);
        if (window === null) return;
        window.started++;
        window.startedIsl.push(event.isl);
        return;
      case "prefilled":
        this.#seenPrefilled = true;
        this.#prefilled(window, event.isl, event.cachedTokens);
        return;
      case "first_token":
        this.#firstToken(event, window);
        return;
      case "finished":
        this.#finished(event, window);
        return;
      case "failed":
        this.#open.delete(event.requestId);
    }
  }

  #firstToken(event: RequestEvent & { kind: "first_token" }, window: WindowSums | null): void {
    const isl = this.#open.get(event.requestId);
    if (window !== null) addTo(window.ttftMs, event.ttftMs);
    if (isl === undefined) return;
    const cached = event.cachedTokens ?? Math.floor(isl * this.#cachedShare);
    if (!this.#seenPrefilled) this.#prefilled(window, isl, cached);
    if (window === null || !this.#judge.feasible(isl)) return;
    window.ttftJudged++;
    if (event.ttftMs <= this.#judge.sla.ttftMs) window.ttftMet++;
  }

  #finished(event: RequestEvent & { kind: "finished" }, window: WindowSums | null): void {
    this.#open.delete(event.requestId);
    const share = event.isl > 0 ? event.cachedTokens / event.isl : 0;
    this.#cachedShare += (share - this.#cachedShare) * CACHED_SHARE_WEIGHT;
    if (window === null) return;
    window.completed++;
    addTo(window.isl, event.isl);
    addTo(window.cachedTokens, event.cachedTokens);
    addTo(window.osl, event.osl);
    addTo(window.durationMs, event.durationMs);
    if (event.itlMs === null) return;
    addTo(window.itlMs, event.itlMs);
    if (!this.#judge.feasible(event.isl)) return;
    window.itlJudged++;
    if (event.itlMs <= this.#judge.sla.itlMs) window.itlMet++;
  }

  #prefilled(window: WindowSums | null, isl: number, cachedTokens: number): void {
    const { idlePrefillMs } = this.#judge;
    if (window === null || idlePrefillMs === null || window.prefillProfiledS === null) return;
    window.prefillCount++;
    window.prefillProfiledS += idlePrefillMs(isl, cachedTokens) / 1000;
  }
}
