import type { Dialect, ProfilingRequest, SlaRequest } from "../types.ts";
import type { Draft } from "./draft.ts";
import { refused } from "./errors.ts";
import { presetsOf } from "./presets.ts";

/**
 * The targets. In a v1beta1 request TTFT and ITL have defaults that only an explicit null takes away, so that a target for the whole
 * request needs both null; a flag that gives one kind of target takes the other kind away.
 * @throws UserError PROFILER_SLA_NOT_POSITIVE, PROFILER_SLA_BOTH, PROFILER_SLA_INCOMPLETE
 */
export function targetsOf(draft: Draft, dialect: Dialect): SlaRequest {
  settleFlags(draft);
  for (const name of ["ttft", "itl", "e2eLatency"] as const) {
    const value = draft.get(name);
    if (value !== undefined && value <= 0) {
      throw refused(
        "SLA_NOT_POSITIVE",
        draft.where(name),
        `SLA '${name}' must be positive (got ${value}).`,
        "targets are times in ms, such as 200",
      );
    }
  }
  const given = { ttft: draft.has("ttft"), itl: draft.has("itl") };
  const optimization = draft.get("optimization");
  const rest = { given, ...(optimization === undefined ? {} : { optimization }) };
  const e2eLatencyMs = draft.get("e2eLatency");
  const nulls = Number(draft.isNull("ttft")) + Number(draft.isNull("itl"));
  if (e2eLatencyMs !== undefined) {
    if (nulls < 2) {
      throw refused(
        "SLA_BOTH",
        draft.where("e2eLatency"),
        "SLA must specify either (ttft and itl) or e2eLatency, not both.",
        "TTFT and ITL have defaults: set ttft: null and itl: null beside e2eLatency",
      );
    }
    return { ttftMs: e2eLatencyMs, itlMs: e2eLatencyMs, e2eLatencyMs, ...rest };
  }
  if (nulls === 2) {
    throw refused(
      "SLA_INCOMPLETE",
      draft.where("ttft"),
      "Either both 'ttft' and 'itl', or 'e2eLatency', must be provided in the SLA spec.",
      "give e2eLatency, or leave ttft and itl out for their defaults",
    );
  }
  if (nulls === 1) {
    throw refused(
      "SLA_INCOMPLETE",
      draft.where(draft.isNull("ttft") ? "ttft" : "itl"),
      "ttft and itl must both be provided together.",
      "give both, or leave the other out for its default",
    );
  }
  const presets = presetsOf(dialect);
  return { ttftMs: draft.get("ttft") ?? presets.ttftMs, itlMs: draft.get("itl") ?? presets.itlMs, ...rest };
}

/** What flags say of targets takes the place of what a document says of the other kind. */
function settleFlags(draft: Draft): void {
  const flagged = (name: "ttft" | "itl" | "e2eLatency") =>
    draft.has(name) && draft.where(name)?.startsWith("--") === true;
  const times = (["ttft", "itl"] as const).filter(flagged);
  if (flagged("e2eLatency") && times.length === 0) {
    draft.set("ttft", null, "--e2e-latency");
    draft.set("itl", null, "--e2e-latency");
  } else if (times.length === 2 && draft.has("e2eLatency") && !flagged("e2eLatency")) draft.drop("e2eLatency");
}

/** @throws UserError PROFILER_LOAD_BOTH */
export function workloadOf(draft: Draft, dialect: Dialect): ProfilingRequest["workload"] {
  const flagged = (name: "requestRate" | "concurrency") => draft.where(name)?.startsWith("--") === true;
  if (draft.has("requestRate") && draft.has("concurrency")) {
    if (flagged("requestRate") === flagged("concurrency")) {
      throw refused(
        "LOAD_BOTH",
        draft.where("requestRate"),
        "Only one of 'concurrency' or 'requestRate' can be provided, not both.",
        `concurrency is at ${draft.where("concurrency")}`,
      );
    }
    draft.drop(flagged("requestRate") ? "concurrency" : "requestRate");
  }
  const presets = presetsOf(dialect);
  const requestRate = draft.get("requestRate");
  const concurrency = draft.get("concurrency");
  return {
    isl: draft.get("isl") ?? presets.isl,
    osl: draft.get("osl") ?? presets.osl,
    ...(requestRate === undefined ? {} : { requestRate }),
    ...(concurrency === undefined ? {} : { concurrency }),
  };
}
