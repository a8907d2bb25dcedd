import { boundPair, boundSingle, withinPower } from "#planner/core";
import { mergeOpinions } from "#planner/service";
import { Comparison } from "./comparison.ts";
import type { RecordedBudgets, RecordedMerge } from "./scaling-schemas.ts";

/** Bounds below 0 are none. */
export function gpuBounds(minGpus: number, maxGpus: number) {
  return { minGpus: minGpus < 0 ? null : minGpus, maxGpus: maxGpus < 0 ? null : maxGpus };
}

export function comparePairBound({ in: given, out }: RecordedBudgets["proportional_clamp_pair"][number]): Comparison {
  const comparison = new Comparison();
  const found = boundPair(
    { prefill: given.num_p, decode: given.num_d },
    { prefill: given.p_gpu, decode: given.d_gpu },
    gpuBounds(given.min_gpus, given.max_gpus),
    minimum(given),
  );
  comparison.same("prefill replicas", found.prefill, out[0]);
  comparison.same("decode replicas", found.decode, out[1]);
  return comparison;
}

export function compareSingleBound({
  in: given,
  out,
}: RecordedBudgets["proportional_clamp_single"][number]): Comparison {
  const comparison = new Comparison();
  const bounds = gpuBounds(given.min_gpus, given.max_gpus);
  comparison.same("replicas", boundSingle(given.desired, given.engine_gpu, bounds, given.min_endpoint), out);
  return comparison;
}

export function comparePower(recorded: RecordedBudgets["apply_power_budget"][number]): Comparison {
  const comparison = new Comparison();
  const { in: given } = recorded;
  const { targets, outcome } = withinPower({
    wanted: { prefill: given.proposed_p, decode: given.proposed_d },
    current: { prefill: given.current_p, decode: given.current_d },
    wattsPerReplica: { prefill: given.p_watts, decode: given.d_watts },
    limitWatts: given.total_budget,
    minimum: minimum(given),
  });
  if ("error" in recorded) {
    comparison.same("outcome", outcome, recorded.error);
    return comparison;
  }
  comparison.same("prefill replicas", targets.prefill, recorded.out[0]);
  comparison.same("decode replicas", targets.decode, recorded.out[1]);
  comparison.same("outcome", outcome, recorded.out[2]);
  return comparison;
}

function minimum(given: { prefill_min_endpoint: number; decode_min_endpoint: number | null }) {
  const prefill = given.prefill_min_endpoint;
  return { prefill, decode: given.decode_min_endpoint ?? prefill };
}

export function compareMerge({ plugins, baseline, set_allowed, out }: RecordedMerge): Comparison {
  const comparison = new Comparison();
  const merged = mergeOpinions(
    plugins.map(({ plugin_id: pluginId, priority, kind, final, targets }) => ({
      pluginId,
      priority,
      answer:
        kind === "override"
          ? {
              kind,
              final,
              targets: (targets ?? []).map(({ sub_component_type, replicas, type }) => ({
                role: sub_component_type,
                replicas,
                type,
              })),
            }
          : { kind },
    })),
    baseline,
    set_allowed,
  );
  const listed = (values: readonly string[]) => [...values].sort().join(", ");
  const isShort = merged.rejectedBy !== null;
  comparison.same("short-circuited", isShort, out.short_circuited);
  if (isShort) return comparison;
  const targets = Object.entries(merged.targets).map(([role, replicas]) => `${role} ${replicas}`);
  // A role that is named without a number is one that ours leaves out.
  const expected = (out.targets ?? []).flatMap(([role, replicas]) =>
    replicas === null ? [] : [`${role} ${replicas}`],
  );
  comparison.same("targets", listed(targets), listed(expected));
  comparison.same("final override", merged.finalFrom ?? "", out.used_final_from);
  const dropped = merged.setDropped.map(({ role }) => role);
  comparison.same("dropped SETs", listed(dropped), listed(out.set_dropped));
  const clamped = merged.clamped.map(({ role, by, pluginId }) => `${role} ${by} ${pluginId}`);
  comparison.same("clamps", listed(clamped), listed(out.clamped.map((clamp) => clamp.join(" "))));
  return comparison;
}
