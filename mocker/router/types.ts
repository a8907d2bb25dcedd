import type { QueueClass } from "./queue.ts";
import type { QueueRank } from "./queue-rank.ts";

/** A worker's name, stable for its life: candidates are places in a list that changes. */
export type WorkerKey = string | number;

/** Those that wait for one worker alone: its name. null: for whichever takes them. */
export type Lane = WorkerKey | null;

/** What names a block of KV cache by content and prefix: a chained hash, or an id that stands for one. */
export type BlockKey = bigint | number | string;

/** Leading blocks of a prompt that workers have cached; those that are not named have none. */
export type CachedBlocks = ReadonlyMap<WorkerKey, number>;

/** What a router may want to know of a request and its candidates; routers that only balance ignore it. */
export interface RouteContext {
  /** Names of the candidates, in their order. */
  workers: ArrayLike<WorkerKey>;
  /** Prompt tokens. */
  isl: number;
  /** The prompt's full blocks from its beginning. May name fewer: nobody has the others; or more: they are ignored. */
  blocks: ArrayLike<BlockKey>;
  /** ms on any clock that does not go back; needed by the KV router without events, by queues and by session affinity. */
  nowMs?: number;
  /** Its name, as `routed` has it. */
  request?: string | number;
  /** The conversation it belongs to, for session affinity. */
  session?: string | number;
  /** A head start among those that wait: seconds (fcfs, lcfs), or a weight beyond 1 (wspt); below 0 counts as 0. Default 0. */
  priority?: number;
  /** The higher tier always goes first. Default 0. */
  strictPriority?: number;
  /** Of a request that has waited: `QueueRank.seen`. */
  seen?: CachedBlocks | undefined;
  /** The policy class or family that it asks for. */
  policyClass?: string;
}

/** Chooses a worker for a request; knows workers by their place in the list of those that take requests. */
export interface Router {
  /** Its policy classes; without, all requests are one. */
  readonly classes?: readonly QueueClass[] | undefined;
  /**
   * @param outstanding work per candidate, in one unit (tokens or requests); may be longer than the list of candidates
   * @param count candidates, at least one
   * @returns an index into it
   */
  choose(outstanding: ArrayLike<number>, count: number, context?: RouteContext): number;
  /** The request goes to `worker`. `request` names it until it has ended. */
  routed?(request: string | number, worker: WorkerKey, context: RouteContext): void;
  /** The prompt is computed: its first token is out, or a prefill worker has done its part. */
  prefilled?(request: string | number): void;
  /** It left its worker, however that came about. Nothing happens for a request that is not known. */
  ended?(request: string | number, nowMs?: number): void;
  /** The worker is gone, with its cache and its requests. */
  workerRemoved?(worker: WorkerKey): void;
  /**
   * All candidates have so much to compute that the request had better wait in the router.
   * @param place of its policy class
   */
  isBusy?(context: RouteContext, place?: number): boolean;
  /** When `isBusy` may have another answer for it though nothing has happened by then, ms as `RouteContext.nowMs`; Infinity: never. */
  changesMs?(context: RouteContext): number;
  /** Its place among those that wait; without, who came first goes first. */
  rank?(context: RouteContext): QueueRank;
  /** The one candidate that it would go to whatever the load, and has to wait for; without, there is none. */
  lane?(context: RouteContext): Lane;
}
