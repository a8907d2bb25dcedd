import { describe, expect, it } from "vitest";
import type { Decision, ForwardPass, Observation } from "#planner/core";
import { type DynosimCase, type DynosimTick, parseDynosimCase } from "../../../src/conformance/dynosim/case.ts";
import { compareTicks } from "../../../src/conformance/dynosim/planner.ts";
import { dynosimRecords } from "../../../src/conformance/dynosim/records.ts";
import { checkDynosimCase, replayDynosimCase } from "../../../src/conformance/dynosim/run.ts";
import { madeCase } from "./made-case.ts";

const PLANNER = {
  mode: "disagg",
  optimization_target: "load",
  prefill_scale_up_queue_tokens: 4000,
  prefill_scale_down_queue_tokens: 200,
  decode_scale_up_kv_rate: 40,
  decode_scale_down_kv_rate: 10,
  load_adjustment_interval_seconds: 2,
  max_gpu_budget: 8,
};

/** A run of prefill and decode workers that a planner scales, without results. */
function made(router: "kv_router" | "round_robin"): DynosimCase {
  const load = { input_tokens: 2000, output_tokens: 120, request_count: 500 };
  const kwargs = {
    request_rate: 14,
    num_prefill_workers: 1,
    num_decode_workers: 1,
    router_mode: router,
    shared_prefix_ratio: 0.4,
    num_prefix_groups: 5,
    planner_config: PLANNER,
  };
  const engine = {
    kv_transfer_bytes_per_token: 100_000,
    kv_transfer_bandwidth: 40,
    timing_model: { type: "polynomial" },
  };
  const value = madeCase(load, { kwargs, engine, pools: { prefill: {}, decode: { num_gpu_blocks: 4096 } } });
  return parseDynosimCase(value, "made.json");
}

/** The same as a file would have recorded it. */
function withResults(run: DynosimCase): DynosimCase {
  const { result, workload, seen } = replayDynosimCase(run);
  const records = dynosimRecords(result, workload);
  return { ...run, records, ticks: result.decisions.map((decision, i) => tickOf(decision, seen[i]!)) };
}

function tickOf(decision: Decision, { forwardPasses }: Observation): DynosimTick {
  const changed = (role: "prefill" | "decode") => {
    const { active, starting } = decision.workers[role];
    const target = decision.targets?.[role];
    return target === undefined || target === active + starting ? null : target;
  };
  const entry = ({ workerId, scheduled, queued }: ForwardPass) => ({
    worker_id: workerId.split("/")[1]!,
    metrics: {
      scheduled_requests: {
        num_prefill_requests: scheduled.prefillRequests,
        sum_prefill_tokens: scheduled.prefillTokens,
        sum_prefill_kv_tokens: scheduled.prefillKvTokens,
        num_decode_requests: scheduled.decodeRequests,
        sum_decode_kv_tokens: scheduled.decodeKvTokens,
      },
      queued_requests: {
        num_prefill_requests: queued.prefillRequests,
        sum_prefill_tokens: queued.prefillTokens,
        num_decode_requests: queued.decodeRequests,
        sum_decode_kv_tokens: queued.decodeKvTokens,
      },
    },
  });
  return {
    at_ms: decision.atMs,
    input: {
      fpm_observations: {
        prefill: forwardPasses!.prefill?.map(entry) ?? null,
        decode: forwardPasses!.decode?.map(entry) ?? null,
      },
    },
    effects: {
      scale_to: decision.targets === null ? null : { num_prefill: changed("prefill"), num_decode: changed("decode") },
      diagnostics: { load_decision_reason: decision.reasons[0]!.code.replaceAll("-", "_") },
    },
  };
}

describe.each(["round_robin", "kv_router"] as const)("a planner of prefill and decode workers, router %s", (router) => {
  const recorded = withResults(made(router));
  const ticks = recorded.ticks!;
  const spoilt = (spoil: (run: DynosimCase) => void) => {
    const copy = structuredClone(recorded);
    spoil(copy);
    return checkDynosimCase(copy).firstDifference;
  };

  it("scales both, and requests go to workers that it started", () => {
    expect(ticks.some(({ effects }) => (effects.scale_to?.num_prefill ?? 0) > 1)).toBe(true);
    expect(ticks.some(({ effects }) => (effects.scale_to?.num_decode ?? 0) > 1)).toBe(true);
    for (const role of ["prefill_worker_idx", "decode_worker_idx"] as const) {
      expect(new Set(recorded.records.map((record) => record[role])).size, role).toBeGreaterThan(1);
    }
  });

  it("is the same again, tick by tick and request by request", () => {
    expect(spoilt(() => {})).toBeNull();
  });

  it.each(["prefill", "decode"] as const)(
    "is compared in what it makes of %s workers, and what it saw of them",
    (role) => {
      const i = ticks.findIndex(
        ({ effects }) =>
          effects.scale_to?.[`num_${role}`] !== undefined &&
          effects.scale_to !== null &&
          effects.scale_to[`num_${role}`] !== null,
      );
      expect(
        spoilt(({ ticks: all }) => {
          all![i]!.effects.scale_to![`num_${role}`]!++;
        }),
      ).toMatch(new RegExp(`^tick ${i}, ${role} workers: found \\d+, expected \\d+$`));
      expect(
        spoilt(({ ticks: all }) => {
          all![1]!.input.fpm_observations![role]![0]!.metrics.queued_requests.sum_decode_kv_tokens++;
        }),
      ).toMatch(new RegExp(`^tick 1, ${role} passes: found `));
    },
  );

  it("is the same in whatever order workers are listed: DynoSim's is that of their ids as text", () => {
    const reversed = ({ ticks: all }: DynosimCase) => {
      for (const { input } of all!) input.fpm_observations!.prefill!.reverse();
    };
    expect(ticks.some(({ input }) => input.fpm_observations!.prefill!.length > 1)).toBe(true);
    expect(spoilt(reversed)).toBeNull();
  });

  it("is compared in where requests went", () => {
    const text = spoilt(({ records }) => {
      // Of two workers a choice that was not the router's.
      for (const record of records) if (record.decode_worker_idx === 1) record.decode_worker_idx = 0;
    });
    expect(text).not.toBeNull();
  });
});

describe("a planner at its GPU budget", () => {
  const replay = (numGpuBlocks: number) => {
    const load = { input_tokens: 1000, output_tokens: 100, request_count: 300 };
    const config = { mode: "agg", max_gpu_budget: 1, decode_scale_up_kv_rate: 5, decode_scale_down_kv_rate: 1 };
    const kwargs = { request_rate: 60, num_workers: 1, planner_config: { ...PLANNER, ...config } };
    const engine = { num_gpu_blocks: numGpuBlocks, timing_model: { type: "polynomial" } };
    const { result, seen } = replayDynosimCase(parseDynosimCase(madeCase(load, { kwargs, engine }), "made.json"));
    return { decisions: result.decisions, seen, ticks: result.decisions.map((each, i) => tickOf(each, seen[i]!)) };
  };

  it("holds in DynoSim's words what asks for more, and asks for nothing where it doesn't", () => {
    const words = (numGpuBlocks: number) =>
      replay(numGpuBlocks).ticks.map(({ effects }) => effects.diagnostics.load_decision_reason);
    expect(new Set(words(4096))).toEqual(new Set(["gpu_budget_guard_hold"]));
    expect(new Set(words(1_000_000))).toEqual(new Set(["no_change"]));
    const { ticks, seen, decisions } = replay(4096);
    expect(decisions.every(({ targets }) => targets === null)).toBe(true);
    expect(compareTicks(ticks, seen, decisions).firstDifference).toBeNull();
    ticks[1]!.effects.diagnostics.load_decision_reason = "no_change";
    const text = "tick 1, reason: found gpu_budget_guard_hold, expected no_change";
    expect(compareTicks(ticks, seen, decisions).firstDifference).toBe(text);
  });
});
