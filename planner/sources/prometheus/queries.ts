/** Expressions of the traffic of Dynamo's deployments, as Dynamo's planners ask them. */

/** What is averaged; every one is a histogram. */
export const AVERAGED = {
  ttft: "time_to_first_token_seconds",
  itl: "inter_token_latency_seconds",
  duration: "request_duration_seconds",
  isl: "input_sequence_tokens",
  osl: "output_sequence_tokens",
} as const;
export type Averaged = keyof typeof AVERAGED;

const FRONTEND = "dynamo_frontend_";
const COMPONENT = "dynamo_component_";
const ROUTER = `${COMPONENT}router_`;

export const frontendMetric = {
  started: `${FRONTEND}requests_started_total`,
  completed: `${FRONTEND}requests_total`,
  histogram: (name: Averaged) => `${FRONTEND}${AVERAGED[name]}`,
  cached: `${FRONTEND}cached_tokens`,
  any: `{__name__=~"${FRONTEND}.+"}`,
};

export const increase = (metric: string, rangeS: number) => `increase(${metric}[${rangeS}s])`;

/** A mean for each series, as the planner of 2025 asks it; no selector, so that all models come. */
export const ratio = (metric: string, rangeS: number) =>
  `${increase(`${metric}_sum`, rangeS)}/${increase(`${metric}_count`, rangeS)}`;

/** Label that tells the parts of `together` apart. */
export const PART = "understudy_part";

/**
 * Several expressions as one: Prometheus answers a query from one moment and one set of scrapes, two queries perhaps from two, and a
 * quotient of the two would be off by the scrape in between.
 */
export function together(parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts)
    .map(([part, expression]) => `label_replace(${expression}, "${PART}", "${part}", "", "")`)
    .join(" or ");
}

/** How old the newest sample is, s; by Prometheus' own clock. */
export const ageS = (metric: string) => `time() - timestamp(${metric})`;

/** Series that were there within the range, and whose target can't be scraped now. */
export const unreachable = (metric: string, rangeS: number) =>
  `count_over_time(${metric}[${rangeS}s]) and on (job, instance) (up == 0)`;

/** Labels that components register themselves have underscores. */
export function namespaceSelector(namespace: string): string {
  return `{dynamo_namespace="${namespace.replaceAll("-", "_").replaceAll(/["\\]/g, "\\$&")}"}`;
}

/** A router's expressions: sums over all routers of a namespace. */
export function routerQueries(namespace: string, rangeS: number) {
  const selector = namespaceSelector(namespace);
  const sumOf = (metric: string) => `sum(increase(${metric}${selector}[${rangeS}s]))`;
  const started = `${ROUTER}requests_started_total${selector}`;
  const completed = `${ROUTER}requests_total${selector}`;
  const mean = (metric: string) => `${sumOf(`${metric}_sum`)} / ${sumOf(`${metric}_count`)}`;
  return {
    /** Of each router, what it admitted; what it completed where it is too old to tell. */
    started: `sum(${increase(started, rangeS)} or ignoring(__name__) ${increase(completed, rangeS)})`,
    completed: `sum(${increase(completed, rangeS)})`,
    mean: (name: Averaged) => mean(`${ROUTER}${AVERAGED[name]}`),
    /** Routers don't tell of whole requests; components do. */
    componentDuration: mean(`${COMPONENT}${AVERAGED.duration}`),
    counter: completed,
    any: `{__name__=~"${ROUTER}.+",${selector.slice(1)}`,
  };
}

/** Share of the prompts that routers expect to be cached, 0..1. */
export function kvHitRate(namespace: string, rangeS: number): string {
  const metric = `${ROUTER}kv_hit_rate`;
  const selector = namespaceSelector(namespace);
  return `sum(increase(${metric}_sum${selector}[${rangeS}s])) / sum(increase(${metric}_count${selector}[${rangeS}s]))`;
}

/** Tokens of a decode pass and sequence under speculative decoding, by the engines' own metrics. */
export function acceptLength(
  backend: "vllm" | "sglang" | "trtllm" | "mocker",
  namespace: string,
  rangeS: number,
): string {
  const selector = namespaceSelector(namespace);
  const range = `${selector}[${rangeS}s]`;
  switch (backend) {
    case "sglang":
      return `avg(avg_over_time(sglang:spec_accept_length${range}))`;
    case "trtllm":
      return `avg(avg_over_time(trtllm_spec_decode_acceptance_length${range}))`;
    default:
      return `1+sum(rate(vllm:spec_decode_num_accepted_tokens_total${range}))/sum(rate(vllm:spec_decode_num_drafts_total${range}))`;
  }
}
