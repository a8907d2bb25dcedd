import { badEngineConfig } from "./errors.ts";
import { footprintBlocks, reservesOutput } from "./no-evict.ts";
import { MOST_DRAFT_TOKENS } from "./speculation.ts";
import type {
  EngineConfig,
  EngineFamily,
  EngineQuirks,
  KvOffload,
  SglangOptions,
  SpeculativeDecoding,
  TimingModel,
} from "./types.ts";

export const ENGINE_FAMILIES = ["vllm", "trtllm", "sglang"] as const satisfies readonly EngineFamily[];

/** Tokens of a KV block where nothing says it, as Dynamo's mocker has it. */
const FAMILY_BLOCK_SIZES: Readonly<Record<EngineFamily, number>> = { vllm: 64, trtllm: 32, sglang: 1 };

export function defaultBlockSize(family: EngineFamily | undefined): number {
  return FAMILY_BLOCK_SIZES[family ?? ENGINE_DEFAULTS.family];
}

const QUIRK_NAMES = [
  "integerMeans",
  "freeOutputRecompute",
  "fifoSkipsNext",
  "freeDecodeRecompute",
  "oneReservationPerTrigger",
  "duplicateBlocks",
  "gateWithoutReservation",
  "doubleRounding",
  "abortOnStuck",
  "reservationsFirst",
  "freeTransferredToken",
  "fixedPrefillPerPass",
  "slotAhead",
  "hitsCountAsRoom",
  "unclampedReserve",
] as const satisfies readonly (keyof EngineQuirks)[];

function allQuirks(value: boolean): EngineQuirks {
  return Object.fromEntries(QUIRK_NAMES.map((name) => [name, value])) as unknown as EngineQuirks;
}

/** The sensible behaviour: every switch off. */
export const NO_ENGINE_QUIRKS: Readonly<EngineQuirks> = Object.freeze(allQuirks(false));
/** As ai-dynamo 1.6.1's DynoSim behaves: every switch on. */
export const DYNOSIM_ENGINE_QUIRKS: Readonly<EngineQuirks> = Object.freeze(allQuirks(true));
export const ENGINE_QUIRK_NAMES: readonly (keyof EngineQuirks)[] = QUIRK_NAMES;

/** Defaults of Dynamo's mocker (`dynamo.mocker --help`, ai-dynamo 1.6.1), watermark apart, which it no longer has. */
export const ENGINE_DEFAULTS: Omit<EngineConfig, "timing"> = {
  family: "vllm",
  sglang: {
    schedulePolicy: "fifo",
    maxPrefillTokens: 16384,
    chunkedPrefillSize: 8192,
    clipMaxNewTokens: 4096,
    scheduleConservativeness: 1,
  },
  role: "aggregated",
  numGpuBlocks: 16384,
  blockSize: FAMILY_BLOCK_SIZES.vllm,
  maxNumSeqs: 256,
  maxNumBatchedTokens: 8192,
  maxModelLen: null,
  prefixCaching: true,
  chunkedPrefill: true,
  preemption: "lifo",
  watermark: 0,
  prefillScheduleInterval: 1,
  prefillDecodeInterval: 0,
  speedupRatio: 1,
  decodeSpeedupRatio: 1,
  speculative: null,
  kvOffload: null,
  thinkingRatio: 0,
  reservesFirst: false,
  quirks: NO_ENGINE_QUIRKS,
  kvEvents: false,
};

/** A full configuration from what differs from the defaults. @throws UserError ENGINE_BAD_CONFIG */
export function engineConfig(
  overrides: Partial<Omit<EngineConfig, "timing" | "sglang">> & { timing: TimingModel; sglang?: SomeOf<SglangOptions> },
): EngineConfig {
  const config: EngineConfig = {
    ...ENGINE_DEFAULTS,
    blockSize: defaultBlockSize(overrides.family),
    ...overrides,
    sglang: withDefaults(
      { ...ENGINE_DEFAULTS.sglang, chunkedPrefillSize: wholePages(overrides.blockSize ?? ENGINE_DEFAULTS.blockSize) },
      overrides.sglang,
    ),
  };
  const positive = [
    "numGpuBlocks",
    "blockSize",
    "maxNumSeqs",
    "maxNumBatchedTokens",
    "prefillScheduleInterval",
  ] as const;
  for (const key of positive) requireInteger(key, config[key]);
  if (config.maxModelLen !== null) requireInteger("maxModelLen", config.maxModelLen);
  for (const key of ["speedupRatio", "decodeSpeedupRatio"] as const) {
    const value = config[key];
    if (!Number.isFinite(value) || value < 0) {
      throw badEngineConfig(key, value, "a number of 0 (no waiting) or more", "1 keeps the profile's own times");
    }
  }
  if (!(config.watermark >= 0 && config.watermark < 1)) {
    throw badEngineConfig(
      "watermark",
      config.watermark,
      "a share of the blocks, 0 or more and below 1",
      "0 is the default",
    );
  }
  if (!(config.thinkingRatio >= 0 && config.thinkingRatio <= 1)) {
    throw badEngineConfig("thinkingRatio", config.thinkingRatio, "a share of the output, 0..1", "0: no reasoning");
  }
  if (config.family !== "vllm" && config.prefillScheduleInterval > 1) {
    throw badEngineConfig(
      "prefillScheduleInterval",
      config.prefillScheduleInterval,
      `1 for an engine of the family ${config.family}`,
      config.family === "sglang" ? "SGLang's is prefillDecodeInterval" : "it is vLLM's",
    );
  }
  requireDecodeInterval(config);
  if (config.speculative !== null) requireSpeculative(config, config.speculative);
  if (config.kvOffload !== null) requireKvOffload(config, config.kvOffload);
  if (config.family === "sglang") requireSglang(config);
  return config;
}

function requireDecodeInterval({ family, prefillDecodeInterval }: EngineConfig): void {
  if (!Number.isSafeInteger(prefillDecodeInterval) || prefillDecodeInterval < 0) {
    throw badEngineConfig(
      "prefillDecodeInterval",
      prefillDecodeInterval,
      "a whole number of 0 or more",
      "0 is the default",
    );
  }
  if (family !== "sglang" && prefillDecodeInterval > 0) {
    throw badEngineConfig(
      "prefillDecodeInterval",
      prefillDecodeInterval,
      `0 for an engine of the family ${family}`,
      family === "vllm" ? "vLLM's is prefillScheduleInterval" : "it is SGLang's",
    );
  }
}

/** The default chunk of a prompt, cut to whole pages, tokens. */
function wholePages(pageTokens: number): number {
  const chunk = ENGINE_DEFAULTS.sglang.chunkedPrefillSize;
  return Number.isInteger(pageTokens) && pageTokens > 0
    ? Math.max(1, Math.floor(chunk / pageTokens)) * pageTokens
    : chunk;
}

type SomeOf<T> = { [K in keyof T]?: T[K] | undefined };

function withDefaults<T extends object>(defaults: T, given: SomeOf<T> = {}): T {
  return { ...defaults, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

function requireSpeculative({ decodeSpeedupRatio }: EngineConfig, { acceptRates, seed }: SpeculativeDecoding): void {
  const { length } = acceptRates;
  if (length < 1 || length > MOST_DRAFT_TOKENS || acceptRates.some((rate) => !(rate >= 0 && rate <= 1))) {
    throw badEngineConfig(
      "speculative.acceptRates",
      acceptRates.join(", "),
      `1 to ${MOST_DRAFT_TOKENS} chances of 0..1`,
      "one for each draft token, given that those before it were accepted",
    );
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw badEngineConfig("speculative.seed", seed, "a whole number of 0 or more", "42 is the default");
  }
  if (decodeSpeedupRatio !== 1) {
    throw badEngineConfig(
      "decodeSpeedupRatio",
      decodeSpeedupRatio,
      "1 with speculative decoding",
      "accepted draft tokens are the speed-up",
    );
  }
}

function requireKvOffload(
  { family, prefixCaching }: EngineConfig,
  { hostBlocks, bytesPerBlock, bytesPerSecond }: KvOffload,
): void {
  if (family !== "vllm") {
    throw badEngineConfig(
      "kvOffload",
      `${hostBlocks} blocks`,
      `none for an engine of the family ${family}`,
      "vllm plays it",
    );
  }
  if (!prefixCaching) {
    throw badEngineConfig(
      "kvOffload",
      `${hostBlocks} blocks`,
      "none without prefix caching",
      "host memory keeps what the prefix cache evicts",
    );
  }
  requireInteger("kvOffload.hostBlocks", hostBlocks);
  for (const [key, value] of Object.entries({ bytesPerBlock, bytesPerSecond })) {
    if (!(Number.isFinite(value) && value > 0)) {
      throw badEngineConfig(
        `kvOffload.${key}`,
        value,
        "a number above 0",
        "the time of a load is the one by the other",
      );
    }
  }
}

function requireSglang({ sglang, blockSize }: EngineConfig): void {
  for (const key of ["maxPrefillTokens", "chunkedPrefillSize", "clipMaxNewTokens"] as const) {
    requireInteger(`sglang.${key}`, sglang[key]);
  }
  const { chunkedPrefillSize, scheduleConservativeness } = sglang;
  if (chunkedPrefillSize % blockSize !== 0) {
    throw badEngineConfig(
      "sglang.chunkedPrefillSize",
      chunkedPrefillSize,
      `a multiple of the block size, ${blockSize}`,
      "prompts are cut at whole pages",
    );
  }
  if (!(Number.isFinite(scheduleConservativeness) && scheduleConservativeness > 0)) {
    throw badEngineConfig(
      "sglang.scheduleConservativeness",
      scheduleConservativeness,
      "a number above 0",
      "1 is the default",
    );
  }
}

function requireInteger(key: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw badEngineConfig(key, value, "a whole number of 1 or more", "leave it out for the default");
  }
}

/** Why a request can never be served, or null. Output lengths are cut to `maxModelLen` beforehand. */
export function neverFits(config: EngineConfig, isl: number, osl: number): string | null {
  const capacity = config.numGpuBlocks * config.blockSize;
  if (Math.ceil(isl / config.blockSize) > config.numGpuBlocks) {
    return `the prompt of ${isl} tokens exceeds the KV cache of ${capacity} tokens`;
  }
  if (config.maxModelLen !== null && isl >= config.maxModelLen) {
    return `the prompt of ${isl} tokens leaves no room for output within the model length of ${config.maxModelLen}`;
  }
  if (config.quirks.abortOnStuck) return null;
  // The last token is emitted without being computed, so it needs no room; what reserves counts it all the same.
  const hasSlotAhead = config.family === "sglang" && config.role !== "prefill" && config.quirks.slotAhead;
  const countsLast = reservesOutput(config) || hasSlotAhead;
  const blocks = footprintBlocks(config, isl, countsLast ? osl : osl - 1);
  if (blocks > config.numGpuBlocks) {
    return `prompt and output of ${isl + osl} tokens exceed the KV cache of ${capacity} tokens`;
  }
  if (
    config.family !== "sglang" &&
    !config.chunkedPrefill &&
    config.role !== "decode" &&
    isl > config.maxNumBatchedTokens
  ) {
    return `the prompt of ${isl} tokens exceeds the budget of ${config.maxNumBatchedTokens} tokens a pass, and chunked prefill is off`;
  }
  return null;
}

/** Blocks that admissions leave alone: nobody waits for the watermark alone. */
export function keptFreeBlocks({ watermark, numGpuBlocks }: EngineConfig, running: number): number {
  return running === 0 ? 0 : Math.floor(watermark * numGpuBlocks);
}

/** Whether a running request waits with its prompt, because it is not to be cut and all of it would find a place in another pass. */
export function waitsForBudget(config: EngineConfig, missingTokens: number, leftTokens: number): boolean {
  return !config.chunkedPrefill && missingTokens > leftTokens && missingTokens <= config.maxNumBatchedTokens;
}

/** Tokens a request may emit: what was asked, cut to the model length, at least 1. */
export function effectiveOsl(config: EngineConfig, isl: number, osl: number): number {
  const asked = Math.max(1, osl);
  return config.maxModelLen === null ? asked : Math.max(1, Math.min(asked, config.maxModelLen - isl));
}

/** Tokens that an engine of this configuration emits for a request: one that computes prompts alone stops after the first. */
export function emittedTokens(config: EngineConfig, isl: number, osl: number): number {
  return config.role === "prefill" ? 1 : effectiveOsl(config, isl, osl);
}
