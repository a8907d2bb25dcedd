import { UserError } from "#common";

/** The catalogue of what can go wrong between the profiler and an engine that it measures. */

/** Dynamo's profiler's words, then what the logs say last. */
export const notReadyInTime = (seconds: number, log: string): string =>
  `Deployment failed to become ready within ${seconds}s${lastWords(log)}`;

export const deploymentDied = (component: string, how: string, log: string): string =>
  `${component} ended (${how})${lastWords(log)}`;

/** What helps against too little memory, where a log speaks of that. */
const OUT_OF_MEMORY_REMEDY =
  "out of memory: reduce gpu_memory_utilization or max_batch_size, reduce --max-context-length, leave out small engines " +
  "(raise the least GPUs an engine), use fewer GPUs a test, or take a quantized variant";

/** Of vLLM, PyTorch, TensorRT-LLM and SGLang. */
const OUT_OF_MEMORY =
  /out of memory|OutOfMemoryError|No available memory for the cache blocks|Not enough memory|not enough GPU memory|OOMKilled/i;

/** What a log ends with, to be put behind a message; empty where it is. */
export function lastWords(log: string): string {
  const lines = log
    .trim()
    .split("\n")
    .filter((line) => line.trim() !== "");
  const last = lines.slice(-3).join(" | ");
  const shown = last === "" ? "" : `; its log ends with: ${last}`;
  return OUT_OF_MEMORY.test(log) ? `${shown} (${OUT_OF_MEMORY_REMEDY})` : shown;
}

export const badCandidate = (where: string, found: string): UserError =>
  new UserError({
    code: "PROFILER_BAD_CANDIDATE",
    where,
    message: `found ${found}, expected a deployment of a frontend and a vLLM, SGLang or TensorRT-LLM worker`,
    hint: "see config.yaml in the candidate's folder",
  });

export const kvTokensMissing = (): UserError =>
  new UserError({
    code: "PROFILER_KV_TOKENS_MISSING",
    where: "--max-kv-tokens",
    message: "found 0, expected the KV capacity of the engine in tokens, which decode profiling needs",
    hint: "the worker's log tells it: vLLM 'Maximum concurrency for …', SGLang '#tokens:', TensorRT-LLM 'paged KV cache (…)'",
  });

export const measurementFailed = (what: string, url: string, reason: string): UserError =>
  new UserError({
    code: "PROFILER_MEASUREMENT_FAILED",
    where: url,
    message: `${what}: ${reason}`,
    ...measurementHint(reason),
    exitCode: 1,
  });

function measurementHint(reason: string): { hint?: string } {
  if (/context|too long|maximum.*length|max_model_len|exceed/i.test(reason)) {
    return {
      hint: "the prompt does not fit: lower --max-context-length (and --max-kv-tokens) to what the server serves",
    };
  }
  if (/model/i.test(reason) && /404|not found|does not exist|unknown/i.test(reason)) {
    return { hint: "is --model the name that the server's /v1/models lists?" };
  }
  if (/\b40[13]\b/.test(reason)) return { hint: "give the server's key: --api-key or OPENAI_API_KEY" };
  return {};
}

/** A model that the server does not list. */
export const modelNotServed = (model: string, url: string, served: readonly string[], near?: string): UserError =>
  new UserError({
    code: "PROFILER_MODEL_NOT_SERVED",
    where: "--model",
    message: `${url} does not serve ${JSON.stringify(model)}; it serves ${served.slice(0, 8).join(", ")}`,
    ...(near === undefined ? {} : { hint: near }),
  });

export const otherWorkFolder = (folder: string, found: string): UserError =>
  new UserError({
    code: "PROFILER_OTHER_WORK_FOLDER",
    where: "--work-dir",
    message: `${folder} holds measurements of something else: ${found.replace(/\s+/g, " ").trim()}`,
    hint: "give another --work-dir, or --force-rerun to measure everything again",
  });
