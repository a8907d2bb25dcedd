/**
 * The one error class for everything a user can mend. Each room keeps a catalogue (`errors.ts`) of functions that make these,
 * with codes that stay stable: `PROFILES_NPZ_TRUNCATED`, `SCENARIOS_UNKNOWN_KEY`, …
 */
export interface UserErrorDetails {
  /** Stable, upper snake case, opens with the room: `PROFILES_…`. */
  code: string;
  /** What was found, and what was expected; one sentence. */
  message: string;
  /** Where: `file:line:column`, a flag, a JSON path; or several joined with ", ". */
  where?: string;
  /** How to mend it; one sentence. */
  hint?: string;
  /** 2 for usage and bad input (default), 1 for a run or an assertion that failed. */
  exitCode?: 1 | 2;
  cause?: unknown;
}

export class UserError extends Error {
  readonly code: string;
  readonly where: string | undefined;
  readonly hint: string | undefined;
  readonly exitCode: 1 | 2;

  constructor(details: UserErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "UserError";
    this.code = details.code;
    this.where = details.where;
    this.hint = details.hint;
    this.exitCode = details.exitCode ?? 2;
  }
}

/** `where: message` and a hint line; what the terminal shows, without a stack trace. */
export function formatUserError(error: UserError): string {
  const head = error.where ? `${error.where}: ${error.message}` : error.message;
  return error.hint ? `${head}\n  hint: ${error.hint}` : head;
}
