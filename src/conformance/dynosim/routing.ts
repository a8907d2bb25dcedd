import { type StdRng, stdRng } from "#common";
import {
  KvRouter,
  type KvRouterOptions,
  kvRouterOptions,
  type RouteContext,
  type RoutedPool,
  type Router,
  type RouterSettings,
} from "#mocker/router";
import type { Workload } from "#scenarios";
import type { RoleName } from "#src/record";
import type { DynosimCase, DynosimRecord } from "./case.ts";
import type { Comparison } from "./compare.ts";

/** Costs that differ by less are equal. */
const SAME_COST = 1e-9;

/** A request at the moment of its choice. */
interface Choice {
  role: RoleName;
  request: number;
  nowMs: number;
  /** Whether it waited in the router. */
  waited: boolean;
  workers: readonly number[];
  /** What our router thinks of some of the workers. */
  costs: (ids: readonly number[]) => { place: number; cost: number; overlapBlocks: number; bestOverlapBlocks: number };
}

/**
 * DynoSim's KV router, which breaks ties at random: each request goes where it went in the recorded run, and every such choice must be
 * one of least cost by our router, with the overlap that was recorded.
 */
export class RecordedRouting {
  readonly #run: DynosimCase;
  readonly #workload: Workload;
  /** Records that no request was found to be, by what tells requests apart. */
  readonly #open = new Map<string, DynosimRecord[]>();
  readonly #recordOf = new Map<number, DynosimRecord>();
  /** When requests came to the first router, ms; of those that it might have let wait. */
  readonly #cameMs = new Map<number, number>();
  /** Requests on prefill workers, by what tells their records apart. */
  readonly #computing = new Map<string, Set<number>>();
  /** Whether records look the same: which of them a request is can only be guessed. */
  readonly isAmbiguous: boolean;
  #decisions = 0;
  #firstDifference: string | null = null;
  #differences = 0;

  /** @param attempt in which order records that look the same are taken: 0 as recorded, else shuffled */
  constructor(run: DynosimCase, workload: Workload, attempt = 0) {
    this.#run = run;
    this.#workload = workload;
    for (const record of run.records) {
      const key = keyOfRecord(record);
      const same = this.#open.get(key);
      if (same === undefined) this.#open.set(key, [record]);
      else same.push(record);
    }
    this.isAmbiguous = this.#open.size < run.records.length;
    if (attempt > 0) this.#shuffle(stdRng(attempt));
  }

  /** What came of the choices: each that was not of least cost is a difference. */
  get comparison(): Comparison {
    return {
      largestRelativeError: 0,
      firstDifference: this.#firstDifference,
      differences: this.#differences,
    };
  }

  /** Choices that were made. */
  get decisions(): number {
    return this.#decisions;
  }

  /** As `createRouter`: the KV router of a pool, which goes by the record. */
  readonly newRouter = (settings: RouterSettings, _seed: number, pool: RoutedPool): Router => {
    const role = pool.role === "prefill" ? "prefill" : "decode";
    const eventLagMs = this.#run.arguments.kv_event_lag_ms ?? 0;
    const config = this.#run.arguments.router_config ?? {};
    const options: KvRouterOptions = {
      ...kvRouterOptions(settings, pool),
      // Where workers cache nothing, DynoSim's router does not guess that they do.
      events: true,
      eventLagMs,
      overlapDecay: config.overlap_score_credit_decay ?? 0,
      tracksBlocks: config.router_track_active_blocks ?? true,
      tracksPrompts: config.router_track_prefill_tokens ?? true,
      sharesBlocks: config.router_assume_kv_reuse ?? true,
      requestWeight: config.decode_active_request_weight ?? 0,
    };
    return new RecordedRouter(options, this, role);
  };

  /** What the run asked of its router. */
  get settings(): RouterSettings {
    const config = this.#run.arguments.router_config ?? {};
    return {
      mode: "kv",
      overlapCredit: config.overlap_score_credit ?? undefined,
      prefillLoadScale: config.prefill_load_scale ?? undefined,
      queueThreshold: config.router_queue_threshold ?? null,
      queuePolicy: config.router_queue_policy ?? undefined,
    };
  }

  came(request: number, nowMs: number): void {
    if (!this.#cameMs.has(request)) this.#cameMs.set(request, nowMs);
  }

  /** @returns a place among the workers */
  choose(choice: Choice): number {
    this.#decisions++;
    const { role, request, nowMs, workers, costs } = choice;
    const best = costs(workers);
    if (this.#recordOf.has(request)) this.#exchange(role, request, nowMs, (worker) => costs([worker]).cost);
    const record = this.#recordOf.get(request) ?? this.#partner(choice, best.cost);
    const place = record === undefined ? -1 : workers.indexOf(workerOf(record, role, this.#run) ?? -1);
    const at = `routing of request ${request} (${this.#workload.isl[request]} tokens) at ${nowMs} ms to a ${role} worker`;
    if (record === undefined) this.#note(`${at}: no such request in the recorded run`);
    else if (place < 0)
      this.#note(`${at}: recorded ${workerOf(record, role, this.#run)}, candidates ${workers.join(", ")}`);
    else {
      const recorded = costs([workers[place]!]);
      if (recorded.cost > best.cost + SAME_COST) {
        this.#note(
          `${at}: recorded ${workers[place]} at cost ${recorded.cost}, the least is ${best.cost} of ${workers[best.place]}`,
        );
      }
      this.#compareOverlap(at, record, poolOf(role, this.#run), recorded.overlapBlocks, best.bestOverlapBlocks);
    }
    return place < 0 ? best.place : place;
  }

  /**
   * The record of a request that is sent: of several that look the same, one that went where the cost is least, when it did, and best one
   * that found as much cached there.
   */
  #partner({ role, request, nowMs, waited, workers, costs }: Choice, least: number): DynosimRecord | undefined {
    const key = keyOfRequest(this.#run, this.#workload, request, this.#cameMs.get(request) ?? nowMs);
    const open = this.#open.get(key);
    if (open === undefined || open.length === 0) return undefined;
    const pool = poolOf(role, this.#run);
    const entryOf = (record: DynosimRecord) => record.routing_history.find((each) => each.pool === pool);
    const isTimely = (record: DynosimRecord) => {
      const releasedMs = entryOf(record)?.released_at_ms ?? null;
      return releasedMs === null ? !waited : Math.abs(releasedMs - nowMs) < 1e-6;
    };
    const fits = (record: DynosimRecord) => {
      const worker = workerOf(record, role, this.#run);
      return (
        worker !== null && workers.includes(worker) && isTimely(record) && costs([worker]).cost <= least + SAME_COST
      );
    };
    const fitsBest = (record: DynosimRecord) => {
      const overlap = entryOf(record)?.selected_overlap_blocks ?? null;
      return (
        fits(record) && (overlap === null || costs([workerOf(record, role, this.#run)!]).overlapBlocks === overlap)
      );
    };
    const best = open.length === 1 ? 0 : open.findIndex(fitsBest);
    const found = best >= 0 ? best : Math.max(0, open.findIndex(fits));
    const [record] = open.splice(found, 1);
    this.#recordOf.set(request, record!);
    if (role === "prefill") this.#computing.set(key, (this.#computing.get(key) ?? new Set()).add(request));
    return record;
  }

  /**
   * A prompt has been computed: of several that looked the same when they came, its record is one of the same prefill worker that says so, and
   * best one that went where the cost is least.
   */
  #exchange(role: RoleName, request: number, nowMs: number, cost: (worker: number) => number): void {
    const own = this.#recordOf.get(request)!;
    const isNow = (record: DynosimRecord) =>
      record.prefill_worker_idx === own.prefill_worker_idx &&
      record.source_held_ms !== null &&
      Math.round(record.source_held_ms * 1e6) === Math.round(nowMs * 1e6);
    const costOf = (record: DynosimRecord) => cost(workerOf(record, role, this.#run) ?? -1);
    const alike = this.#computing.get(keyOfRecord(own));
    // It has reserved before it is computed.
    if (alike === undefined) return;
    let best: [number, DynosimRecord] | null = isNow(own) ? [request, own] : null;
    for (const other of alike) {
      const record = this.#recordOf.get(other)!;
      if (isNow(record) && (best === null || costOf(record) < costOf(best[1]))) best = [other, record];
    }
    alike.delete(request);
    if (best === null || best[0] === request) return;
    this.#recordOf.set(request, best[1]);
    this.#recordOf.set(best[0], own);
  }

  #compareOverlap(at: string, record: DynosimRecord, pool: string, selected: number, most: number): void {
    // A decode worker's caches are not looked at.
    if (pool === "decode") return;
    const entry = record.routing_history.find((each) => each.pool === pool);
    for (const [what, found, expected] of [
      ["overlap", selected, entry?.selected_overlap_blocks],
      ["best overlap", most, entry?.best_available_overlap_blocks],
    ] as const) {
      if (expected === undefined || expected === null || expected === found) continue;
      this.#note(`${at}, ${what}: found ${found} blocks, expected ${expected}`);
    }
  }

  #shuffle(random: StdRng): void {
    for (const same of this.#open.values()) {
      for (let i = same.length - 1; i > 0; i--) {
        const j = Math.floor(random.nextDouble() * (i + 1));
        [same[i], same[j]] = [same[j]!, same[i]!];
      }
    }
  }

  #note(text: string): void {
    this.#differences++;
    this.#firstDifference ??= text;
  }
}

/** The KV router, but for whom it chooses. */
class RecordedRouter extends KvRouter {
  readonly #routing: RecordedRouting;
  readonly #role: RoleName;

  constructor(options: KvRouterOptions, routing: RecordedRouting, role: RoleName) {
    super(options);
    this.#routing = routing;
    this.#role = role;
  }

  override isBusy(context: RouteContext, place?: number): boolean {
    this.#routing.came(Number(context.request), context.nowMs ?? 0);
    return super.isBusy(context, place);
  }

  override choose(outstanding: ArrayLike<number>, count: number, context: RouteContext): number {
    const costs = (workers: readonly number[]) => {
      const place = super.choose(outstanding, workers.length, { ...context, workers });
      return { place, ...this.last! };
    };
    const { request, nowMs = 0, seen } = context;
    const workers = Array.from({ length: count }, (_, place) => Number(context.workers[place]));
    const waited = seen !== undefined;
    const place = this.#routing.choose({ role: this.#role, request: Number(request), nowMs, waited, workers, costs });
    // The choice that is remembered is the one that was made.
    costs([workers[place]!]);
    return place;
  }
}

function poolOf(role: RoleName, { prefill }: DynosimCase): DynosimRecord["routing_history"][number]["pool"] {
  return prefill === null ? "agg" : role;
}

function workerOf(record: DynosimRecord, role: RoleName, { prefill }: DynosimCase): number | null {
  return role === "prefill" && prefill !== null ? record.prefill_worker_idx : record.decode_worker_idx;
}

const NUMBERED = /^0{8}-0{4}-0{4}-0{4}-/;

/** Where DynoSim numbers requests, their number; else session and turn; else arrival (whole ns) and size. */
function keyOfRecord(record: DynosimRecord): string {
  if (NUMBERED.test(record.uuid)) return `${Number.parseInt(record.uuid.slice(-12), 16)}`;
  if (record.session_id !== null) return `${record.session_id}/${record.turn_index ?? 0}`;
  const { arrival_time_ms: atMs, input_length: isl, requested_output_length: osl } = record;
  return `${Math.round(atMs * 1e6)} ${isl} ${osl}`;
}

function keyOfRequest(run: DynosimCase, workload: Workload, index: number, nowMs: number): string {
  if (run.records.every(({ uuid }) => NUMBERED.test(uuid))) return `${index + 1}`;
  const label = workload.sessionIds?.[index] ?? "";
  if (label !== "") return `${label}/${workload.turnIndex?.[index] ?? 0}`;
  return `${Math.round(nowMs * 1e6)} ${workload.isl[index]} ${workload.osl[index]}`;
}
