import { UserError } from "#common";

/** The catalogue of what can be wrong with a load run before it begins. Codes are stable. */

export function badUrl(url: string): UserError {
  return new UserError({
    code: "LOADGEN_BAD_URL",
    where: "--url",
    message: `found ${JSON.stringify(url)}, expected an address such as http://127.0.0.1:8000`,
    ...(/^[\w.-]+(:\d+)?(\/|$)/.test(url) ? { hint: `did you mean http://${url}?` } : {}),
  });
}

export function idsNeedCompletions(): UserError {
  return new UserError({
    code: "LOADGEN_IDS_NEED_COMPLETIONS",
    where: "--prompt-format",
    message: "found ids for chat completions, which take text alone",
    hint: "add --endpoint-type completions",
  });
}

export function unreachable(url: string, reason: string): UserError {
  return new UserError({
    code: "LOADGEN_UNREACHABLE",
    where: url,
    message: `no answer: ${reason}`,
    hint: "is the server running, and is --url its address?",
    exitCode: 1,
  });
}

export function modelsRefused(url: string, status: number, message: string): UserError {
  return new UserError({
    code: "LOADGEN_MODELS_REFUSED",
    where: url,
    message: `found status ${status}${message === "" ? "" : ` (${message})`}, expected the list of models`,
    hint:
      status === 401 || status === 403
        ? "give the server's key: --api-key or OPENAI_API_KEY"
        : "name the model: --model NAME",
    exitCode: 1,
  });
}

export function modelUnknown(url: string, models: readonly string[]): UserError {
  return new UserError({
    code: "LOADGEN_MODEL_UNKNOWN",
    where: "--model",
    message:
      models.length === 0
        ? `${url} lists no model`
        : `${url} serves ${models.length} models: ${models.slice(0, 8).join(", ")}${models.length > 8 ? ", …" : ""}`,
    hint: "name one: --model NAME",
  });
}

export function warmupFailed(failed: number, sent: number, first: string): UserError {
  return new UserError({
    code: "LOADGEN_WARMUP_FAILED",
    message: `all ${sent} warm-up requests failed${failed === 1 ? "" : ", the first"}: ${first}`,
    exitCode: 1,
  });
}

export function nothingToSend(): UserError {
  return new UserError({
    code: "LOADGEN_NOTHING_TO_SEND",
    message: "the workload has no requests, expected at least one",
    hint: "raise the rate, the duration or the count",
  });
}

export function threadsNeedFile(tokenizer: string): UserError {
  return new UserError({
    code: "LOADGEN_THREADS_TOKENIZER",
    where: "--workers",
    message: `the tokenizer ${tokenizer} cannot be handed to other threads`,
    hint: "use the built-in tokenizer or one from a file, or a single thread",
  });
}

export function badOption(name: string, found: unknown, expected: string): UserError {
  return new UserError({
    code: "LOADGEN_BAD_OPTION",
    where: name,
    message: `found ${String(found)}, expected ${expected}`,
  });
}

export function partUnreadable(found: string, cause?: unknown): UserError {
  return new UserError({
    code: "LOADGEN_PART_UNREADABLE",
    message: `what a generator measured can't be merged: found ${found}`,
    hint: "are all generators of the same version?",
    exitCode: 1,
    ...(cause === undefined ? {} : { cause }),
  });
}
