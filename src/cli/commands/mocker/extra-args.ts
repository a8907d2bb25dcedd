import { readFileSync } from "node:fs";
import { ENGINE_FAMILIES } from "#mocker/engine";
import { badEngineArg, engineArgsUnreadable, unknownEngineArgs } from "./errors.ts";
import type { MockerFlags } from "./flags.ts";
import { readShares } from "./values.ts";

type Reader = (value: unknown) => Partial<MockerFlags> | null;

const whole = (least: number, flags: (value: number) => Partial<MockerFlags>): Rule => ({
  expected: `a whole number of ${least} or more`,
  read: (value) => (Number.isSafeInteger(value) && (value as number) >= least ? flags(value as number) : null),
});
const number = (
  fits: (value: number) => boolean,
  expected: string,
  flags: (value: number) => Partial<MockerFlags>,
): Rule => ({
  expected,
  read: (value) => (typeof value === "number" && fits(value) ? flags(value) : null),
});
const bool = (flags: (value: boolean) => Partial<MockerFlags>): Rule => ({
  expected: "true or false",
  read: (value) => (typeof value === "boolean" ? flags(value) : null),
});
const text = (flags: (value: string) => Partial<MockerFlags>): Rule => ({
  expected: "a text",
  read: (value) => (typeof value === "string" ? flags(value) : null),
});
const oneOf = <T extends string>(values: readonly T[], flags: (value: T) => Partial<MockerFlags>): Rule => ({
  expected: values.map((value) => `"${value}"`).join(" or "),
  read: (value) => (values.includes(value as T) ? flags(value as T) : null),
});

/** An object whose every key has a rule; one that has none won't do. */
const nested = (rules: Readonly<Record<string, Rule>>): Rule => ({
  expected: `an object of ${Object.entries(rules)
    .map(([key, { expected }]) => `${key} (${expected})`)
    .join(", ")}`,
  read: (value) => {
    if (typeof value !== "object" || value === null) return null;
    const read = Object.entries(value).map(([key, inner]) => rules[key]?.read(inner) ?? null);
    return read.includes(null) ? null : Object.assign({}, ...read);
  },
});

interface Rule {
  expected: string;
  /** Null where the value won't do. */
  read: Reader;
}

/** The keys of Dynamo's `MockEngineArgs` in JSON, and what they are as flags. */
const RULES: Readonly<Record<string, Rule>> = {
  engine_type: oneOf(ENGINE_FAMILIES, (engineType) => ({ engineType })),
  num_gpu_blocks: whole(1, (numGpuBlocksOverride) => ({ numGpuBlocksOverride })),
  block_size: whole(1, (blockSize) => ({ blockSize })),
  max_num_seqs: whole(1, (maxNumSeqs) => ({ maxNumSeqs })),
  max_num_batched_tokens: whole(1, (maxNumBatchedTokens) => ({ maxNumBatchedTokens })),
  max_model_len: whole(1, (maxModelLen) => ({ maxModelLen })),
  enable_prefix_caching: bool((enablePrefixCaching) => ({ enablePrefixCaching })),
  enable_chunked_prefill: bool((enableChunkedPrefill) => ({ enableChunkedPrefill })),
  watermark: number(
    (v) => v >= 0 && v < 1,
    "a share of 0 or more and below 1",
    (watermark) => ({ watermark }),
  ),
  aic_nextn: whole(1, (aicNextn) => ({ aicNextn })),
  aic_nextn_accept_rates: {
    expected: "shares of 0..1, comma-separated in a text",
    read: (value) => {
      const rates = typeof value === "string" ? readShares(value) : null;
      return rates === null ? null : { aicNextnAcceptRates: rates };
    },
  },
  aic_mtp_seed: whole(0, (aicMtpSeed) => ({ aicMtpSeed })),
  prefill_schedule_interval: whole(1, (prefillScheduleInterval) => ({ prefillScheduleInterval })),
  prefill_decode_interval: whole(0, (prefillDecodeInterval) => ({ prefillDecodeInterval })),
  speedup_ratio: number(
    (v) => v >= 0,
    "a number of 0 or more",
    (speedupRatio) => ({ speedupRatio }),
  ),
  decode_speedup_ratio: number(
    (v) => v >= 0,
    "a number of 0 or more",
    (decodeSpeedupRatio) => ({ decodeSpeedupRatio }),
  ),
  preemption_mode: oneOf(["lifo", "fifo"], (preemptionMode) => ({ preemptionMode })),
  dp_size: whole(1, (dataParallelSize) => ({ dataParallelSize })),
  startup_time: number(
    (v) => v >= 0,
    "seconds, 0 or more",
    (s) => ({ startupTime: s * 1000 }),
  ),
  is_prefill: bool((on): Partial<MockerFlags> => (on ? { disaggregationMode: "prefill" } : {})),
  is_decode: bool((on): Partial<MockerFlags> => (on ? { disaggregationMode: "decode" } : {})),
  worker_type: oneOf(["aggregated", "prefill", "decode"], (type) => ({
    disaggregationMode: type === "aggregated" ? "agg" : type,
  })),
  planner_profile_data: text((plannerProfileData) => ({ plannerProfileData })),
  aic_system: text((aicSystem) => ({ aicPerfModel: true, aicSystem })),
  aic_backend: oneOf(["vllm", "sglang", "trtllm"], (aicBackend) => ({ aicBackend })),
  aic_backend_version: text((aicBackendVersion) => ({ aicBackendVersion })),
  aic_tp_size: whole(1, (aicTpSize) => ({ aicTpSize })),
  aic_model_path: text((modelPath) => ({ modelPath })),
  aic_moe_tp_size: whole(1, (aicMoeTpSize) => ({ aicMoeTpSize })),
  aic_moe_ep_size: whole(1, (aicMoeEpSize) => ({ aicMoeEpSize })),
  aic_attention_dp_size: whole(1, (aicAttentionDpSize) => ({ aicAttentionDpSize })),
  kv_transfer_bandwidth: number(
    (v) => v >= 0,
    "GB/s, 0 or more",
    (rate) => ({ kvTransferBandwidth: String(rate) }),
  ),
  kv_transfer_timing_mode: oneOf(["full_prompt", "destination_missing"], (kvTransferTimingMode) => ({
    kvTransferTimingMode,
  })),
  kv_bytes_per_token: whole(1, (kvBytesPerToken) => ({ kvBytesPerToken })),
  sglang: nested({
    schedule_policy: oneOf(["fifo", "fcfs", "lpm"], (sglangSchedulePolicy) => ({ sglangSchedulePolicy })),
    max_prefill_tokens: whole(1, (sglangMaxPrefillTokens) => ({ sglangMaxPrefillTokens })),
    chunked_prefill_size: whole(1, (sglangChunkedPrefillSize) => ({ sglangChunkedPrefillSize })),
    clip_max_new_tokens: whole(1, (sglangClipMaxNewTokens) => ({ sglangClipMaxNewTokens })),
    schedule_conservativeness: number(
      (v) => v > 0,
      "a number above 0",
      (sglangScheduleConservativeness) => ({ sglangScheduleConservativeness }),
    ),
  }),
  trtllm: nested({ capacity_scheduler_policy: oneOf(["guaranteed_no_evict"], () => ({})) }),
  reasoning: {
    expected: "an object as --reasoning takes it",
    read: (value) => (typeof value === "object" && value !== null ? { reasoning: JSON.stringify(value) } : null),
  },
};

/** The flags of a file of `--extra-engine-args`. @throws UserError */
export function readEngineArgs(file: string): Partial<MockerFlags> {
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw engineArgsUnreadable(file, (error as Error).message, error);
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) {
    throw engineArgsUnreadable(file, "it is no JSON object", undefined);
  }
  const unknown = Object.keys(found).filter((key) => !Object.hasOwn(RULES, key));
  if (unknown.length > 0) throw unknownEngineArgs(file, unknown, Object.keys(RULES));
  const { is_prefill, is_decode } = found as Record<string, unknown>;
  if (is_prefill === true && is_decode === true) {
    throw badEngineArg(file, "is_prefill", true, "one of is_prefill and is_decode");
  }
  let flags: Partial<MockerFlags> = {};
  for (const [key, value] of Object.entries(found)) {
    // Dynamo writes null for what is not set.
    if (value === null) continue;
    const rule = RULES[key]!;
    const read = rule.read(value);
    if (read === null) throw badEngineArg(file, key, value, rule.expected);
    flags = { ...flags, ...read };
  }
  return flags;
}
