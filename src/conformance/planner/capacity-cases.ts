import {
  aggregatedCapacity,
  type CapacityRequest,
  decodeCapacity,
  LegacyRegression,
  type PassModel,
  prefillCapacity,
} from "#planner/core";
import { Comparison } from "./comparison.ts";
import type { RecordedCapacity, RecordedLinearModel, RecordedRegression } from "./scaling-schemas.ts";

const RELATIVE = 1e-9;

/** The pass model that cases state: linear in the load of the slowest rank. */
export function statedModel({ a, b, c, d }: RecordedLinearModel): PassModel {
  return {
    passMs: (ranks) =>
      Math.max(
        ...ranks.map(
          ({ prefillTokens, decodeRequests, decodeKvTokens }) =>
            a + b * prefillTokens + c * decodeRequests + d * decodeKvTokens,
        ),
      ),
  };
}

export function compareCapacity(model: RecordedLinearModel, recorded: RecordedCapacity): Comparison {
  const comparison = new Comparison();
  const { limits, request, out } = recorded;
  const ms = (seconds: number | null) => (seconds === null ? null : seconds * 1000);
  const query: CapacityRequest = {
    isl: request.isl,
    osl: request.osl,
    kvHitRate: request.kv_hit_rate,
    acceptLength: request.accept_length,
    sla: { ttftMs: ms(request.ttft_sla_s), itlMs: ms(request.itl_sla_s), e2eMs: ms(request.e2e_latency_sla_s) },
    prefer: recorded.optimization_target,
  };
  const ask = { prefill: prefillCapacity, decode: decodeCapacity, aggregated: aggregatedCapacity };
  const engine = {
    model: statedModel(model),
    ranks: recorded.attention_dp_size,
    limits: {
      maxBatchedTokens: limits.max_num_batched_tokens,
      maxSequences: limits.max_num_seqs,
      maxKvTokens: limits.max_kv_tokens,
    },
  };
  const found = ask[recorded.worker_type](engine, query);
  comparison.same("has a capacity", found !== null, out !== null);
  if (found === null || out === null) return comparison;
  comparison.near("requests/s", found.requestsPerS, out.rps, RELATIVE);
  nearOrNull(comparison, "TTFT", found.ttftMs, ms(out.ttft_s));
  nearOrNull(comparison, "ITL", found.itlMs, ms(out.itl_s));
  nearOrNull(comparison, "end-to-end latency", found.e2eMs, ms(out.e2e_latency_s));
  comparison.same("keeps the SLA", found.isEligible, out.eligible);
  return comparison;
}

/** A run of passes through a legacy regression: what it keeps, its coefficients, and what it answers. */
export function compareRegression(recorded: RecordedRegression): Comparison {
  const comparison = new Comparison();
  const { out } = recorded;
  const regression = new LegacyRegression(recorded.kind, {
    maxSamples: recorded.max_num_fpm_samples,
    buckets: recorded.bucket_count,
    minSamples: recorded.min_observations,
  });
  for (const { wt, pt, npf, nd, dk } of recorded.observations) {
    regression.observe({
      wallTimeS: wt,
      prefillTokens: pt,
      prefillRequests: npf,
      decodeRequests: nd,
      decodeKvTokens: dk,
    });
  }
  const line = regression.line();
  comparison.same("samples", regression.samples.length, out.num_observations);
  comparison.same("enough samples", regression.isSufficient, out.sufficient);
  comparison.same("fitted", line !== null, out.fitted);
  if (out.kept_sorted !== undefined) {
    const kept = regression.samples.map(({ x, y }) => [...x, y].join(" ")).sort();
    const expected = out.kept_sorted.map((row) => row.join(" ")).sort();
    comparison.same("kept samples", kept.join("; "), expected.join("; "));
  }
  if (line !== null && out.intercept !== undefined) {
    comparison.near("intercept", line.intercept, out.intercept, RELATIVE);
    line.slopes.forEach((slope, i) => {
      comparison.near(`slope ${i}`, slope, out.coef?.[i] ?? Number.NaN, RELATIVE);
    });
  }
  recorded.queries.forEach((query, i) => {
    const found = answers(regression, recorded.kind, query);
    const expected = [query.out].flat();
    comparison.same(`answers of query ${i}`, found.length, expected.length);
    found.forEach((value, k) => {
      nearOrNull(comparison, `query ${i} (${query.fn})[${k}]`, value, expected[k] ?? null);
    });
  });
  return comparison;
}

function answers(
  regression: LegacyRegression,
  kind: RecordedRegression["kind"],
  { fn, in: given }: RecordedRegression["queries"][number],
): (number | null)[] {
  const value = (name: string) => given[name] ?? 0;
  const known = (name: string) => given[name] ?? null;
  if (fn === "estimate_next_ttft") {
    const { max_num_batched_tokens: most } = given;
    const decodeKvTokens = value("current_decode_kv");
    const hitRate = known("kv_hit_rate");
    return [regression.nextTtftS(value("queued_prefill_tokens"), most ?? null, decodeKvTokens, hitRate)];
  }
  if (fn === "estimate_next_itl")
    return [regression.nextItlS(value("scheduled_decode_kv") + value("queued_decode_kv"))];
  if (!fn.startsWith("find_best_engine_")) return [];
  if (kind === "prefill") {
    const { requestsPerS, ttftMs } = regression.prefillCapacity(value("isl"), known("max_num_batched_tokens"));
    return [requestsPerS, ttftMs];
  }
  const request = {
    isl: value("isl"),
    osl: value("osl"),
    contextLength: known("context_length") ?? value("isl") + value("osl") / 2,
    itlMs: known("itl") ?? value("itl_sla"),
    maxBatchedTokens: known("max_num_batched_tokens"),
    maxKvTokens: known("max_kv_tokens"),
    maxSequences: known("max_num_seqs"),
    acceptLength: known("accept_length") ?? 1,
    kvHitRate: known("kv_hit_rate"),
  };
  const capacity = kind === "decode" ? regression.decodeCapacity(request) : regression.aggregatedCapacity(request);
  const { requestsPerS, ttftMs, itlMs } = capacity;
  return kind === "decode" ? [requestsPerS, itlMs] : [requestsPerS, ttftMs, itlMs];
}

export function nearOrNull(comparison: Comparison, what: string, found: number | null, expected: number | null): void {
  if (found === null || expected === null) comparison.same(what, found, expected);
  else comparison.near(what, found, expected, RELATIVE);
}
