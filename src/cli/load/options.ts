import { wallClock } from "#common";
import { builtinTokenizer, loadTokenizer, type Tokenizer } from "#mocker/text";
import type { LoadOptions, LoadTarget } from "#src/loadgen";
import type { LoadFlags } from "./flags.ts";
import { parseExtraInputs, parseHeaders } from "./target.ts";
import type { LoadPlan } from "./workload.ts";

export async function openTokenizer({ tokenizer }: LoadFlags): Promise<Tokenizer> {
  return tokenizer === "builtin" ? builtinTokenizer() : await loadTokenizer(tokenizer);
}

/** The target that flags name, as far as its model is not asked for yet. @throws UserError CLI_USAGE */
export function loadTarget(flags: LoadFlags): Omit<LoadTarget, "model"> {
  return {
    url: flags.url,
    endpoint: flags.endpointType,
    streaming: flags.streaming,
    headers: parseHeaders(flags.header ?? []),
    extraInputs: parseExtraInputs(flags.extraInputs ?? []),
    ...(flags.apiKey === undefined ? {} : { apiKey: flags.apiKey }),
    ...(flags.maxCompletionTokens ? { maxTokensField: "max_completion_tokens" as const } : {}),
  };
}

/** A load run as flags have it. */
export function loadOptions(flags: LoadFlags, plan: LoadPlan, tokenizer: Tokenizer, target: LoadTarget): LoadOptions {
  return {
    workload: plan.workload,
    target,
    prompts: {
      tokenizer,
      seed: plan.seed,
      format: flags.promptFormat,
      ...(plan.texts === undefined ? {} : { texts: plan.texts }),
    },
    clock: wallClock(flags.timeScale),
    requestTimeoutMs: flags.requestTimeout,
    warmupRequests: flags.warmupRequestCount,
    cancelShare: flags.cancelShare,
    threads: flags.workers,
    sendRequestStart: flags.requestStartHeader ?? false,
    clients: plan.clients ?? null,
    ...(plan.endMs === undefined ? {} : { endMs: plan.endMs }),
  };
}
