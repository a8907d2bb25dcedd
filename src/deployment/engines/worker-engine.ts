import { type Backend, type EngineLayout, engineLayout } from "#src/estimator";
import { badEngine } from "../errors.ts";

type Json = Record<string, unknown>;

const DOTTED = "--trtllm.";
/** vLLM's, of one attention kernel for all; SGLang's pages hold one token, TensorRT-LLM's blocks 32. */
const BLOCK_TOKENS = { vllm: 16, sglang: 1, trtllm: 32 } as const;

/** Sequences at once of an engine whose command line says none: more than anything asks for. */
export const MOST_SEQUENCES = 4096;

/** The engine that a worker's command line starts. */
export interface WorkerEngine {
  backend: Backend;
  /** Hugging Face id or folder. */
  model: string;
  /** The name that requests use. */
  servedModel: string;
  layout: EngineLayout;
  /** The estimator's label of the layout. */
  parallelism: string;
  prefixCaching: boolean;
  maxModelLen: number | null;
  maxNumSeqs: number | null;
  maxNumBatchedTokens: number | null;
  memoryFraction: number | null;
  /** Tokens of a block of its cache. */
  blockTokens: number;
  /** Half of a disaggregated deployment, as far as its own command line says it. */
  mode: "prefill" | "decode" | null;
}

/**
 * Reads the flags that decide an engine's times and its cache off a command line of Dynamo's, in each backend's own spelling.
 * @param where of the command, for errors
 * @throws UserError where it starts no engine that is known, or of no model
 */
export function workerEngine(words: readonly string[], where: string): WorkerEngine {
  const backend = backendOf(words, where);
  const flag = (...names: string[]) => flagValue(words, names);
  const count = (...names: string[]) => {
    const text = flag(...names);
    return text === undefined ? null : wholeNumber(text, where, names[0]!);
  };
  const overrides = backend === "trtllm" ? engineOverrides(words, where) : {};
  const kv = asObject(overrides.kv_cache_config);
  const model = flag("--model", "--model-path");
  if (model === undefined) throw badEngine(where, "no --model");
  const tp =
    count("--tensor-parallel-size", "--tp-size", "--tp", "-tp") ?? asCount(overrides.tensor_parallel_size) ?? 1;
  const dp = count("--data-parallel-size", "--dp-size", "--dp", "-dp") ?? 1;
  const ep = count("--expert-parallel-size", "--ep-size", "--ep") ?? asCount(overrides.moe_expert_parallel_size) ?? 1;
  const expertParallel = ep > 1 || words.includes("--enable-expert-parallel");
  const attentionDp =
    words.includes("--enable-attention-dp") || overrides.enable_attention_dp === true
      ? tp
      : // SGLang gives the GPUs of a data-parallel attention as --tp as well.
        dp;
  const gpus = backend === "vllm" ? tp * dp : Math.max(tp, dp);
  const parallelism = attentionDp > 1 ? `dep${gpus}` : expertParallel && gpus > 1 ? `tep${gpus}` : `tp${gpus}`;
  return {
    backend,
    model,
    servedModel: flag("--served-model-name") ?? model,
    layout: engineLayout(parallelism),
    parallelism,
    prefixCaching: !(
      words.includes("--no-enable-prefix-caching") ||
      words.includes("--disable-radix-cache") ||
      kv.enable_block_reuse === false
    ),
    maxModelLen: count("--max-model-len", "--context-length", "--max-seq-len") ?? asCount(overrides.max_seq_len),
    maxNumSeqs:
      count("--max-num-seqs", "--max-running-requests", "--max-batch-size") ?? asCount(overrides.max_batch_size),
    maxNumBatchedTokens:
      count("--max-num-batched-tokens", "--chunked-prefill-size", "--max-num-tokens") ??
      asCount(overrides.max_num_tokens),
    memoryFraction: share(
      flag("--gpu-memory-utilization", "--mem-fraction-static", "--free-gpu-memory-fraction") ??
        kv.free_gpu_memory_fraction,
    ),
    blockTokens:
      count("--block-size", "--page-size", "--tokens-per-block") ??
      asCount(kv.tokens_per_block) ??
      BLOCK_TOKENS[backend],
    mode: modeOf(words, flag("--disaggregation-mode")),
  };
}

/** Older vLLM workers have switches, older SGLang workers modules of their own. */
function modeOf(words: readonly string[], mode: string | undefined): WorkerEngine["mode"] {
  if (mode === "prefill" || words.includes("--is-prefill-worker")) return "prefill";
  if (mode === "decode" || words.includes("--is-decode-worker")) return "decode";
  return words.some((word) => word.endsWith(".decode_worker")) ? "decode" : null;
}

function backendOf(words: readonly string[], where: string): Backend {
  for (const backend of ["vllm", "sglang", "trtllm"] as const) {
    const module = `dynamo.${backend}`;
    const names = (word: string) => word === module || word.startsWith(`${module}.`);
    if (words.some((word) => names(word) || word.includes(`components/${backend}`))) return backend;
  }
  throw badEngine(where, "a command that starts none of dynamo.vllm, dynamo.sglang and dynamo.trtllm");
}

/** `--flag value` or `--flag=value`; the last one counts. */
function flagValue(words: readonly string[], names: readonly string[]): string | undefined {
  let found: string | undefined;
  words.forEach((word, i) => {
    for (const name of names) {
      if (word === name) found = words[i + 1];
      else if (word.startsWith(`${name}=`)) found = word.slice(name.length + 1);
    }
  });
  return found;
}

/** TensorRT-LLM's engine settings: one JSON object, or dotted flags such as `--trtllm.max_batch_size 8`. */
function engineOverrides(words: readonly string[], where: string): Json {
  const settings: Json = {};
  words.forEach((word, i) => {
    if (!word.startsWith(DOTTED)) return;
    const keys = word.slice(DOTTED.length).split(".");
    let at = settings;
    for (const key of keys.slice(0, -1)) {
      at[key] = asObject(at[key]);
      at = at[key] as Json;
    }
    at[keys.at(-1)!] = scalar(words[i + 1] ?? "");
  });
  const text = flagValue(words, ["--override-engine-args"]);
  if (text === undefined) return settings;
  try {
    return asObject(JSON.parse(text));
  } catch {
    throw badEngine(where, `--override-engine-args ${text}, which is no JSON`);
  }
}

function scalar(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  const number = Number(text);
  return text !== "" && Number.isFinite(number) ? number : text;
}

function wholeNumber(text: string, where: string, flag: string): number | null {
  const value = Number(text);
  // SGLang's --chunked-prefill-size -1 is none at all.
  if (Number.isInteger(value)) return value > 0 ? value : null;
  throw badEngine(where, `${flag} ${text}`);
}

function asCount(value: unknown): number | null {
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : null;
}

function share(value: unknown): number | null {
  const number = Number(value);
  return value !== undefined && number > 0 && number <= 1 ? number : null;
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
