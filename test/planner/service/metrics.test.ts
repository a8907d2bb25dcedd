import { describe, expect, it } from "vitest";
import { parsePrometheus } from "#common/prometheus";
import { createPlanner, type ForwardPass, type Observation, type Planner, plannerConfigSchema } from "#planner/core";
import { PlannerMetrics, type PlannerMetricsOptions, PluginMetrics, type TickSnapshot } from "#planner/service";
import { readProjectFile } from "../../structure/project-files.ts";
import { disagg, observation, testSurface } from "../observations.ts";
import { madeService } from "./made-service.ts";

const PREFIX = "dynamo_planner_";
/** Names of Dynamo's planner, as its documentation lists them. */
const DYNAMO = `num_prefill_replicas num_decode_replicas observed_ttft_ms observed_itl_ms observed_requests_per_second
  observed_request_duration_seconds observed_input_sequence_tokens observed_output_sequence_tokens
  predicted_requests_per_second predicted_input_sequence_tokens predicted_output_sequence_tokens
  predicted_num_prefill_replicas predicted_num_decode_replicas gpu_hours sla_target_ttft_ms sla_target_itl_ms
  estimated_ttft_ms estimated_itl_ms engine_prefill_capacity_requests_per_second
  engine_decode_capacity_requests_per_second engine_queued_prefill_tokens engine_queued_decode_kv_tokens
  engine_inflight_decode_kv_tokens power_budget_total_watts power_projected_watts power_budget_utilization
  load_scaling_decision throughput_scaling_decision plugin_evaluations_total plugin_latency_seconds
  plugin_circuit_state plugin_held_over_total plugin_cache_age_seconds plugin_override_active
  reconcile_clamped_total constrain_capped_total reject_short_circuited_total tick_skipped_total
  tick_requires_unsatisfied_total tick_lag_seconds tick_duration_seconds tick_timeout_total`.split(/\s+/);

/** A service that ticks twice, and what its metrics show then. */
async function shown(
  change: (made: ReturnType<typeof madeService>, seen: Observation) => void = () => {},
  options: Partial<PlannerMetricsOptions> = {},
  planner?: Planner,
) {
  const ticks: [TickSnapshot, Observation | null][] = [];
  const made = madeService([{ prefill: 2, decode: 1 }], {
    onSnapshot: (...tick) => ticks.push(tick),
    ...(planner === undefined ? {} : { planner }),
  });
  const seen = observation(0, 5);
  made.source.observe = async (nowMs = 0) => ({ ...seen, nowMs });
  const metrics = new PlannerMetrics(() => made.service, { sla: { ttftMs: 200, itlMs: 10 }, power: null, ...options });
  new PluginMetrics(metrics.registry);
  await made.service.start();
  await made.clock.advance(5000);
  change(made, seen);
  await made.clock.advance(5000);
  for (const tick of ticks) metrics.record(...tick);
  const text = metrics.registry.text();
  await made.service.stop();
  const families = parsePrometheus(text);
  const samples = (name: string) => families.get(`${PREFIX}${name}`)!.samples;
  const value = (name: string, labels: Record<string, string> = {}) =>
    samples(name).find((sample) => Object.entries(labels).every(([key, each]) => sample.labels[key] === each))?.value;
  return { families, text, samples, value };
}

function pass(workerId: string, dpRank: number, tokens: number): ForwardPass {
  const none = { prefillRequests: 0, prefillTokens: 0, prefillLengthVariance: 0 };
  const decode = { decodeRequests: 1, decodeKvTokens: tokens, decodeKvVariance: 0 };
  return {
    workerId,
    dpRank,
    counterId: 1,
    wallTimeS: 0.01,
    scheduled: { ...none, ...decode, prefillKvTokens: 0 },
    queued: { ...none, prefillTokens: tokens * 2, ...decode, decodeKvTokens: tokens * 3 },
  };
}

describe("the planner's metrics", () => {
  it("have the names of Dynamo's planner", async () => {
    const { families } = await shown();
    expect(DYNAMO.filter((name) => !families.has(`${PREFIX}${name}`))).toEqual([]);
  });

  it("are those that docs/metrics.md names, no more and no less, with their types", async () => {
    const { families } = await shown();
    const text = readProjectFile("docs/metrics.md");
    const sections = text.split(/^## /m).filter((section) => section.startsWith("Planner:"));
    const documented = sections.flatMap((section) =>
      [...section.matchAll(/^\| `([a-z0-9_:]+)` \|/gm)].map((match) => match[1]!),
    );
    expect([...families.keys()].sort()).toEqual(documented.sort());
    for (const { name, type } of families.values()) expect(text).toContain(`| \`${name}\` | ${type} |`);
  });

  it("show what the default strategy's model expects of one more request, where loads are known", async () => {
    const planner = createPlanner(
      plannerConfigSchema.parse({ strategy: "default", maxGpus: 8 }),
      disagg,
      testSurface(),
    );
    const queue = (queuedTokens: number) => ({ workerId: queuedTokens, queuedRequests: 1, queuedTokens });
    const batch = (kvTokens: number) => ({ workerId: kvTokens, batch: 1, kvTokens, itlMs: null });
    const estimates = async (loads: Partial<Observation>) => {
      const { value } = await shown((_, seen) => Object.assign(seen, loads), {}, planner);
      return [value("estimated_ttft_ms"), value("estimated_itl_ms")] as const;
    };
    const [idleTtftMs, idleItlMs] = await estimates({ prefillLoad: [queue(0)], decodeLoad: [batch(0)] });
    // Alone a prompt of 3000 tokens takes 80 ms, and then a decode pass and a half.
    expect(idleTtftMs).toBeGreaterThan(80);
    expect(idleTtftMs).toBeLessThan(110);
    // What was measured corrects the profile's 4.1 ms.
    expect(idleItlMs).toBeGreaterThan(4.1);
    expect(idleItlMs).toBeLessThan(8.2);
    const [ttftMs, itlMs] = await estimates({
      prefillLoad: [queue(0), queue(30_000)],
      decodeLoad: [batch(300_000), batch(0)],
    });
    // Ten prompts wait, of 60 ms and their share of the passes' 20 ms each; 300,000 tokens are 10 ms.
    expect(ttftMs! - idleTtftMs!).toBeGreaterThan(600);
    expect(ttftMs! - idleTtftMs!).toBeLessThan(800);
    expect(itlMs).toBeGreaterThan(14.1);
    expect(itlMs).toBeLessThan(28.2);
    expect(await estimates({ prefillLoad: null, decodeLoad: [] })).toEqual([undefined, undefined]);
  });

  it("go on showing what a strategy says now and then, and what a decision to change nothing leaves", async () => {
    const decided = createPlanner(
      plannerConfigSchema.parse({ strategy: "static", prefill: 2, decode: 1 }),
      disagg,
      testSurface(),
    );
    const made = decided.tick(observation(0, 5));
    // As Dynamo's planner sizes every 180 s and looks at the load every 5 s.
    const decisions = [
      { ...made, targets: { prefill: 2, decode: 5 }, values: { decodeWorkerPerS: 12, prefillServiceMs: 50 } },
      { ...made, targets: null, values: {} },
    ];
    const planner: Planner = { strategy: "made", intervalMs: 5000, tick: () => decisions.shift()! };
    const { value } = await shown(() => {}, {}, planner);
    expect(value("engine_decode_capacity_requests_per_second")).toBe(12);
    expect(value("engine_prefill_capacity_requests_per_second")).toBe(20);
    expect(value("predicted_num_prefill_replicas")).toBe(2);
    expect(value("predicted_num_decode_replicas")).toBe(5);
  });

  it("show the last tick", async () => {
    const { value, samples } = await shown();
    expect(value("num_prefill_replicas")).toBe(2);
    expect(value("observed_ttft_ms")).toBe(110);
    expect(value("observed_requests_per_second")).toBe(5);
    expect(value("observed_request_duration_seconds")).toBe(2.5);
    expect(value("predicted_requests_per_second")).toBe(6);
    expect(value("sla_target_itl_ms")).toBe(10);
    for (const loop of ["load", "throughput"]) {
      const enumeration = `${loop}_scaling_decision`;
      const label = `${PREFIX}${enumeration}`;
      // The label of an Enum has the name of its metric (prometheus_client), and no other label is there.
      for (const { labels } of samples(enumeration)) expect(Object.keys(labels)).toEqual([label]);
      expect(value(enumeration, { [label]: loop === "load" ? "scale_up" : "unset" })).toBe(1);
      expect(value(enumeration, { [label]: loop === "load" ? "unset" : "scale" })).toBe(0);
    }
    expect(value("actions_total", { status: "applied" })).toBe(1);
    expect(value("ticks_total")).toBe(2);
    // Ticks are due every 5 s of a clock that began at 1.7e9 s, and 10 s have passed.
    expect(value("next_tick_timestamp_seconds")).toBe(1_700_000_015);
    expect(value("source_problems")).toBe(0);
  });

  it.each<[string, (made: ReturnType<typeof madeService>, seen: Observation) => void, string[]]>([
    [
      "the deployment's state",
      ({ connector }) => Object.assign(connector, { state_: "unknown" }),
      ["num_prefill_replicas"],
    ],
    ["a mean", (_, seen) => Object.assign(seen, { meanTtftMs: null }), ["observed_ttft_ms"]],
    ["a mean that is no number", (_, seen) => Object.assign(seen, { meanItlMs: Number.NaN }), ["observed_itl_ms"]],
    [
      "the load of engines",
      (_, seen) => Object.assign(seen, { decodeLoad: null }),
      ["engine_inflight_decode_kv_tokens"],
    ],
  ])("show nothing of what is not known any more: %s", async (_, change, names) => {
    const { samples, text } = await shown((made, seen) => {
      seen.decodeLoad ??= [];
      change(made, seen);
    });
    for (const name of names) expect(samples(name), name).toEqual([]);
    expect(text).not.toContain("NaN");
  });

  it("show zero as zero", async () => {
    const { value } = await shown((_, seen) => Object.assign(seen, observation(0, 0)));
    expect(value("source_problems")).toBe(0);
    expect(value("observed_ttft_ms")).toBeUndefined();
  });

  it("show each rank by its last pass, in aggregated mode with what waits for prefill, and forget who is gone", async () => {
    const { samples } = await shown((_, seen) => {
      seen.prefillLoad = null;
      seen.forwardPasses = {
        prefill: null,
        decode: [pass("0", 0, 10), pass("0", 0, 20), pass("0", 1, 5), pass("1", 0, 7)],
      };
    });
    const all = (name: string) => samples(name).map(({ labels, value }) => [labels.worker_id, labels.dp_rank, value]);
    expect(all("engine_inflight_decode_kv_tokens")).toEqual([
      ["0", "0", 20],
      ["0", "1", 5],
      ["1", "0", 7],
    ]);
    expect(all("engine_queued_decode_kv_tokens").map(([, , tokens]) => tokens)).toEqual([60, 15, 21]);
    expect(all("engine_queued_prefill_tokens").map(([, , tokens]) => tokens)).toEqual([40, 10, 14]);
  });

  it("show loads where engines tell of no passes, each role its own", async () => {
    const { samples } = await shown((_, seen) => {
      seen.prefillLoad = [{ workerId: 3, queuedRequests: 1, queuedTokens: 900 }];
      seen.decodeLoad = [{ workerId: 3, batch: 2, kvTokens: 400, itlMs: null }];
    });
    expect(samples("engine_queued_prefill_tokens")).toEqual([expect.objectContaining({ value: 900 })]);
    expect(samples("engine_inflight_decode_kv_tokens")).toEqual([expect.objectContaining({ value: 400 })]);
    expect(samples("engine_queued_decode_kv_tokens")).toEqual([]);
  });

  it("show what the wanted workers take of the power, where there is a limit", async () => {
    const power = { limitWatts: 4000, perWorker: { prefill: 500, decode: 1000 } };
    const { value } = await shown(undefined, { power });
    expect(value("power_budget_total_watts")).toBe(4000);
    expect(value("power_projected_watts")).toBe(2 * 500 + 1000);
    expect(value("power_budget_utilization")).toBe(0.5);
    expect((await shown()).samples("power_budget_total_watts")).toEqual([]);
    const unknown = await shown(undefined, { power: { limitWatts: 4000, perWorker: { prefill: null, decode: 1 } } });
    expect(unknown.samples("power_projected_watts")).toEqual([]);
  });
});
