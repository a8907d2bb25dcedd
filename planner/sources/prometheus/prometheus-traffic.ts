import { lengthsOf, shareAtMost } from "../histogram-shares.ts";
import type { TrafficPart, TrafficReader, TrafficWindow } from "../types.ts";
import { PrometheusClient, type PrometheusOptions } from "./client.ts";
import { type Presence, presence } from "./presence.ts";
import * as queries from "./queries.ts";
import { ask, askTogether, histogramOf, meanOf, type Quantity, quotient, type SeriesFilter, sumOf } from "./reading.ts";

export interface PrometheusTrafficOptions extends PrometheusOptions {
  /** Null: all models. */
  model: string | null;
  /** Dynamo namespace. */
  namespace: string;
  /** Whose counters: the frontends', or those of the routers of one pool. */
  metricsSource: "frontend" | "router";
  /**
   * How means of several frontends come together: by how much each saw, or all alike as Dynamo's planners have it (where a
   * frontend without requests makes it unknown).
   */
  means: "weighted" | "unweighted";
  /** Backend of the engines, whose metrics tell of speculative decoding. */
  backend: "vllm" | "sglang" | "trtllm" | "mocker";
  sla: { ttftMs: number; itlMs: number };
  /**
   * Range of the expressions, ms: at least four scrape intervals, or there may be too few samples in it. Shorter windows get
   * their share of it.
   */
  rangeMs: number;
}

/** A window so close to the range is the range: nobody is exactly on time. */
const CLOSE = 0.05;

/** What Prometheus knows of the traffic. Every window asks anew; nothing is kept here. */
export class PrometheusTraffic implements TrafficReader {
  readonly #options: PrometheusTrafficOptions;
  readonly #client: PrometheusClient;
  readonly #filter: SeriesFilter;

  /** @throws UserError PLANNER_PROMETHEUS_FILE */
  constructor(options: PrometheusTrafficOptions) {
    this.#options = options;
    this.#client = new PrometheusClient(options);
    this.#filter = { model: options.model, namespace: options.namespace };
  }

  async begin(): Promise<void> {}

  async close(): Promise<void> {
    await this.#client.close();
  }

  async window(startMs: number, endMs: number): Promise<TrafficWindow> {
    const { rangeMs } = this.#options;
    const lastedMs = endMs - startMs;
    const isRange = Math.abs(lastedMs - rangeMs) <= CLOSE * rangeMs;
    const rangeS = Math.max(1, Math.round((isRange ? rangeMs : Math.max(rangeMs, lastedMs)) / 1000));
    const windowMs = isRange ? rangeMs : lastedMs;
    const share = Math.min(1, windowMs / (rangeS * 1000));
    const { part, problems } =
      this.#options.metricsSource === "router" ? await this.#router(rangeS) : await this.#frontends(rangeS);
    return { part: scaled(part, share), windowMs, problems: merged(problems, this.#options.endpoint) };
  }

  async #frontends(rangeS: number): Promise<Found> {
    const { frontendMetric, increase } = queries;
    const filter = this.#filter;
    const sum = async (metric: string) => sumOf(await ask(this.#client, increase(metric, rangeS)), filter);
    const [started, completed, means, aside, judged] = await Promise.all([
      sum(frontendMetric.started),
      sum(frontendMetric.completed),
      this.#averages((name) => this.#frontendMean(frontendMetric.histogram(name), rangeS)),
      this.#aside(rangeS),
      this.#options.means === "weighted" ? this.#judged(rangeS) : NOT_JUDGED,
    ]);
    const counter = started.kind === "none" ? frontendMetric.completed : frontendMetric.started;
    const seen = await this.#presence(counter, frontendMetric.any, rangeS, "frontends");
    // Dynamo's planners take what ended for what arrived where frontends are too old to tell.
    const arrived = this.#options.means === "unweighted" && started.kind === "none" ? completed : started;
    const counts = countsOf(seen, arrived, completed, means.isl);
    return found(seen, counts, means, { ...aside.part, ...judged }, aside.problems);
  }

  async #router(rangeS: number): Promise<Found> {
    const expressions = queries.routerQueries(this.#options.namespace, rangeS);
    const all: SeriesFilter = { model: null, namespace: null };
    const value = async (expression: string) => sumOf(await ask(this.#client, expression), all);
    const [started, completed, means, aside] = await Promise.all([
      value(expressions.started),
      value(expressions.completed),
      this.#averages(async (name) => {
        const mean = await value(expressions.mean(name));
        return name === "duration" && mean.kind === "none" ? await value(expressions.componentDuration) : mean;
      }),
      this.#aside(rangeS),
    ]);
    const seen = await this.#presence(expressions.counter, expressions.any, rangeS, "routers", all);
    return found(seen, countsOf(seen, started, completed, means.isl), means, aside.part, aside.problems);
  }

  async #averages(mean: (name: queries.Averaged) => Promise<Quantity>): Promise<Record<queries.Averaged, Quantity>> {
    const names = Object.keys(queries.AVERAGED) as queries.Averaged[];
    const values = await Promise.all(names.map(mean));
    return Object.fromEntries(names.map((name, i) => [name, values[i]!])) as Record<queries.Averaged, Quantity>;
  }

  async #frontendMean(metric: string, rangeS: number): Promise<Quantity> {
    if (this.#options.means === "unweighted") {
      return meanOf(await ask(this.#client, queries.ratio(metric, rangeS)), this.#filter);
    }
    const { sum, count } = await askTogether(this.#client, {
      sum: queries.increase(`${metric}_sum`, rangeS),
      count: queries.increase(`${metric}_count`, rangeS),
    });
    return quotient(sumOf(sum, this.#filter), sumOf(count, this.#filter));
  }

  /** What a deployment need not have: known or not, no window fails for it. */
  async #aside(rangeS: number): Promise<{ part: Pick<TrafficPart, "kvHitRate" | "acceptLength">; problems: string[] }> {
    const { namespace, backend } = this.#options;
    const all: SeriesFilter = { model: null, namespace: null };
    const value = async (expression: string) => sumOf(await ask(this.#client, expression), all);
    const [hits, accepted, cached] = await Promise.all([
      value(queries.kvHitRate(namespace, rangeS)),
      value(queries.acceptLength(backend, namespace, rangeS)),
      this.#cachedShare(rangeS),
    ]);
    const problems = [hits, accepted].flatMap((each) => (each.kind === "failed" ? [each.reason] : []));
    const hitRate = hits.kind === "none" ? cached : hits;
    return {
      part: {
        kvHitRate: hitRate.kind === "known" ? Math.min(1, hitRate.value) : null,
        acceptLength: accepted.kind === "known" ? accepted.value : null,
      },
      problems,
    };
  }

  /** Where no router tells what it expects to be cached: what frontends were told that was. */
  async #cachedShare(rangeS: number): Promise<Quantity> {
    if (this.#options.metricsSource === "router") return { kind: "none" };
    const { frontendMetric, increase } = queries;
    const { cached, prompts } = await askTogether(this.#client, {
      cached: increase(`${frontendMetric.cached}_sum`, rangeS),
      prompts: increase(`${frontendMetric.histogram("isl")}_sum`, rangeS),
    });
    return quotient(sumOf(cached, this.#filter), sumOf(prompts, this.#filter));
  }

  /** Who kept the SLA, by buckets: requests for TTFT, gaps between tokens for ITL. */
  async #judged(rangeS: number): Promise<Judged> {
    const { sla } = this.#options;
    const histogram = async (name: queries.Averaged) => {
      const metric = queries.frontendMetric.histogram(name);
      const { buckets, sum } = await askTogether(this.#client, {
        buckets: queries.increase(`${metric}_bucket`, rangeS),
        sum: queries.increase(`${metric}_sum`, rangeS),
      });
      return histogramOf(buckets, sumOf(sum, this.#filter), this.#filter);
    };
    const [isl, ttft, itl] = await Promise.all([histogram("isl"), histogram("ttft"), histogram("itl")]);
    const judged = { ...NOT_JUDGED, startedIsl: isl === null ? [] : lengthsOf(isl) };
    if (ttft !== null) {
      judged.ttftJudged = ttft.count;
      judged.ttftMet = shareAtMost(ttft, sla.ttftMs / 1000) * ttft.count;
    }
    if (itl !== null && itl.count > 0 && isl !== null) {
      judged.itlJudged = isl.count;
      judged.itlMet = shareAtMost(itl, sla.itlMs / 1000) * isl.count;
    }
    return judged;
  }

  #presence(counter: string, any: string, rangeS: number, what: string, filter = this.#filter): Promise<Presence> {
    const { model, namespace } = this.#options;
    const of = [model !== null && what === "frontends" && `model ${model}`, `namespace ${namespace}`];
    return presence(this.#client, {
      counter,
      any,
      rangeS,
      staleS: rangeS,
      filter,
      what: [what, ...of.filter(Boolean)].join(", "),
    });
  }
}

type Judged = Pick<TrafficPart, "startedIsl" | "ttftJudged" | "ttftMet" | "itlJudged" | "itlMet">;
const NOT_JUDGED: Judged = { startedIsl: [], ttftJudged: 0, ttftMet: 0, itlJudged: 0, itlMet: 0 };

interface Found {
  part: TrafficPart;
  problems: string[];
}

interface Counts {
  started: number | null;
  completed: number | null;
  problems: string[];
}

function countsOf(seen: Presence, started: Quantity, completed: Quantity, lengths: Quantity): Counts {
  const problems = [...seen.problems];
  const count = (quantity: Quantity, name: string): number | null => {
    if (quantity.kind === "failed") problems.push(`${name}: ${quantity.reason}`);
    if (seen.incomplete || seen.state === "stale" || seen.state === "absent") return null;
    if (quantity.kind === "known") return quantity.value;
    return quantity.kind === "none" && seen.state === "uncounted" ? 0 : null;
  };
  const counts = {
    started: count(started, "requests that arrived"),
    completed: count(completed, "requests that ended"),
  };
  if (completed.kind === "none" && counts.started !== null && lengths.kind !== "known") {
    // The first request that ends makes the series.
    counts.completed = 0;
  }
  if (counts.started === null && counts.completed === null && completed.kind === "none" && seen.state === "fresh") {
    problems.push("requests: fewer than two samples within the range; scrape more often, or decide less often");
  }
  return { ...counts, problems };
}

function found(
  seen: Presence,
  { started, completed, problems }: Counts,
  means: Record<queries.Averaged, Quantity>,
  rest: Partial<TrafficPart>,
  more: string[],
): Found {
  const usable = seen.state === "fresh" || seen.state === "unknown";
  const mean = (name: queries.Averaged, unit: number): number | null => {
    const quantity = means[name];
    if (quantity.kind === "known") return usable && completed !== 0 ? quantity.value * unit : null;
    if (quantity.kind === "failed") problems.push(`${queries.AVERAGED[name]}: ${quantity.reason}`);
    else if (completed !== null && completed > 0) {
      if (quantity.kind === "none") problems.push(`${queries.AVERAGED[name]}: no series`);
      else if (name === "isl" || name === "osl") problems.push(`${queries.AVERAGED[name]}: not a number`);
    }
    return null;
  };
  const part: TrafficPart = {
    startedRequests: started,
    completedRequests: completed,
    meanIsl: mean("isl", 1),
    meanOsl: mean("osl", 1),
    meanTtftMs: mean("ttft", 1000),
    meanItlMs: mean("itl", 1000),
    meanRequestDurationMs: mean("duration", 1000),
    ...NOT_JUDGED,
    prefillProfiledS: null,
    prefillCount: 0,
    kvHitRate: null,
    acceptLength: null,
    ...(usable ? rest : {}),
  };
  return { part, problems: [...problems, ...more] };
}

/** The window's share of what the range counted; means are means. */
function scaled(part: TrafficPart, share: number): TrafficPart {
  if (share === 1) return part;
  const of = (count: number | null) => (count === null ? null : count * share);
  return {
    ...part,
    startedRequests: of(part.startedRequests),
    completedRequests: of(part.completedRequests),
    ttftJudged: part.ttftJudged * share,
    ttftMet: part.ttftMet * share,
    itlJudged: part.itlJudged * share,
    itlMet: part.itlMet * share,
  };
}

/** One line for what went wrong with many queries alike. */
function merged(problems: readonly string[], endpoint: string): string[] {
  const byReason = new Map<string, string[]>();
  for (const problem of problems) {
    const at = problem.indexOf(": ");
    const [what, reason] = at < 0 ? ["", problem] : [problem.slice(0, at), problem.slice(at + 2)];
    const names = byReason.get(reason) ?? [];
    if (what !== "" && !names.includes(what)) names.push(what);
    byReason.set(reason, names);
  }
  return [...byReason].map(([reason, names]) =>
    names.length > 2 || names.length === 0
      ? `Prometheus ${endpoint}: ${reason}`
      : `Prometheus ${endpoint}: ${names.join(", ")}: ${reason}`,
  );
}
