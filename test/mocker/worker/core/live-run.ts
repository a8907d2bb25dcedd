import { effectiveOsl, firstOutputPlace, neverFits, seededEngine } from "#mocker/engine";
import type { KvTransferParams } from "#mocker/protocol";
import { LeastLoadedRouter, RoundRobinRouter, type Router, WAITING_WEIGHT } from "#mocker/router";
import { builtinTokenizer } from "#mocker/text";
import type { Workload } from "#scenarios";
import type { PoolSpec, SimulationSpec } from "#src/simulator";
import { createWorker } from "../../../../mocker/worker/core/worker.ts";
import type { KvPeer, Worker, WorkerSettings } from "../../../../mocker/worker/types.ts";
import { ManualTime } from "./manual-time.ts";

/** At an instant, input comes after ends of passes and transfers, and before passes begin. */
const ARRIVAL_ORDER = 500;

export interface LiveRow {
  admitMs: number;
  firstTokenMs: number;
  secondTokenMs: number;
  firstOutputTokenMs: number;
  lastTokenMs: number;
  outputTokens: number;
  cachedTokens: number;
  heldMs: number;
  decodeAdmitMs: number;
  rejected: boolean;
}

interface LivePool {
  workers: Worker[];
  outstanding: number[];
  router: Router;
}

/** Token ids of a request's prompt: what the workload's block ids name, then ids that no other request has. */
function promptTokens({ isl, prompts }: Workload, request: number): Int32Array {
  const tokens = new Int32Array(isl[request]!);
  const from = prompts?.offset[request] ?? 0;
  const named = prompts === null ? 0 : (prompts.offset[request + 1]! - from) * prompts.blockTokens;
  for (let i = 0; i < tokens.length; i++) {
    tokens[i] =
      i < named
        ? prompts!.ids[from + Math.floor(i / prompts!.blockTokens)]! * 64 + (i % prompts!.blockTokens)
        : 1_000_000_000 + request * 1000 + i;
  }
  return tokens;
}

/** A simulation's traffic through live workers on a manual clock, routed as the simulator routes. */
export class LiveRun {
  readonly time: ManualTime;
  readonly rows: LiveRow[];
  readonly prefill: LivePool | null;
  readonly decode: LivePool;
  readonly #workload: Workload;
  readonly #spec: SimulationSpec;

  /** How long input is on its way to a worker, ms; it counts as of when it was sent. */
  readonly #onItsWayMs: number;

  constructor(spec: SimulationSpec, onItsWayMs = 0) {
    this.#spec = spec;
    this.#onItsWayMs = onItsWayMs;
    this.time = new ManualTime();
    this.#workload = spec.workload;
    this.rows = Array.from({ length: spec.workload.count }, () => ({
      admitMs: Number.NaN,
      firstTokenMs: Number.NaN,
      secondTokenMs: Number.NaN,
      firstOutputTokenMs: Number.NaN,
      lastTokenMs: Number.NaN,
      outputTokens: 0,
      cachedTokens: 0,
      heldMs: Number.NaN,
      decodeAdmitMs: Number.NaN,
      rejected: false,
    }));
    this.prefill = spec.prefill === null ? null : this.#pool(spec.prefill, "prefill");
    this.decode = this.#pool(spec.decode, "decode");
    for (const request of spec.workload.openHeads) {
      const sentMs = spec.workload.arrivalMs[request]!;
      this.time.timers.at(sentMs + onItsWayMs, () => this.#dispatch(request, sentMs), ARRIVAL_ORDER);
    }
  }

  #pool(spec: PoolSpec, role: string): LivePool {
    const settings = (index: number): WorkerSettings => ({
      id: `${role}/${index}`,
      model: "mock",
      engine: seededEngine(spec.engine, index * spec.dpSize),
      dpSize: spec.dpSize,
      transfer: this.#spec.transfer,
      startupMs: 0,
      tokenizer: builtinTokenizer(),
      handoffTimeoutMs: 1e12,
      trustRequestStart: true,
      settleMs: this.#onItsWayMs * 2,
    });
    const { clock, timers } = this.time;
    const peers = (params: KvTransferParams): KvPeer => {
      const source = this.prefill!.workers.find((worker) => worker.settings.id === params.remote_engine_id)!.handoff!;
      return {
        wait: (id) => source.wait(id),
        release: (id, atMs) => Promise.resolve(source.release(id, atMs)),
        abort: (id) => {
          source.abort(id);
          return Promise.resolve();
        },
      };
    };
    return {
      workers: Array.from({ length: spec.workers }, (_, i) => createWorker(settings(i), clock, timers, peers)),
      outstanding: new Array(spec.workers).fill(0),
      router: this.#spec.router === "round-robin" ? new RoundRobinRouter() : new LeastLoadedRouter(),
    };
  }

  #dispatch(request: number, sentMs: number): void {
    const isl = this.#workload.isl[request]!;
    if (this.prefill === null) {
      this.#aggregated(request, sentMs);
      return;
    }
    const { engine } = this.#spec.decode;
    // What prefill workers refuse themselves takes its turn with them.
    const isRefusedThere = neverFits(this.#spec.prefill!.engine, isl, 1) !== null;
    if (!isRefusedThere && neverFits(engine, isl, effectiveOsl(engine, isl, this.#workload.osl[request]!)) !== null) {
      this.rows[request]!.rejected = true;
      return;
    }
    this.#prefilled(request, sentMs, this.prefill);
  }

  #choose(pool: LivePool): { index: number; worker: Worker } {
    const index = pool.router.choose(pool.outstanding, pool.workers.length);
    return { index, worker: pool.workers[index]! };
  }

  #fits(worker: Worker, request: number): boolean {
    return worker.neverFits(this.#workload.isl[request]!, this.#workload.osl[request]!) === null;
  }

  #generation(request: number, arrivalMs: number, kvTransfer?: KvTransferParams) {
    return {
      requestId: `r${request}`,
      promptTokens: promptTokens(this.#workload, request),
      outputTokens: this.#workload.osl[request]!,
      outputTokenId: (index: number) => -1 - (request * 1000 + index),
      arrivalMs,
      ...(kvTransfer === undefined ? {} : { kvTransfer }),
    };
  }

  #aggregated(request: number, sentMs: number): void {
    const { index, worker } = this.#choose(this.decode);
    const row = this.rows[request]!;
    const { outstanding } = this.decode;
    // What is refused weighs nothing, although it takes its turn.
    const weight = this.#fits(worker, request) ? 1 : 0;
    outstanding[index]! += weight * WAITING_WEIGHT;
    worker.submit(this.#generation(request, sentMs), {
      admitted: (atMs, cachedTokens) => {
        if (Number.isNaN(row.admitMs)) row.admitMs = atMs;
        row.cachedTokens = cachedTokens;
      },
      token: (token, atMs) => {
        if (token === 0) outstanding[index]! += 1 - WAITING_WEIGHT;
        this.#token(request, token, atMs);
      },
      finished: () => {
        outstanding[index]! -= 1;
      },
      held: () => {},
      failed: () => {
        outstanding[index]! -= weight * (Number.isNaN(row.firstTokenMs) ? WAITING_WEIGHT : 1);
        row.rejected = true;
      },
    });
  }

  #prefilled(request: number, sentMs: number, pool: LivePool): void {
    const { index, worker } = this.#choose(pool);
    const row = this.rows[request]!;
    const isl = this.#fits(worker, request) ? this.#workload.isl[request]! : 0;
    pool.outstanding[index]! += isl;
    worker.submit(this.#generation(request, sentMs, { do_remote_decode: true }), {
      admitted: (atMs, cachedTokens) => {
        if (Number.isNaN(row.admitMs)) row.admitMs = atMs;
        row.cachedTokens = cachedTokens;
      },
      token: () => {},
      finished: () => {},
      held: (atMs, params) => {
        pool.outstanding[index]! -= isl;
        row.heldMs = atMs;
        if (this.#onItsWayMs === 0) this.#decoded(request, atMs, params);
        else this.time.timers.at(atMs + this.#onItsWayMs, () => this.#decoded(request, atMs, params), ARRIVAL_ORDER);
      },
      failed: () => {
        pool.outstanding[index]! -= isl;
        row.rejected = true;
      },
    });
  }

  #decoded(request: number, sentMs: number, params: KvTransferParams): void {
    const { index, worker } = this.#choose(this.decode);
    const row = this.rows[request]!;
    this.decode.outstanding[index]! += 1;
    worker.submit(this.#generation(request, sentMs, params), {
      admitted: (atMs) => {
        if (Number.isNaN(row.decodeAdmitMs)) row.decodeAdmitMs = atMs;
      },
      token: (token, atMs) => this.#token(request, token, atMs),
      finished: () => {
        this.decode.outstanding[index]! -= 1;
      },
      held: () => {},
      failed: () => {
        this.decode.outstanding[index]! -= 1;
        row.rejected = true;
      },
    });
  }

  #token(request: number, index: number, atMs: number): void {
    const row = this.rows[request]!;
    const { engine } = this.#spec.decode;
    const osl = effectiveOsl(engine, this.#workload.isl[request]!, this.#workload.osl[request]!);
    if (index === 0) row.firstTokenMs = atMs;
    if (index === 1) row.secondTokenMs = atMs;
    if (index + 1 === firstOutputPlace(osl, engine.thinkingRatio)) row.firstOutputTokenMs = atMs;
    row.lastTokenMs = atMs;
    row.outputTokens = index + 1;
  }
}
