import { UserError } from "#common";

/** The catalogue of what can keep a profile from being made. */

export const contextTooSmall = (found: number, needed: number, phase: "prefill" | "decode"): UserError =>
  new UserError({
    code: "PROFILER_CONTEXT_TOO_SMALL",
    message: `max_context_length ${found} is too small to profile ${phase}, expected at least ${needed} tokens`,
    hint: "give a longer maximum context",
  });

export const kvTooSmall = (found: number, needed: number): UserError =>
  new UserError({
    code: "PROFILER_KV_TOO_SMALL",
    message: `found a KV capacity of ${found} tokens, expected at least ${needed}, one request of the shortest length`,
    hint: "use more GPUs an engine, or a GPU with more memory",
  });

/** Why one candidate gives no result: it is left out with this reason, and the run goes on. */
export class CandidateFailed extends Error {
  /** What the user can do about it, where that is known. */
  readonly remedy: string | undefined;

  constructor(message: string, remedy?: string) {
    super(message);
    this.remedy = remedy;
  }
}
