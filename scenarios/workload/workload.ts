import type { RoutingHints } from "./routing-hints.ts";

/**
 * Prompt contents by block ids: two prompts share a prefix as far as their leading ids agree. The ids may name only the
 * leading part of a prompt (a shared system prompt, say): tokens past `ids × blockTokens` are unique content. Ids past
 * the prompt's last block (beyond `ceil(isl / blockTokens)` of them) name what is generated, for a later prompt that repeats it.
 */
export interface PromptBlocks {
  /** Tokens a block id stands for (512 in Mooncake traces). The last id of a prompt may cover fewer. */
  blockTokens: number;
  /** Prompt i owns `ids[offset[i] .. offset[i + 1])`; an empty range means unique content. Length count + 1. */
  offset: Int32Array;
  ids: Int32Array;
}

/** Whether `ids` ids go past a prompt of `isl` tokens: they name what is generated, too. */
export function namesOutput(ids: number, isl: number, blockTokens: number): boolean {
  return ids > Math.ceil(isl / blockTokens);
}

/** Ids of a prompt and its answer: one more than the prompt has, at least, which is how ids are known to go past it. */
export function blocksWithAnswer(isl: number, osl: number, blockTokens: number): number {
  return Math.max(Math.ceil((isl + osl) / blockTokens), Math.ceil(isl / blockTokens) + 1);
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

/**
 * What requests wait for beside their sessions: request i starts when each of `parents[offset[i] .. offset[i + 1])` has ended
 * (or been sent, with `onStart`) and its delay has passed since. A request without parents is a first turn. There are no circles.
 */
export interface Dependencies {
  /** Length count + 1. */
  offset: Int32Array;
  parents: Int32Array;
  /** Wait after the parent (a tool's time, say), ms; one for each of `parents`. */
  delayMs: Float64Array;
  /** 1: the wait begins when the parent is sent; 0: when it has ended. */
  onStart: Uint8Array;
}

export interface Tenants {
  names: string[];
  /** Place in `names`, or −1; one per request. */
  of: Int32Array;
}

/** All requests of a run in columns: what the simulator replays and the load generator sends. Index = request. */
export interface Workload {
  count: number;
  isl: Int32Array;
  osl: Int32Array;
  /**
   * Open-loop arrival of a first turn, ms from the start of the run; NaN for closed-loop and later turns. Of a request with
   * dependencies: the earliest time it may start, NaN for none.
   */
  arrivalMs: Float64Array;
  /** First turns of the open loop, ascending arrival, ties in input order. */
  openHeads: Int32Array;
  closedLoops: ClosedLoop[];
  /** The turn after this one in its session, or −1; null where no session has two turns. */
  nextTurn: Int32Array | null;
  /** Wait between the end of the turn before and this turn, ms. */
  thinkMs: Float64Array | null;
  turnIndex: Int32Array | null;
  /** Absent where requests wait for no others but the turn before them. */
  dependencies?: Dependencies;
  /** Session label per request. */
  sessionIds: string[] | null;
  /** Whose requests they are; absent where nobody is named. */
  tenants?: Tenants;
  /** What they tell routers; absent where none tells anything. */
  hints?: RoutingHints;
  /** null: every prompt is unique. */
  prompts: PromptBlocks | null;
  /** Nominal end of the traffic, ms: the last arrival, or the end of the last shape. */
  horizonMs: number;
}
