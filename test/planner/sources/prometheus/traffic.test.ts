import { afterEach, describe, expect, it } from "vitest";
import {
  PrometheusTraffic,
  type PrometheusTrafficOptions,
} from "../../../../planner/sources/prometheus/prometheus-traffic.ts";
import { BUSY, FakePrometheus, LABELS, setFrontends } from "./fake-prometheus.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function setUp(options: Partial<PrometheusTrafficOptions> = {}) {
  const fake = await new FakePrometheus().listen();
  closers.push(() => fake.close());
  const traffic = new PrometheusTraffic({
    endpoint: fake.url,
    model: "Llama",
    namespace: "dynamo",
    metricsSource: "frontend",
    backend: "vllm",
    means: "weighted",
    sla: { ttftMs: 200, itlMs: 10 },
    rangeMs: 180_000,
    timeoutMs: 500,
    ...options,
  });
  closers.push(() => traffic.close());
  return { fake, window: (startMs = 0, endMs = 180_000) => traffic.window(startMs, endMs) };
}

describe("what Prometheus is asked of frontends", () => {
  it("is what Dynamo's planners ask, where frontends count alike", async () => {
    const { fake, window } = await setUp({ means: "unweighted" });
    setFrontends(fake, 180, [BUSY]);
    const { part, problems, windowMs } = await window();
    expect(new Set(fake.asked)).toEqual(
      new Set([
        "increase(dynamo_frontend_requests_started_total[180s])",
        "increase(dynamo_frontend_requests_total[180s])",
        ...["time_to_first_token_seconds", "inter_token_latency_seconds", "request_duration_seconds"].map(ratio),
        ...["input_sequence_tokens", "output_sequence_tokens"].map(ratio),
        "time() - timestamp(dynamo_frontend_requests_started_total)",
        "count_over_time(dynamo_frontend_requests_started_total[180s]) and on (job, instance) (up == 0)",
        'sum(increase(dynamo_component_router_kv_hit_rate_sum{dynamo_namespace="dynamo"}[180s])) / sum(increase(dynamo_component_router_kv_hit_rate_count{dynamo_namespace="dynamo"}[180s]))',
        '1+sum(rate(vllm:spec_decode_num_accepted_tokens_total{dynamo_namespace="dynamo"}[180s]))/sum(rate(vllm:spec_decode_num_drafts_total{dynamo_namespace="dynamo"}[180s]))',
        'label_replace(increase(dynamo_frontend_cached_tokens_sum[180s]), "understudy_part", "cached", "", "") or label_replace(increase(dynamo_frontend_input_sequence_tokens_sum[180s]), "understudy_part", "prompts", "", "")',
      ]),
    );
    expect(part).toMatchObject({
      startedRequests: 120,
      completedRequests: 110,
      meanIsl: 3000,
      meanOsl: 200,
      meanTtftMs: 150,
      meanItlMs: 8,
      meanRequestDurationMs: 1750,
      ttftJudged: 0,
      kvHitRate: null,
      acceptLength: null,
    });
    expect([problems, windowMs]).toEqual([[], 180_000]);
  });

  it("asks what is divided by each other in one query: two could be answered before and after a scrape", async () => {
    const { fake, window } = await setUp();
    setFrontends(fake, 180, [BUSY]);
    await window();
    const counts = fake.asked.filter((expression) =>
      /_tokens_(count|bucket)\[|_seconds_(count|bucket)\[/.test(expression),
    );
    expect(counts).toHaveLength(5 + 3);
    for (const expression of counts) expect(expression).toMatch(/_sum\[180s\]/);
  });

  it("is not known in parts: a query that fails leaves mean and share unknown", async () => {
    const { fake, window } = await setUp();
    setFrontends(fake, 180, [BUSY]);
    fake.set("increase(dynamo_frontend_output_sequence_tokens_count[180s])", {
      status: 422,
      error: "too many samples",
    });
    const { part, problems } = await window();
    expect(part).toMatchObject({ meanIsl: 3000, meanOsl: null, completedRequests: 110 });
    expect(problems).toEqual([
      expect.stringContaining("output_sequence_tokens: answered 422, execution: too many samples"),
    ]);
  });

  it.each([
    ["weighted", (3000 * 300 + 1000 * 100) / 400, (150 * 300 + 50 * 100) / 400],
    ["unweighted", 2000, 100],
  ] as const)("comes together from several frontends, %s", async (means, isl, ttftMs) => {
    const { fake, window } = await setUp({ means });
    setFrontends(fake, 180, [
      { ...BUSY, started: 310, completed: 300 },
      { ...BUSY, started: 105, completed: 100, isl: 1000, ttftS: 0.05, labels: { instance: "10.0.0.2:8000" } },
    ]);
    const { part } = await window();
    expect(part).toMatchObject({ startedRequests: 415, completedRequests: 400, meanIsl: isl });
    expect(part.meanTtftMs).toBeCloseTo(ttftMs, 9);
  });

  it("an idle frontend weighs nothing; where all count alike, it leaves the mean unknown, as in Dynamo", async () => {
    const idle = { ...BUSY, started: 0, completed: 0, labels: { instance: "10.0.0.2:8000" } };
    for (const [means, isl] of [["weighted", 3000] as const, ["unweighted", null] as const]) {
      const { fake, window } = await setUp({ means });
      setFrontends(fake, 180, [BUSY, idle]);
      expect((await window()).part).toMatchObject({ startedRequests: 120, completedRequests: 110, meanIsl: isl });
    }
  });

  it("only the model's and the namespace's series count, whatever the case and the dashes", async () => {
    const { fake, window } = await setUp({ namespace: "team-a" });
    const labelled = (model: string, dynamo_namespace: string) => ({ ...BUSY, labels: { model, dynamo_namespace } });
    setFrontends(fake, 180, [
      labelled("LLAMA", "team_a"),
      labelled("llama", "team-b"),
      labelled("mistral", "team-a"),
      { ...BUSY, labels: { model: "llama" } },
    ]);
    expect((await window()).part.startedRequests).toBe(120);
  });

  it("without namespaces on any series, there is nothing to tell by", async () => {
    const { fake, window } = await setUp({ namespace: "team-a" });
    const { dynamo_namespace: _, ...bare } = LABELS;
    fake.set("increase(dynamo_frontend_requests_started_total[180s])", { labels: bare, value: 7 });
    fake.set("time() - timestamp(dynamo_frontend_requests_started_total)", { labels: bare, value: 1 });
    expect((await window()).part.startedRequests).toBe(7);
  });

  it("who kept the SLA is seen by buckets", async () => {
    const { fake, window } = await setUp();
    setFrontends(fake, 180, [BUSY]);
    const buckets = (metric: string, counts: Record<string, number>) =>
      fake.set(
        `increase(dynamo_frontend_${metric}_bucket[180s])`,
        ...Object.entries(counts).map(([le, value]) => ({ labels: { ...LABELS, le }, value })),
      );
    buckets("time_to_first_token_seconds", { "0.1": 40, "0.3": 80, "+Inf": 110 });
    buckets("inter_token_latency_seconds", { "0.01": 9000, "+Inf": 10_000 });
    buckets("input_sequence_tokens", { "2000": 0, "4000": 110, "+Inf": 110 });
    const { part } = await window();
    expect(part).toMatchObject({ ttftJudged: 110, itlJudged: 110 });
    expect(part.ttftMet).toBeCloseTo(60, 9);
    expect(part.itlMet).toBeCloseTo(99, 9);
    expect(part.startedIsl).toHaveLength(50);
    expect(Array.from(part.startedIsl).reduce((sum, isl) => sum + isl, 0) / 50).toBeCloseTo(3000, 6);
  });

  it("a prompt's cached share comes from routers, else from frontends; tokens of a pass from the engines", async () => {
    const { fake, window } = await setUp({ backend: "sglang" });
    setFrontends(fake, 180, [BUSY]);
    fake.set("increase(dynamo_frontend_cached_tokens_sum[180s])", { labels: LABELS, value: 33_000 });
    fake.set('avg(avg_over_time(sglang:spec_accept_length{dynamo_namespace="dynamo"}[180s]))', { value: 2.5 });
    expect((await window()).part).toMatchObject({ kvHitRate: 0.1, acceptLength: 2.5 });
    const rate = 'dynamo_component_router_kv_hit_rate_sum{dynamo_namespace="dynamo"}[180s]';
    fake.set(`sum(increase(${rate})) / sum(increase(${rate.replace("_sum", "_count")}))`, { value: 0.35 });
    expect((await window()).part.kvHitRate).toBe(0.35);
  });
});

describe("the window", () => {
  it("is the range where it is about as long, and else gets its share of it", async () => {
    const { fake, window } = await setUp({ rangeMs: 60_000 });
    setFrontends(fake, 60, [BUSY]);
    expect(await window(0, 61_000)).toMatchObject({ windowMs: 60_000, part: { startedRequests: 120 } });
    expect(await window(61_000, 66_000)).toMatchObject({
      windowMs: 5000,
      part: { startedRequests: 10, completedRequests: 110 / 12, meanIsl: 3000 },
    });
  });

  it("is asked whole where it is longer", async () => {
    const { fake, window } = await setUp({ rangeMs: 60_000 });
    setFrontends(fake, 90, [BUSY]);
    expect(await window(0, 90_000)).toMatchObject({ windowMs: 90_000, part: { startedRequests: 120 } });
  });
});

describe("the routers of a pool", () => {
  const selector = '{dynamo_namespace="team_a"}[180s]';
  const sum = (metric: string) => `sum(increase(dynamo_component_${metric}${selector}))`;
  const mean = (metric: string) => `${sum(`${metric}_sum`)} / ${sum(`${metric}_count`)}`;
  const started = `sum(increase(dynamo_component_router_requests_started_total${selector}) or ignoring(__name__) increase(dynamo_component_router_requests_total${selector}))`;

  async function pool() {
    const made = await setUp({ metricsSource: "router", namespace: "team-a" });
    const { fake } = made;
    fake.set(started, { value: 120 });
    fake.set(sum("router_requests_total"), { value: 110 });
    fake.set(mean("router_time_to_first_token_seconds"), { value: 0.15 });
    fake.set(mean("router_inter_token_latency_seconds"), { value: 0.008 });
    fake.set(mean("router_input_sequence_tokens"), { value: 3000 });
    fake.set(mean("router_output_sequence_tokens"), { value: 200 });
    fake.set(mean("request_duration_seconds"), { value: 1.75 });
    fake.set('time() - timestamp(dynamo_component_router_requests_total{dynamo_namespace="team_a"})', { value: 2 });
    return made;
  }

  it("are asked as Dynamo's planners ask, and components for whole requests", async () => {
    const { window } = await pool();
    expect((await window()).part).toMatchObject({
      startedRequests: 120,
      completedRequests: 110,
      meanIsl: 3000,
      meanOsl: 200,
      meanTtftMs: 150,
      meanItlMs: 8,
      meanRequestDurationMs: 1750,
    });
  });

  it("that nobody scrapes are no data; those that are idle no traffic", async () => {
    const { fake, window } = await setUp({ metricsSource: "router", namespace: "team-a" });
    const { part, problems } = await window();
    expect(part).toMatchObject({ startedRequests: null, completedRequests: null, meanIsl: null });
    expect(problems).toEqual([`Prometheus ${fake.url}: routers, namespace team-a: Prometheus has no such series`]);
    const idle = await pool();
    idle.fake.set(started, { value: 0 });
    idle.fake.set(sum("router_requests_total"), { value: 0 });
    idle.fake.set(mean("router_input_sequence_tokens"), { value: Number.NaN });
    expect(await idle.window()).toMatchObject({
      part: { startedRequests: 0, completedRequests: 0, meanIsl: null, meanTtftMs: null },
      problems: [],
    });
  });
});

describe("a deployment that is not there", () => {
  it("says once that Prometheus does not answer, and not for every expression", async () => {
    const { fake, window } = await setUp();
    const { url } = fake;
    await fake.close();
    const { part, problems } = await window();
    expect(part).toMatchObject({ startedRequests: null, completedRequests: null, meanTtftMs: null, kvHitRate: null });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(`Prometheus ${url}: connect ECONNREFUSED`);
  });

  it("names what there is instead of what was asked for", async () => {
    const { fake, window } = await setUp({ model: "lama" });
    setFrontends(fake, 180, [BUSY]);
    expect((await window()).problems).toEqual([
      `Prometheus ${fake.url}: frontends, model lama, namespace dynamo: Prometheus has no such series, but of model llama in namespace dynamo`,
    ]);
  });
});

function ratio(metric: string): string {
  return `increase(dynamo_frontend_${metric}_sum[180s])/increase(dynamo_frontend_${metric}_count[180s])`;
}
