/** What clients do where no answer comes, or a bad one. */
export interface ClientBehaviour {
  /** They give up on an attempt that has not ended after this long, ms; null: never. */
  timeoutMs: number | null;
  /** They give up on an attempt whose first token has not come after this long, ms; null: never. */
  firstTokenTimeoutMs: number | null;
  /** Attempts after the first one. */
  retries: number;
  /** Before the first retry, ms. */
  backoffMs: number;
  /** Each later wait is this many times the one before. */
  backoffFactor: number;
  /** Share of a wait by which it is drawn shorter or longer, 0..1. */
  jitter: number;
}
