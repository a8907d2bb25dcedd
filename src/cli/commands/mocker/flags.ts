import { type Command, Option } from "commander";
import { ENGINE_FAMILIES, ENGINE_QUIRK_NAMES, type EngineFamily } from "#mocker/engine";
import { positiveNumber, wholeNumber } from "../../values.ts";
import { atLeast, keys, milliseconds, portList, seconds, share, shares } from "./values.ts";

/** What `understudy mocker` is told; everything is optional, so that files and defaults can fill the gaps. */
export interface MockerFlags {
  // Model
  model?: string;
  modelPath?: string;
  modelName?: string;
  servedModelName?: string[];
  tokenizer?: string;
  maxModelLen?: number;
  defaultOutputTokens?: number;
  reasoning?: string;
  seed?: number;
  // Timing
  profile?: string;
  plannerProfileData?: string;
  surfaces?: "robust" | "compat";
  timing?: string;
  timeToFirstToken?: number;
  interTokenLatency?: number;
  aicPerfModel?: true;
  aicSystem?: string;
  aicBackend?: "vllm" | "sglang" | "trtllm";
  aicBackendVersion?: string;
  aicTpSize?: number;
  aicMoeTpSize?: number;
  aicMoeEpSize?: number;
  aicAttentionDpSize?: number;
  gpuMemoryUtilization?: number;
  memFractionStatic?: number;
  freeGpuMemoryFraction?: number;
  engineLog?: true;
  speedupRatio?: number;
  decodeSpeedupRatio?: number;
  startupTime?: number;
  timeScale?: number;
  // Engine
  engineType?: EngineFamily;
  sglangSchedulePolicy?: "fifo" | "fcfs" | "lpm";
  sglangPageSize?: number;
  sglangMaxPrefillTokens?: number;
  sglangChunkedPrefillSize?: number;
  sglangClipMaxNewTokens?: number;
  sglangScheduleConservativeness?: number;
  trtllmCapacitySchedulerPolicy?: "guaranteed_no_evict";
  numGpuBlocksOverride?: number;
  blockSize?: number;
  maxNumSeqs?: number;
  maxNumBatchedTokens?: number;
  enablePrefixCaching?: boolean;
  enableChunkedPrefill?: boolean;
  kvOffloadingSize?: number;
  kvOffloadingBackend?: "native";
  kvOffloadingBandwidth?: string;
  watermark?: number;
  prefillScheduleInterval?: number;
  prefillDecodeInterval?: number;
  aicNextn?: number;
  aicNextnAcceptRates?: number[];
  aicMtpSeed?: number;
  preemptionMode?: "lifo" | "fifo";
  dataParallelSize?: number;
  quirks?: string[];
  extraEngineArgs?: string;
  // Disaggregation
  disaggregationMode?: "agg" | "prefill" | "decode";
  isPrefillWorker?: true;
  isDecodeWorker?: true;
  kvTransferBandwidth?: string;
  kvTransferTimingMode?: "full_prompt" | "destination_missing";
  kvBytesPerToken?: number;
  kvCacheDtype?: string;
  handoffTimeout?: number;
  // KV events
  kvEvents?: boolean;
  zmqKvEventsPorts?: number[];
  zmqReplayPorts?: number[];
  // Server
  host?: string;
  advertiseHost?: string;
  port?: number;
  numWorkers?: number;
  staggerDelay?: number;
  apiKey?: string[];
  apiKeyFile?: string;
  maxWaiting?: number;
  maxConnections?: number;
  requestTimeout?: number;
  trustRequestStart?: true;
  registerDir?: string;
  endpoint?: string;
  metricNames?: "vllm" | "sglang";
  drainTimeout?: number;
  logLevel?: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
  json?: true;
  printConfig?: true;
  /** A runner's: replicas come and go by an API on this port of loopback. */
  adminPort?: number;
}

/** Adds every flag, with its environment equivalent, to the command. */
export function withMockerFlags(command: Command): Command {
  const add = (group: string, ...options: Option[]) => {
    for (const option of options) command.addOption(named(option).helpGroup(group));
  };
  add(
    "Model:",
    new Option("--model-name <name>", "name it answers to (default: the profile's model, else mock-model)"),
    new Option("--served-model-name <name...>", "vLLM's: names it answers to, the first one first"),
    new Option("--model <name>", "vLLM's: as --model-name"),
    new Option("--model-path <id|dir>", "model whose last part is the name; of a folder its tokenizer and config.json"),
    new Option("--tokenizer <file|dir>", "a tokenizer.json to count with (default: built in)"),
    new Option("--max-model-len <tokens>", "longest prompt + output (default: what the KV cache holds)").argParser(
      wholeNumber("--max-model-len", 1),
    ),
    new Option("--default-output-tokens <n>", "mean length where a request sets none (default: 128)").argParser(
      wholeNumber("--default-output-tokens", 1),
    ),
    new Option("--reasoning <json>", '{"start_thinking_token_id":…,"end_thinking_token_id":…,"thinking_ratio":0.3}'),
    new Option("--seed <n>", "of the texts of requests that bring none (default: 0)").argParser(wholeNumber("--seed")),
  );
  add(
    "Timing:",
    new Option("--profile <name|path>", "shipped profile, profiler results, npz or profile.json"),
    new Option("--planner-profile-data <path>", "Dynamo's: a mocker table (.npz), read as Dynamo does; or a profile"),
    new Option("--surfaces <family>", "how a profile is read (default: robust)").choices(["robust", "compat"]),
    new Option("--timing <model>", "polynomial (the default without a profile), or fixed:<ttft>,<itl>"),
    new Option("--time-to-first-token <ms>", "fixed times: of a prompt, such as 100 or 100ms").argParser(
      milliseconds("--time-to-first-token"),
    ),
    new Option("--inter-token-latency <ms>", "fixed times: of a token").argParser(
      milliseconds("--inter-token-latency"),
    ),
    new Option("--speedup-ratio <x>", "divides the engine's times; 0: no waiting (default: 1)").argParser(
      atLeast("--speedup-ratio", 0),
    ),
    new Option("--decode-speedup-ratio <x>", "divides decode times once more (default: 1)").argParser(
      atLeast("--decode-speedup-ratio", 0),
    ),
    new Option(
      "--startup-time <seconds>",
      "until a worker is ready, such as 30 or 2m (default: the profile's, or 0)",
    ).argParser(seconds("--startup-time")),
    new Option("--time-scale <k>", "model time runs k times as fast as the clock (default: 1)").argParser(
      positiveNumber("--time-scale"),
    ),
  );
  add(
    "Timing by the built-in estimator:",
    new Option("--aic-perf-model", "times of --model-path on --aic-system, without a profile"),
    new Option("--aic-system <name>", "GPU system, such as h200_sxm"),
    new Option("--aic-backend <name>", "whose kernels (default: vllm)").choices(["vllm", "sglang", "trtllm"]),
    new Option("--aic-backend-version <version>", "of its measurements (default: the newest well-covered one)"),
    new Option("--aic-tp-size <n>", "GPUs that split attention (default: 1)").argParser(
      wholeNumber("--aic-tp-size", 1),
    ),
    new Option("--aic-moe-tp-size <n>", "GPUs that split each expert").argParser(wholeNumber("--aic-moe-tp-size", 1)),
    new Option("--aic-moe-ep-size <n>", "GPUs that share the experts").argParser(wholeNumber("--aic-moe-ep-size", 1)),
    new Option("--aic-attention-dp-size <n>", "attention ranks with requests of their own").argParser(
      wholeNumber("--aic-attention-dp-size", 1),
    ),
    new Option("--gpu-memory-utilization <share>", "vLLM's: of GPU memory; sizes the KV cache").argParser(
      share("--gpu-memory-utilization"),
    ),
    new Option("--mem-fraction-static <share>", "SGLang's: the same").argParser(share("--mem-fraction-static")),
    new Option("--free-gpu-memory-fraction <share>", "TensorRT-LLM's: of what the weights leave").argParser(
      share("--free-gpu-memory-fraction"),
    ),
    new Option(
      "--engine-log",
      "say on stderr what the backend logs of its KV cache, in its words, as profilers read it",
    ),
  );
  add(
    "Engine:",
    new Option("--num-gpu-blocks-override <n>", "KV blocks (default: the profile's cache, else 16384)").argParser(
      wholeNumber("--num-gpu-blocks-override", 1),
    ),
    new Option("--block-size <tokens>", "tokens of a KV block (default: 64; trtllm 32, sglang 1)").argParser(
      wholeNumber("--block-size", 1),
    ),
    new Option("--max-num-seqs <n>", "sequences that run at once (default: 256)").argParser(
      wholeNumber("--max-num-seqs", 1),
    ),
    new Option("--max-num-batched-tokens <n>", "tokens of a pass (default: 8192)").argParser(
      wholeNumber("--max-num-batched-tokens", 1),
    ),
    new Option("--enable-prefix-caching", "reuse the KV of equal prefixes (default)"),
    new Option("--no-enable-prefix-caching", "compute every prompt anew"),
    new Option("--enable-chunked-prefill", "cut long prompts to the token budget (default)"),
    new Option("--no-enable-chunked-prefill", "compute prompts whole"),
    new Option("--kv-offloading-size <GiB>", "vLLM's: host memory that keeps evicted KV (default: none)").argParser(
      positiveNumber("--kv-offloading-size"),
    ),
    new Option("--kv-offloading-backend <name>", "vLLM's: the one that is played").choices(["native"]),
    new Option("--kv-offloading-bandwidth <rate>", "from there to the GPU, GB/s, or such as 50GB/s (default: 64)"),
    new Option("--watermark <share>", "of the blocks, kept free at admission (default: 0)").argParser(
      share("--watermark"),
    ),
    new Option(
      "--prefill-schedule-interval <n>",
      "data-parallel ranks compute prompts every nth step (default: 1)",
    ).argParser(wholeNumber("--prefill-schedule-interval", 1)),
    new Option(
      "--prefill-decode-interval <n>",
      "SGLang's: decode passes after each one with prompts (default: 0)",
    ).argParser(wholeNumber("--prefill-decode-interval")),
    new Option("--aic-nextn <n>", "speculative decoding: draft tokens of a step, 1 to 5").argParser(
      wholeNumber("--aic-nextn", 1),
    ),
    new Option(
      "--aic-nextn-accept-rates <rates>",
      "chances of each if those before were accepted (default: 0.85,0.3)",
    ).argParser(shares("--aic-nextn-accept-rates")),
    new Option("--aic-mtp-seed <n>", "of the draws; each worker and rank adds its number (default: 42)").argParser(
      wholeNumber("--aic-mtp-seed"),
    ),
    new Option("--preemption-mode <mode>", "who goes when blocks run out (default: lifo)").choices(["lifo", "fifo"]),
    new Option("--data-parallel-size <n>", "schedulers per worker, in lock step (default: 1)").argParser(
      wholeNumber("--data-parallel-size", 1),
    ),
    new Option("--engine-type <type>", "whose scheduler is played (default: vllm)").choices(ENGINE_FAMILIES),
    new Option("--sglang-schedule-policy <policy>", "order of SGLang's queue (default: fifo)").choices([
      "fifo",
      "fcfs",
      "lpm",
    ]),
    new Option("--sglang-page-size <tokens>", "SGLang's name of --block-size (default: 1)").argParser(
      wholeNumber("--sglang-page-size", 1),
    ),
    new Option("--sglang-max-prefill-tokens <n>", "prompt tokens of a prefill batch (default: 16384)").argParser(
      wholeNumber("--sglang-max-prefill-tokens", 1),
    ),
    new Option("--sglang-chunked-prefill-size <n>", "tokens of a prefill batch (default: 8192)").argParser(
      wholeNumber("--sglang-chunked-prefill-size", 1),
    ),
    new Option("--sglang-clip-max-new-tokens <n>", "most output that is reserved (default: 4096)").argParser(
      wholeNumber("--sglang-clip-max-new-tokens", 1),
    ),
    new Option("--sglang-schedule-conservativeness <x>", "share of it kept free at first (default: 1)").argParser(
      positiveNumber("--sglang-schedule-conservativeness"),
    ),
    new Option("--trtllm-capacity-scheduler-policy <policy>", "the one that is played").choices([
      "guaranteed_no_evict",
    ]),
    new Option("--quirks <names>", "of DynoSim, comma-separated, or dynosim for all").argParser(
      keys("--quirks", ["dynosim", ...ENGINE_QUIRK_NAMES]),
    ),
    new Option("--extra-engine-args <file>", "JSON object of engine settings; they beat flags"),
  );
  add(
    "Disaggregation and KV events:",
    new Option("--disaggregation-mode <mode>", "default: agg").choices(["agg", "prefill", "decode"]),
    new Option("--is-prefill-worker", "deprecated: --disaggregation-mode prefill"),
    new Option("--is-decode-worker", "deprecated: --disaggregation-mode decode"),
    new Option("--kv-transfer-bandwidth <rate>", "GB/s, or such as 64GB/s; 0: no delay (default: 64)"),
    new Option("--kv-transfer-timing-mode <mode>", "what travels (default: full_prompt)").choices([
      "full_prompt",
      "destination_missing",
    ]),
    new Option("--kv-bytes-per-token <n>", "default: the profile's, else from config.json").argParser(
      wholeNumber("--kv-bytes-per-token", 1),
    ),
    new Option("--kv-cache-dtype <dtype>", "with config.json (default: the model's)").choices(KV_CACHE_DTYPES),
    new Option("--handoff-timeout <seconds>", "how long blocks wait to be fetched (default: 300)").argParser(
      seconds("--handoff-timeout"),
    ),
    new Option("--no-kv-events", "publish none (default: at GET /kv_events, with prefix caching, not on decode)"),
    new Option("--zmq-kv-events-ports <ports>", "publish in vLLM's format, too; one port per worker").argParser(
      portList("--zmq-kv-events-ports"),
    ),
    new Option("--zmq-replay-ports <ports>", "where missed events can be had; one port per worker").argParser(
      portList("--zmq-replay-ports"),
    ),
  );
  add(
    "Server:",
    new Option("--host <address>", "where it listens (default: 127.0.0.1)"),
    new Option("--advertise-host <address>", "address that others are told (default: --host)"),
    new Option("--port <n>", "of the first worker, the others follow; 0: any free (default: 8001)").argParser(
      wholeNumber("--port"),
    ),
    new Option("--num-workers <n>", "workers in this process (default: 1)").argParser(wholeNumber("--num-workers", 1)),
    new Option("--stagger-delay <seconds>", "between their starts; -1: by their number (default: -1)").argParser(
      seconds("--stagger-delay", -1),
    ),
    new Option("--api-key <key...>", "bearer tokens to ask for"),
    new Option("--api-key-file <file>", "the same, one a line"),
    new Option("--max-waiting <n>", "sequences that may wait; further requests get 429").argParser(
      wholeNumber("--max-waiting", 1),
    ),
    new Option("--max-connections <n>", "per worker (default: 20000)").argParser(wholeNumber("--max-connections", 1)),
    new Option("--request-timeout <seconds>", "within which a request must be there whole (default: 60)").argParser(
      seconds("--request-timeout"),
    ),
    new Option("--trust-request-start", "arrival is X-Request-Start, where clients share this clock"),
    new Option("--register-dir <dir>", "folder of leases, where frontends find the workers"),
    new Option("--endpoint <dyn://…>", "namespace.component.endpoint of Dynamo's metric labels"),
    new Option(
      "--metric-names <engine>",
      "whose names the metrics have (default: the scheduler's, vllm for trtllm)",
    ).choices(["vllm", "sglang"]),
    new Option("--drain-timeout <seconds>", "for what is under way at SIGTERM (default: 30)").argParser(
      seconds("--drain-timeout"),
    ),
    new Option("--log-level <level>", "on stderr (default: warn)").choices(LOG_LEVELS),
    new Option("--json", "a JSON line per ready worker: its card"),
    new Option("--print-config", "print what the flags come to, and end"),
    new Option("--admin-port <n>", "a runner's").argParser(wholeNumber("--admin-port", 1)).hideHelp(),
  );
  return command;
}

const KV_CACHE_DTYPES = ["auto", "bfloat16", "fp8", "fp8_ds_mla", "fp8_e4m3", "fp8_e5m2", "fp8_inc"];
const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];

/** `--block-size` is UNDERSTUDY_BLOCK_SIZE; switches have no environment. */
function named(option: Option): Option {
  if (!option.required) return option;
  return option.env(`UNDERSTUDY_${option.long!.slice(2).replaceAll("-", "_").toUpperCase()}`);
}
