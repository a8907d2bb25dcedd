import type { KubernetesObject } from "#src/deployment";
import { type Backend, type EngineLayout, engineLayout } from "#src/estimator";
import { badCandidate } from "./errors.ts";

/** A component of a deployment as far as it takes to run it on this machine. */
export interface CandidatePart {
  name: string;
  role: "frontend" | "worker";
  replicas: number;
  /** Command and arguments, word by word. */
  words: readonly string[];
}

type Json = Record<string, unknown>;

const DOTTED = "--trtllm.";

/** Frontend and workers of a DynamoGraphDeployment, v1alpha1 or v1beta1. @throws UserError where it has none, or not enough */
export function candidateParts(dgd: KubernetesObject): CandidatePart[] {
  const spec = asObject(dgd.spec);
  const named: [string, Json][] = Array.isArray(spec.components)
    ? spec.components.map((one) => [String(asObject(one).name), asObject(one)])
    : Object.entries(asObject(spec.services)).map(([name, service]) => [name, asObject(service)]);
  const parts = named.flatMap(([name, component]) => {
    const role = roleOf(name, component);
    if (role === null) return [];
    const replicas = typeof component.replicas === "number" ? component.replicas : 1;
    return replicas === 0 ? [] : [{ name, role, replicas, words: wordsOf(component) }];
  });
  const deployment = dgd.metadata?.name ?? "(no name)";
  if (!parts.some(({ role }) => role === "frontend")) throw badCandidate(deployment, "no frontend");
  if (!parts.some(({ role }) => role === "worker")) throw badCandidate(deployment, "no worker");
  return parts;
}

function roleOf(name: string, component: Json): CandidatePart["role"] | null {
  const type = component.type ?? component.componentType;
  if (type === "frontend" || (type === undefined && /^frontend$/i.test(name))) return "frontend";
  if (type === "planner" || type === "epp" || (type === undefined && /planner/i.test(name))) return null;
  return "worker";
}

/** Of the main container, wherever the API version keeps it. A shell's script is split into its words. */
function wordsOf(component: Json): string[] {
  const containers = asObject(asObject(component.podTemplate).spec).containers;
  const main = Array.isArray(containers)
    ? asObject(containers.find((one) => asObject(one).name === "main") ?? containers[0])
    : asObject(asObject(component.extraPodSpec).mainContainer);
  const words = [main.command, main.args].flatMap((list) => (Array.isArray(list) ? list.map(String) : []));
  return words.flatMap((word) =>
    /^-/.test(word) || !/\s/.test(word) || /^[[{]/.test(word) ? [word] : splitWords(word),
  );
}

/** At blanks outside quotes, which it drops. */
function splitWords(script: string): string[] {
  return [...script.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, "$1$2"),
  );
}

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
}

/** Reads the flags that decide an engine's times and its cache, in each backend's own spelling. @throws UserError */
export function workerEngine(part: CandidatePart): WorkerEngine {
  const { words } = part;
  const backend = backendOf(part);
  const flag = (...names: string[]) => flagValue(words, names);
  const count = (...names: string[]) => {
    const text = flag(...names);
    return text === undefined ? null : wholeNumber(text, part.name, names[0]!);
  };
  const overrides = backend === "trtllm" ? engineOverrides(part) : {};
  const kv = asObject(overrides.kv_cache_config);
  const model = flag("--model", "--model-path");
  if (model === undefined) throw badCandidate(part.name, "no --model");
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
  };
}

function backendOf({ name, words }: CandidatePart): Backend {
  for (const backend of ["vllm", "sglang", "trtllm"] as const) {
    if (words.some((word) => word === `dynamo.${backend}` || word.includes(`components/${backend}`))) return backend;
  }
  throw badCandidate(name, "a command that starts none of dynamo.vllm, dynamo.sglang and dynamo.trtllm");
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
function engineOverrides({ name, words }: CandidatePart): Json {
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
    throw badCandidate(name, `--override-engine-args ${text}, which is no JSON`);
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
  throw badCandidate(where, `${flag} ${text}`);
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
