import { afterEach, describe, expect, it } from "vitest";
import { createPlanner, type Observation, plannerConfigSchema } from "#planner/core";
import { prometheusSource } from "#planner/sources";
import { buildSurface } from "#profiles";
import { active, disagg, testProfile } from "../observations.ts";
import { HandClock } from "./fake-deployment.ts";
import { BUSY, FakePrometheus, type FakeSample, LABELS, setFrontends } from "./prometheus/fake-prometheus.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const RANGE_S = 60;
const MEANS = {
  meanTtftMs: "time_to_first_token_seconds",
  meanItlMs: "inter_token_latency_seconds",
  meanRequestDurationMs: "request_duration_seconds",
  meanIsl: "input_sequence_tokens",
  meanOsl: "output_sequence_tokens",
} as const;
const COUNTS = { startedRequests: "requests_started_total", completedRequests: "requests_total" } as const;

/** A quantity can be away in so many ways. */
const WAYS = ["no series", "NaN", "+Inf", "error", "timeout"] as const;
type Way = (typeof WAYS)[number];
/** How long answers may take, ms: long where all are to come, on a busy machine too, and short where some never come. */
const PATIENT_MS = 10_000;
const SHORT_MS = 300;
const patience = (way: Way) => (way === "timeout" ? SHORT_MS : PATIENT_MS);

/** Two windows of a minute with the load that `BUSY` is; in the second one, things may have gone wrong. */
async function observeTwice(spoil: (fake: FakePrometheus) => void, timeoutMs = PATIENT_MS) {
  const fake = await new FakePrometheus().listen();
  closers.push(() => fake.close());
  const clock = new HandClock();
  const source = prometheusSource({
    clock,
    workers: () => null,
    prometheus: {
      endpoint: fake.url,
      model: "llama",
      namespace: "dynamo",
      metricsSource: "frontend",
      backend: "vllm",
      means: "unweighted",
      sla: disagg.sla,
      rangeMs: RANGE_S * 1000,
      timeoutMs,
      concurrency: 32,
    },
  });
  closers.push(() => source.close());
  setFrontends(fake, RANGE_S, [BUSY]);
  const observe = async () => {
    clock.ms += RANGE_S * 1000;
    return { ...(await source.observe()), workers: { prefill: active(1), decode: active(1) } };
  };
  const before = await observe();
  spoil(fake);
  return { before, after: await observe(), problems: source.problems };
}

/** Every expression that names the metric (and not a longer one) goes wrong. */
function spoiled(metric: string, way: Way) {
  return (fake: FakePrometheus) => {
    const named = new RegExp(`dynamo_frontend_${metric}(_sum|_count)?\\b`);
    for (const [expression, answer] of fake.answers) {
      if (!named.test(expression) || expression.startsWith("time()")) continue;
      const samples = (value: number): FakeSample[] => (answer as FakeSample[]).map((sample) => ({ ...sample, value }));
      if (way === "no series") fake.set(expression);
      else if (way === "NaN") fake.set(expression, ...samples(Number.NaN));
      else if (way === "+Inf") fake.set(expression, ...samples(Number.POSITIVE_INFINITY));
      else if (way === "error") fake.set(expression, { status: 503, error: "too many samples" });
      else fake.set(expression, "never");
    }
  };
}

/** Decisions on the two windows; the first one scales, so that the second could, too. */
function decide(strategy: "sla-compat" | "default", { before, after }: { before: Observation; after: Observation }) {
  const config =
    strategy === "default"
      ? { strategy, interval: "60s" }
      : { strategy, interval: "60s", maxGpus: 64, predictor: "constant" };
  const family = strategy === "default" ? "robust" : "compat";
  const planner = createPlanner(plannerConfigSchema.parse(config), disagg, buildSurface(testProfile, family));
  expect(planner.tick(before).targets).not.toBeNull();
  return planner.tick(after);
}

describe.each(Object.entries(MEANS))("%s", (field, metric) => {
  it.each(WAYS)("is null where its metric is away (%s), and all else is as it was", async (way) => {
    const seen = await observeTwice(spoiled(metric, way), patience(way));
    const { nowMs: _, ...before } = seen.before;
    const { nowMs: __, ...after } = seen.after;
    expect(before[field as keyof typeof before]).toBeGreaterThan(0);
    expect(after).toEqual({ ...before, [field]: null });
    expect(decide("sla-compat", seen).targets).toBeNull();
    // Over nothing there is no mean of a latency: no reason to worry. Of lengths there is.
    const isWrong = way !== "NaN" || metric.endsWith("tokens");
    expect(seen.problems).toEqual(isWrong ? [expect.stringContaining(metric)] : []);
  });
});

describe.each(Object.entries(COUNTS))("%s", (field, metric) => {
  it.each(WAYS)("is null where its metric is away (%s), which is not 0", async (way) => {
    const seen = await observeTwice(spoiled(metric, way), patience(way));
    expect(seen.before[field as keyof typeof COUNTS]).toBeGreaterThan(0);
    // What ended stands in for what arrived where nobody tells of that, as in Dynamo.
    const stands = field === "startedRequests" && way === "no series";
    expect(seen.after[field as keyof typeof COUNTS]).toBe(stands ? BUSY.completed : null);
    if (field === "completedRequests") {
      const { targets, reasons } = decide("sla-compat", seen);
      expect([targets, reasons[0]!.code]).toEqual([null, "no-data"]);
    }
  });
});

describe("a whole window", () => {
  it.each<[string, (fake: FakePrometheus) => void, RegExp | null]>([
    [
      "Prometheus does not answer",
      (fake) => void fake.answers.forEach((_, key) => void fake.set(key, "never")),
      /time/,
    ],
    [
      "Prometheus refuses",
      (fake) => void fake.answers.forEach((_, key) => void fake.set(key, { status: 500, error: "down" })),
      /answered 500, execution: down/,
    ],
    ["nothing is scraped any more", (fake) => fake.answers.clear(), /Prometheus has no such series/],
    [
      "the last sample is old",
      (fake) =>
        fake.set("time() - timestamp(dynamo_frontend_requests_started_total)", { labels: LABELS, value: RANGE_S + 30 }),
      /no sample for more than 60 s/,
    ],
    [
      "samples are too few",
      (fake) => {
        for (const key of [...fake.answers.keys()]) if (key.includes("increase(")) fake.set(key);
      },
      /fewer than two samples/,
    ],
    [
      "a frontend can't be scraped",
      (fake) =>
        fake.set(
          `count_over_time(dynamo_frontend_requests_started_total[${RANGE_S}s]) and on (job, instance) (up == 0)`,
          { labels: { ...LABELS, instance: "10.0.0.9:8000" }, value: 4 },
        ),
      /10\.0\.0\.9:8000 can't be scraped/,
    ],
  ])("is no data where %s: nothing is decided", async (_, spoil, problem) => {
    const seen = await observeTwice(spoil, problem?.source === "time" ? SHORT_MS : PATIENT_MS);
    expect(seen.after).toMatchObject({ startedRequests: null, completedRequests: null });
    expect(seen.problems.join("\n")).toMatch(problem!);
    expect(seen.problems.length).toBeLessThanOrEqual(2);
    for (const strategy of ["sla-compat", "default"] as const) {
      const { targets, reasons } = decide(strategy, seen);
      expect([targets, reasons.map(({ code }) => code)]).toEqual([null, ["no-data"]]);
    }
  });

  it("without traffic is known: 0 requests, and means of nothing", async () => {
    const seen = await observeTwice((fake) => setFrontends(fake, RANGE_S, [{ ...BUSY, started: 0, completed: 0 }]));
    expect(seen.after).toMatchObject({
      startedRequests: 0,
      completedRequests: 0,
      meanIsl: null,
      meanOsl: null,
      meanTtftMs: null,
      meanItlMs: null,
      meanRequestDurationMs: null,
    });
    expect(seen.problems).toEqual([]);
    expect(decide("default", seen).targets).not.toBeNull();
    expect(decide("sla-compat", seen).reasons[0]!.code).toBe("no-traffic");
  });

  it("of a frontend that has counted nothing yet is without traffic, too", async () => {
    const seen = await observeTwice((fake) => {
      const there = 'count by (model, dynamo_namespace) ({__name__=~"dynamo_frontend_.+"})';
      fake.answers.clear();
      fake.set(there, { labels: LABELS, value: 12 });
    });
    expect(seen.after).toMatchObject({ startedRequests: 0, completedRequests: 0, meanIsl: null });
    expect(seen.problems).toEqual([]);
  });

  it("in which requests came and none has ended yet has no ends, not an unknown number of them", async () => {
    const seen = await observeTwice((fake) => {
      for (const key of [...fake.answers.keys()]) if (!key.includes("started")) fake.set(key);
    });
    expect(seen.after).toMatchObject({ startedRequests: BUSY.started, completedRequests: 0, meanTtftMs: null });
    expect(seen.problems).toEqual([]);
  });
});

describe("load-compat", () => {
  const planner = (config: Record<string, unknown>) =>
    createPlanner(
      plannerConfigSchema.parse({ strategy: "load-compat", predictor: "constant", ...config }),
      { ...disagg, profile: testProfile },
      buildSurface(testProfile, "compat"),
    );

  it("decides nothing by throughput where Prometheus tells nothing, and does where it does", async () => {
    const config = {
      target: "sla",
      scaling: { load: false, throughput: true },
      throughputInterval: "60s",
      maxGpus: 64,
    };
    const { before, after } = await observeTwice((fake) => fake.answers.clear());
    const plan = planner(config);
    expect(plan.tick(before).reasons[0]!.code).toBe("scale");
    const { targets, reasons } = plan.tick(after);
    expect([targets, reasons[0]!.code]).toEqual([null, "no-traffic-data"]);
  });

  it("decides nothing by load where no worker tells of its passes", async () => {
    const { after } = await observeTwice(() => {});
    expect(after.forwardPasses).toBeUndefined();
    for (const passes of [null, []]) {
      const { targets, reasons } = planner({}).tick({ ...after, forwardPasses: { prefill: passes, decode: passes } });
      expect([targets, reasons[0]!.code]).toEqual([null, "no-fpm-data"]);
    }
  });
});
