import type { IncomingHttpHeaders } from "node:http";
import type { EngineRole } from "#mocker/engine";
import { HEADERS, type KvTransferParams } from "#mocker/protocol";
import { FIRST_COME, placeOf, type QueueRank } from "#mocker/router";
import type { Backend } from "../fleet/backend.ts";
import type { Fleet, ModelPools } from "../fleet/fleet.ts";
import type { Health } from "../fleet/health.ts";
import type { RolePool } from "../fleet/role-pool.ts";
import type { FrontendMetrics } from "../metrics/metrics.ts";
import { type RelayOutcome, relay, type TokenObserver } from "../proxy/relay.ts";
import { type StreamEnd, usageOf } from "../proxy/token-scan.ts";
import { type Answer, type CallError, callWhole, type UpstreamCall } from "../proxy/upstream.ts";
import { neverFits, noSuchModel, workerFailed } from "../refusals.ts";
import { decodeBody, prefillBody } from "./bodies.ts";
import type { Job } from "./job.ts";
import { Placement } from "./placement.ts";
import type { WaitingRoom } from "./waiting-room.ts";

/** How a request was served. */
export type Served =
  /** The stream has come to its end; `rest` is to be written, then the response ended. */
  | { kind: "streamed"; rest: readonly Buffer[]; end: StreamEnd; headers: IncomingHttpHeaders }
  /** A whole answer to pass on: a completion, or a worker's error. */
  | { kind: "answer"; answer: Answer }
  /** It broke off after its first token. */
  | { kind: "broken"; message: string };

/** What is kept of a prefill worker's answer. */
interface Prefilled {
  worker: Backend;
  kvTransfer: KvTransferParams;
  cachedTokens: number;
}

export interface DispatcherOptions {
  fleet: Fleet;
  health: Health;
  room: WaitingRoom;
  metrics: FrontendMetrics;
  /** Workers that a request is given to at most. */
  maxAttempts: number;
  /** Sent with everything to workers. */
  workerHeaders: Record<string, string>;
  nowMs(): number;
}

class ClientGone extends Error {}

export function isClientGone(error: unknown): boolean {
  return error instanceof ClientGone;
}

export const clientGone = (): Error => new ClientGone("the client has left");

/** Finds workers for requests and sees them through: prefill then decode where there are both, another worker where one fails. */
export class RequestDispatcher {
  readonly #options: DispatcherOptions;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    // Those that wait try again when a worker becomes ready, and when it turns out what one is.
    options.fleet.listen({
      changed: (backend, before) => {
        if (backend.state === "ready")
          for (const model of backend.models) options.room.wake(queueOf(model, backend.role));
        if (before === "unknown" || backend.state === "ready") options.room.wakeAll(MODEL_QUEUE);
      },
      removed: () => options.room.wakeAll(MODEL_QUEUE),
    });
  }

  /** @throws OpenAiError; an error for which `isClientGone` holds */
  async serve(job: Job): Promise<Served> {
    const pools = await this.pools(job.model, job.signal);
    this.#refuseWhatNeverFits(job, pools);
    const disaggregated = isThere(pools, "prefill") && isThere(pools, "decode");
    return disaggregated || !pools.has("aggregated") ? this.#disaggregated(job) : this.#aggregated(job);
  }

  /** The pools of a model; waits while workers have not said what they serve. @throws OpenAiError 404 */
  pools(model: string, signal: AbortSignal): Promise<ModelPools> | ModelPools {
    const { fleet, room } = this.#options;
    return room.waitFor(
      // One for each model: who waits for one that nobody may serve must not hold up the others.
      `${MODEL_QUEUE}${model}`,
      () => {
        const pools = fleet.pools(model);
        if (pools !== undefined) return pools;
        if (!fleet.hasUnknown)
          throw noSuchModel(
            model,
            fleet.models().map(({ name }) => name),
          );
        return null;
      },
      signal,
      `a worker that serves ${model}`,
    );
  }

  async #aggregated(job: Job): Promise<Served> {
    const tried = new Set<Backend>();
    for (let attempt = 1; ; attempt++) {
      job.track.attempts = attempt;
      const place = await this.#place(job, "aggregated", tried);
      const { worker } = place;
      job.track.workerId = worker.id;
      const outcome = await this.#stream(job, place, () => job.body);
      const verdict = this.#judge(job, worker, outcome, attempt, null);
      if (verdict !== "retry") return verdict;
      tried.add(worker);
    }
  }

  async #disaggregated(job: Job): Promise<Served> {
    const triedPrefill = new Set<Backend>();
    const triedDecode = new Set<Backend>();
    let prefilled: Prefilled | null = null;
    for (let attempt = 1; ; attempt++) {
      job.track.attempts = attempt;
      if (prefilled === null) {
        const outcome = await this.#prefill(job, triedPrefill, attempt);
        if (outcome === "retry") continue;
        if ("kind" in outcome) return outcome;
        prefilled = outcome;
      }
      const { worker: source, kvTransfer, cachedTokens }: Prefilled = prefilled;
      let served: Served | "retry";
      let keepsBlocks = false;
      try {
        const place = await this.#place(job, "decode", triedDecode);
        const { worker } = place;
        job.track.workerId = worker.id;
        const outcome = await this.#stream(job, place, () => decodeBody(job.body, kvTransfer));
        served = this.#judge(job, worker, outcome, attempt, cachedTokens);
        triedDecode.add(worker);
        // Where nobody was there, the blocks still wait; else they are gone, or may be: the prompt is computed again.
        const untouched = outcome.kind === "failed" && outcome.error.failure === "unreachable";
        keepsBlocks = served === "retry" ? untouched : isGood(served);
      } finally {
        // A prompt that is computed again may come to the same worker, under the same name: that must be free then.
        if (!keepsBlocks) await this.#abandon(source, kvTransfer);
      }
      if (served !== "retry") return served;
      if (!keepsBlocks) prefilled = null;
    }
  }

  async #prefill(job: Job, tried: Set<Backend>, attempt: number): Promise<Prefilled | Served | "retry"> {
    const place = await this.#place(job, "prefill", tried);
    const { worker } = place;
    job.track.prefillWorkerId = worker.id;
    let outcome: RelayOutcome;
    try {
      outcome = await this.#call(job, worker, prefillBody(job.body, job.has), IGNORED);
      this.#noteHealth(job, worker, outcome);
    } finally {
      place.begun();
      place.end();
      // Its answer may have been on the way: then the blocks are held, under the request's name, and nobody will come.
      if (job.signal.aborted) void this.#abandon(worker, { remote_request_id: job.id });
    }
    const verdict = this.#judge(job, worker, outcome, attempt, null);
    if (verdict === "retry") {
      tried.add(worker);
      return "retry";
    }
    if (verdict.kind !== "answer" || verdict.answer.status !== 200) return verdict;
    const answer = parseJson(verdict.answer.body) as { kv_transfer_params?: KvTransferParams | null } | null;
    const kvTransfer = answer?.kv_transfer_params;
    if (!kvTransfer) throw workerFailed(502, `The prefill worker ${worker.id} answered without kv_transfer_params.`);
    const cachedTokens = kvTransfer.cached_tokens ?? usageIn(verdict.answer.body)?.cachedTokens ?? 0;
    job.track.prefilled(cachedTokens);
    return { worker, kvTransfer, cachedTokens };
  }

  /** A place at a ready worker of that role; waits for one. */
  #place(job: Job, role: EngineRole, tried: Set<Backend>): Promise<Placement> | Placement {
    const { fleet, room, nowMs } = this.#options;
    const queue = queueOf(job.model, role);
    const contextIn = (pool: RolePool) => {
      const blockSize = pool.active[0]?.card?.blockSize ?? 0;
      return { ...job.routing, isl: job.isl, blocks: job.blocks(blockSize), nowMs: nowMs() };
    };
    const poolNow = () => fleet.pools(job.model)?.get(role);
    let rank: QueueRank | null = null;
    const rankIn = (pool: RolePool) => {
      rank ??= pool.rank(contextIn(pool), tried);
      return rank;
    };
    const isBusy = (pool: RolePool) => {
      const place = pool.router.classes === undefined ? 0 : placeOf(rankIn(pool));
      return pool.isBusy(contextIn(pool), tried, place);
    };
    return room.waitFor(
      queue,
      () => {
        const pool = poolNow();
        if (pool === undefined || pool.active.length === 0) return null;
        // As Dynamo's router does with requests that migrate: who comes back from a worker is routed, and waits, as anybody else.
        if (isBusy(pool)) return null;
        const context = { ...contextIn(pool), seen: rank?.seen };
        // Where all have been tried, one of them may have recovered.
        const worker = pool.choose(context, tried);
        const changed = () => room.wake(queue);
        return worker && new Placement(job, role, worker, { router: pool.router, context, changed, nowMs });
      },
      job.signal,
      `a ready ${role} worker`,
      {
        classes: () => poolNow()?.router.classes,
        rank: () => {
          const pool = poolNow();
          return pool === undefined ? FIRST_COME : rankIn(pool);
        },
        workers: () => poolNow()?.active.length ?? 0,
        mayGo: () => {
          const pool = poolNow();
          return pool !== undefined && pool.active.length > 0 && !isBusy(pool);
        },
        lane: () => {
          const pool = poolNow();
          return pool === undefined ? null : pool.lane(contextIn(pool), tried);
        },
        changesMs: () => {
          const pool = poolNow();
          return pool === undefined ? Number.POSITIVE_INFINITY : pool.changesMs(contextIn(pool), tried);
        },
      },
    );
  }

  /** Ends the place, however it goes. */
  async #stream(job: Job, place: Placement, body: () => Buffer): Promise<RelayOutcome> {
    const observer = {
      tokens: (count: number, headers: IncomingHttpHeaders) => {
        if (job.track.tokenCount === 0) {
          job.track.answered(cachedTokensIn(headers));
          place.begun();
        }
        job.track.tokens(count);
      },
    };
    try {
      const outcome = await this.#call(job, place.worker, body(), observer);
      this.#noteHealth(job, place.worker, outcome);
      return outcome;
    } finally {
      place.end();
    }
  }

  /** One call, given up when the client leaves. */
  async #call(job: Job, worker: Backend, body: Buffer, observer: TokenObserver): Promise<RelayOutcome> {
    let call: UpstreamCall | null = null;
    const giveUp = () => call?.abort();
    job.signal.throwIfAborted();
    job.signal.addEventListener("abort", giveUp);
    try {
      const request = { method: "POST", path: job.path, headers: job.headers, body } as const;
      return await relay(worker.dispatcher, request, job.sink, observer, (made) => {
        call = made;
      });
    } finally {
      job.signal.removeEventListener("abort", giveUp);
    }
  }

  /** What an outcome means for the request. `cachedTokens`: of a prefill worker, where there was one. */
  #judge(
    job: Job,
    worker: Backend,
    outcome: RelayOutcome,
    attempt: number,
    cachedTokens: number | null,
  ): Served | "retry" {
    if (job.signal.aborted) throw clientGone();
    switch (outcome.kind) {
      case "ended": {
        const end = outcome.scan.end();
        if (cachedTokens !== null && end.usage !== null) end.usage.cachedTokens = cachedTokens;
        if (outcome.scan.tokens === 0 && end.error !== null) return this.#again(job, attempt, 502, end.error);
        return { kind: "streamed", rest: outcome.rest, end, headers: outcome.headers };
      }
      case "answer": {
        const { status, body } = outcome.answer;
        if (status !== 502 && status !== 503 && status !== 504) return { kind: "answer", answer: outcome.answer };
        if (attempt >= this.#options.maxAttempts) return { kind: "answer", answer: outcome.answer };
        return this.#again(job, attempt, status, body.toString("utf8").slice(0, 200));
      }
      case "failed":
        return this.#failed(job, worker, outcome.error, outcome.opened, attempt);
    }
  }

  /** What an outcome says of the worker; before the place there is free, which who waits would be given. */
  #noteHealth({ signal }: Job, worker: Backend, outcome: RelayOutcome): void {
    const { health } = this.#options;
    if (signal.aborted) return;
    if (outcome.kind === "answer" && outcome.answer.status === 503) health.refused(worker);
    if (outcome.kind !== "failed") return;
    const message = `${worker.id}: ${outcome.error.message}`;
    if (outcome.error.failure === "unreachable") health.unreachable(worker, message);
    else health.broken(worker, message);
  }

  #failed(job: Job, worker: Backend, error: CallError, opened: boolean, attempt: number): Served | "retry" {
    const message = `${worker.id}: ${error.message}`;
    if (opened || job.track.tokenCount > 0) return { kind: "broken", message: `The worker ${message}.` };
    return this.#again(job, attempt, error.failure === "timeout" ? 504 : 502, `The worker ${message}.`);
  }

  #again(job: Job, attempt: number, status: number, message: string): "retry" {
    if (attempt >= this.#options.maxAttempts) {
      throw workerFailed(status, `${message} (${attempt} attempts)`);
    }
    this.#options.metrics.model(job.model).retries.inc();
    return "retry";
  }

  /** Blocks that no decode worker will fetch need not wait for their time to run out. */
  async #abandon(source: Backend, { remote_request_id: id }: KvTransferParams): Promise<void> {
    if (!id || source.state === "removed") return;
    const { workerHeaders: headers } = this.#options;
    const path = `/kv_transfer/${encodeURIComponent(id)}`;
    const timeouts = { headersTimeoutMs: ABANDON_TIMEOUT_MS, bodyTimeoutMs: ABANDON_TIMEOUT_MS };
    await callWhole(source.dispatcher, { method: "DELETE", path, headers, ...timeouts });
  }

  /** As the simulator's engines reject: more blocks than a worker has, or no room for a single token. */
  #refuseWhatNeverFits(job: Job, pools: ModelPools): void {
    const pool = pools.get("decode") ?? pools.get("aggregated");
    const card = pool?.members.values().next().value?.card;
    if (!card) return;
    const { contextLength, totalKvBlocks, blockSize } = card;
    const prompt = job.longestPrompt;
    if (contextLength > 0 && prompt >= contextLength) {
      throw neverFits(
        `This model's maximum context length is ${contextLength} tokens, but the prompt has ${prompt}: no room is left for output.`,
      );
    }
    if (totalKvBlocks <= 0 || blockSize <= 0) return;
    const asked = Math.max(1, job.osl ?? 1);
    const osl = contextLength > 0 ? Math.max(1, Math.min(asked, contextLength - prompt)) : asked;
    // The last token is emitted without being computed.
    if (Math.ceil((prompt + osl - 1) / blockSize) > totalKvBlocks) {
      const capacity = totalKvBlocks * blockSize;
      throw neverFits(`Prompt and output of ${prompt + osl} tokens exceed the KV cache of ${capacity} tokens.`);
    }
  }
}

const MODEL_QUEUE = "model ";
const IGNORED = { tokens: () => {} };
const ABANDON_TIMEOUT_MS = 1000;

function queueOf(model: string, role: EngineRole): string {
  return `${role} ${model}`;
}

function isThere(pools: ModelPools, role: EngineRole): boolean {
  return (pools.get(role)?.members.size ?? 0) > 0;
}

function isGood(served: Served): boolean {
  return served.kind === "streamed" || (served.kind === "answer" && served.answer.status === 200);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
}

/** What the worker says it had cached of the prompt; null where it says nothing. */
function cachedTokensIn(headers: IncomingHttpHeaders): number | null {
  const tokens = Number(headers[HEADERS.cachedTokens] ?? Number.NaN);
  return Number.isSafeInteger(tokens) ? tokens : null;
}

/** The usage of a whole answer. */
export function usageIn(body: Buffer): StreamEnd["usage"] {
  return usageOf((parseJson(body) as { usage?: unknown } | null)?.usage);
}
