/**
 * Prompt contents by block ids: two prompts share a prefix as far as their leading ids agree. The ids may name only the
 * leading part of a prompt (a shared system prompt, say): tokens past `ids × blockTokens` are unique content.
 */
export interface PromptBlocks {
  /** Tokens a block id stands for (512 in Mooncake traces). The last id of a prompt may cover fewer. */
  blockTokens: number;
  /** Prompt i owns `ids[offset[i] .. offset[i + 1])`; an empty range means unique content. Length count + 1. */
  offset: Int32Array;
  ids: Int32Array;
}

/** Sessions kept in flight: the next one starts when one ends. */
export interface ClosedLoop {
  concurrency: number;
  /**
   * First turns in the order of dispatch. Of a loop that ends by time these are a stock, more than can be used: those not
   * dispatched by `endMs`, and turns that would follow them, were never requests and belong in no count.
   */
  heads: Int32Array;
  startMs: number;
  /** No session is dispatched at or after this time. */
  endMs: number;
}

/** All requests of a run in columns: what the simulator replays and the load generator sends. Index = request. */
export interface Workload {
  count: number;
  isl: Int32Array;
  osl: Int32Array;
  /** Open-loop arrival of a first turn, ms from the start of the run; NaN for closed-loop and later turns. */
  arrivalMs: Float64Array;
  /** First turns of the open loop, ascending arrival, ties in input order. */
  openHeads: Int32Array;
  closedLoops: ClosedLoop[];
  /** The turn after this one in its session, or −1; null where no session has two turns. */
  nextTurn: Int32Array | null;
  /** Wait between the end of the turn before and this turn, ms. */
  thinkMs: Float64Array | null;
  turnIndex: Int32Array | null;
  /** Session label per request. */
  sessionIds: string[] | null;
  /** null: every prompt is unique. */
  prompts: PromptBlocks | null;
  /** Nominal end of the traffic, ms: the last arrival, or the end of the last shape. */
  horizonMs: number;
}
