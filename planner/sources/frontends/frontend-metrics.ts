import {
  counterIncrease,
  type HistogramValue,
  histogramIncrease,
  type MetricFamily,
  parsePrometheus,
  sumOfHistograms,
  sumOfSamples,
} from "#common/prometheus";
import { lengthsOf, shareAtMost } from "../histogram-shares.ts";
import { type HttpClient, reasonOf } from "../http-client.ts";
import type { Judge } from "../judge.ts";
import { isSameModel } from "../model-name.ts";
import { addTo, emptyWindow, type SumAndCount, type WindowSums } from "../window-sums.ts";

const PREFIX = "dynamo_frontend_";
const isOfFrontend = (name: string) => name.startsWith(PREFIX);
const HISTOGRAMS = {
  isl: "input_sequence_tokens",
  cached: "cached_tokens",
  osl: "output_sequence_tokens",
  ttft: "time_to_first_token_seconds",
  itl: "inter_token_latency_seconds",
  duration: "request_duration_seconds",
} as const;
type HistogramName = keyof typeof HISTOGRAMS;

interface Scrape {
  atMs: number;
  started: number | null;
  ended: number | null;
  histograms: Record<HistogramName, HistogramValue | null>;
}

export type MetricsReading = { kind: "window"; window: WindowSums } | { kind: "failed"; reason: string };

/**
 * One frontend's `GET /metrics`, for those that have no request feed: what its counters and histograms rose by between two
 * scrapes. Less exact than the feed: requests are judged by buckets, each gap between tokens instead of each request's mean,
 * infeasible ones included; and nothing is known of cached tokens.
 */
export class FrontendMetrics {
  readonly #client: HttpClient;
  readonly #url: string;
  readonly #judge: Judge;
  readonly #model: string | null;
  #last: Scrape | null = null;

  constructor(client: HttpClient, url: string, judge: Judge, model: string | null) {
    this.#client = client;
    this.#url = url;
    this.#judge = judge;
    this.#model = model;
  }

  /**
   * What rose since the last scrape, cut to the window where that is longer ago. The first scrape only makes the start; so does
   * one after a failure longer than the window, whose requests can't be placed.
   */
  async read(windowStartMs: number, nowMs: number): Promise<MetricsReading> {
    let scrape: Scrape;
    try {
      scrape = await this.#scrape(nowMs);
    } catch (error) {
      return { kind: "failed", reason: reasonOf(error) };
    }
    const last = this.#last;
    this.#last = scrape;
    if (last === null) return { kind: "failed", reason: "its counters were read for the first time" };
    if (scrape.started === null && scrape.ended === null)
      return { kind: "failed", reason: `/metrics has no ${PREFIX}requests_total` };
    const elapsedMs = nowMs - last.atMs;
    const share = elapsedMs > nowMs - windowStartMs ? (nowMs - windowStartMs) / elapsedMs : 1;
    return { kind: "window", window: this.#window(last, scrape, share) };
  }

  async #scrape(atMs: number): Promise<Scrape> {
    const { status, text } = await this.#client.get(`${this.#url}/metrics`);
    if (status !== 200) throw new Error(`/metrics answered ${status}`);
    const families = parsePrometheus(text, `${this.#url}/metrics`);
    const family = (name: string): MetricFamily | undefined => this.#ofModel(families.get(`${PREFIX}${name}`));
    // A counter that is declared, but has no series yet, has counted nothing.
    const total = (name: string) => (family(name) === undefined ? null : (sumOfSamples(family(name)) ?? 0));
    const counts = { started: total("requests_started_total"), ended: total("requests_total") };
    // Of a frontend that has metrics there are counters from its first request on.
    const isIdle = counts.started === null && counts.ended === null && [...families.keys()].some(isOfFrontend);
    const histograms = Object.fromEntries(
      Object.entries(HISTOGRAMS).map(([key, name]) => [key, sumOfHistograms(family(name))]),
    ) as Record<HistogramName, HistogramValue | null>;
    return { atMs, ...(isIdle ? { started: 0, ended: 0 } : counts), histograms };
  }

  #ofModel(family: MetricFamily | undefined): MetricFamily | undefined {
    const model = this.#model;
    if (family === undefined || model === null) return family;
    return { ...family, samples: family.samples.filter(({ labels }) => isSameModel(labels.model, model)) };
  }

  #window(last: Scrape, scrape: Scrape, share: number): WindowSums {
    const window = emptyWindow();
    window.prefillProfiledS = null;
    // A series that is not there yet has counted nothing.
    const rise = (before: number | null, after: number | null) =>
      after === null ? 0 : counterIncrease(before ?? 0, after) * share;
    // Frontends before `requests_started_total` tell only of what ended.
    window.started = scrape.started === null ? null : rise(last.started, scrape.started);
    window.completed = rise(last.ended, scrape.ended);
    const increase = (name: HistogramName): HistogramValue | null => {
      const after = scrape.histograms[name];
      return after === null ? null : histogramIncrease(last.histograms[name], after);
    };
    const sum = (total: SumAndCount, histogram: HistogramValue | null, factor: number) => {
      if (histogram === null || !(histogram.count > 0)) return;
      addTo(total, (histogram.sum / histogram.count) * factor, histogram.count * share);
    };
    const isl = increase("isl");
    const ttft = increase("ttft");
    const itl = increase("itl");
    sum(window.isl, isl, 1);
    sum(window.cachedTokens, increase("cached"), 1);
    sum(window.osl, increase("osl"), 1);
    sum(window.durationMs, increase("duration"), 1000);
    sum(window.ttftMs, ttft, 1000);
    sum(window.itlMs, itl, 1000);
    window.startedIsl = isl === null || window.started === 0 ? [] : lengthsOf(isl);
    if (ttft !== null) {
      window.ttftJudged = ttft.count * share;
      window.ttftMet = shareAtMost(ttft, this.#judge.sla.ttftMs / 1000) * window.ttftJudged;
    }
    if (itl !== null && itl.count > 0) {
      window.itlJudged = window.completed;
      window.itlMet = shareAtMost(itl, this.#judge.sla.itlMs / 1000) * window.itlJudged;
    }
    return window;
  }
}
