import type { Observation } from "#planner/core";
import type { RequestTable } from "#src/record";
import type { Outcomes } from "./outcomes.ts";

/** What is read of a request that has ended. */
interface FinishedRows extends Pick<Outcomes, "sentMs"> {
  pages: Pick<Outcomes["pages"], "page" | "row">;
}

/** Counts one planner window: what arrived, what ended, and how it compares with the SLA. */
export class WindowObserver {
  readonly #sla: { ttftMs: number; itlMs: number };
  readonly #feasible: Uint8Array;
  readonly #isRead: boolean;
  #started = 0;
  #startedIsl: number[] = [];
  #completed = 0;
  #islSum = 0;
  #cachedSum = 0;
  #oslSum = 0;
  #durationSum = 0;
  #ttftCount = 0;
  #ttftSum = 0;
  #ttftJudged = 0;
  #ttftMet = 0;
  #itlCount = 0;
  #itlSum = 0;
  #itlJudged = 0;
  #itlMet = 0;
  #prefillProfiledS = 0;
  #prefillCount = 0;

  /** Completed requests of the run so far that missed the SLA, of those that could keep it. */
  missed = 0;

  /** @param isRead whether anybody takes its windows; where nobody does, it need not keep their prompts */
  constructor(sla: { ttftMs: number; itlMs: number }, feasible: Uint8Array, isRead = true) {
    this.#isRead = isRead;
    this.#sla = sla;
    this.#feasible = feasible;
  }

  arrived(isl: number): void {
    this.#started++;
    if (this.#isRead) this.#startedIsl.push(isl);
  }

  /** A prompt was computed; `profiledMs` is what an idle engine would have taken. */
  prefilled(profiledMs: number): void {
    this.#prefillCount++;
    this.#prefillProfiledS += profiledMs / 1000;
  }

  firstToken(request: number, ttftMs: number): void {
    this.#ttftCount++;
    this.#ttftSum += ttftMs;
    if (this.#feasible[request] === 0) return;
    this.#ttftJudged++;
    if (ttftMs <= this.#sla.ttftMs) this.#ttftMet++;
  }

  finished(request: number, outcomes: FinishedRows, outputTokens: number): void {
    const table = outcomes.pages.page(request);
    const row = outcomes.pages.row(request);
    if (this.#feasible[request] === 1 && !this.#kept(row, table, outputTokens)) this.missed++;
    this.#completed++;
    this.#islSum += table.isl[row]!;
    this.#cachedSum += table.cachedTokens[row]!;
    this.#oslSum += outputTokens;
    this.#durationSum += table.lastTokenMs[row]! - outcomes.sentMs(request);
    if (outputTokens < 2) return;
    const itlMs = (table.lastTokenMs[row]! - table.firstTokenMs[row]!) / (outputTokens - 1);
    this.#itlCount++;
    this.#itlSum += itlMs;
    if (this.#feasible[request] === 0) return;
    this.#itlJudged++;
    if (itlMs <= this.#sla.itlMs) this.#itlMet++;
  }

  #kept(row: number, table: RequestTable, outputTokens: number): boolean {
    const firstMs = table.firstTokenMs[row]!;
    if (firstMs - table.arrivalMs[row]! > this.#sla.ttftMs) return false;
    return outputTokens < 2 || (table.lastTokenMs[row]! - firstMs) / (outputTokens - 1) <= this.#sla.itlMs;
  }

  /** The window's observation without the workers' part, and a fresh window. */
  take(): Omit<Observation, "nowMs" | "windowMs" | "workers" | "prefillLoad" | "decodeLoad" | "prefillMeasuredS"> {
    const meanOf = (sum: number, count: number) => (count === 0 ? null : sum / count);
    const taken = {
      startedRequests: this.#started,
      startedIsl: this.#startedIsl,
      completedRequests: this.#completed,
      meanIsl: meanOf(this.#islSum, this.#completed),
      meanOsl: meanOf(this.#oslSum, this.#completed),
      meanTtftMs: meanOf(this.#ttftSum, this.#ttftCount),
      meanItlMs: meanOf(this.#itlSum, this.#itlCount),
      meanRequestDurationMs: meanOf(this.#durationSum, this.#completed),
      ttftJudged: this.#ttftJudged,
      ttftMet: this.#ttftMet,
      itlJudged: this.#itlJudged,
      itlMet: this.#itlMet,
      prefillProfiledS: this.#prefillProfiledS,
      prefillCount: this.#prefillCount,
      kvHitRate: this.#islSum === 0 ? null : this.#cachedSum / this.#islSum,
    };
    this.#started = this.#completed = this.#islSum = this.#cachedSum = this.#oslSum = this.#durationSum = 0;
    this.#startedIsl = [];
    this.#ttftCount = this.#ttftSum = this.#ttftJudged = this.#ttftMet = 0;
    this.#itlCount = this.#itlSum = this.#itlJudged = this.#itlMet = 0;
    this.#prefillProfiledS = this.#prefillCount = 0;
    return taken;
  }
}
