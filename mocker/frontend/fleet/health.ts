import type { WorkerCard } from "#mocker/protocol";
import { callWhole, isCallError } from "../proxy/upstream.ts";
import type { Backend } from "./backend.ts";
import type { Fleet } from "./fleet.ts";

export interface HealthOptions {
  /** Real ms between two checks of a worker that is well. */
  intervalMs: number;
  timeoutMs: number;
  /** Sent along to workers. */
  headers: Record<string, string>;
}

/** Checks under way at a time: thousands of workers must not be asked all at once. */
const MAX_CHECKS = 64;
/** A worker that answers no check so many times in a row is ejected; one that refuses the connection at once. */
const MAX_FAILED_CHECKS = 2;
const FIRST_RETRY_MS = 100;
/** All starting workers together are asked so often a second, so that one that becomes ready is known within ms. */
const STARTING_CHECKS_PER_S = 200;

/**
 * Asks new workers what they are, watches starting ones until they are ready, checks the others from time to time, ejects
 * those that can't be reached and takes them back when they can.
 */
export class Health {
  readonly #fleet: Fleet;
  readonly #options: HealthOptions;
  readonly #waiting: Backend[] = [];
  readonly #checking = new Set<Backend>();
  #stopped = false;

  constructor(fleet: Fleet, options: HealthOptions) {
    this.#fleet = fleet;
    this.#options = options;
    fleet.listen({ added: (backend) => this.check(backend) });
  }

  stop(): void {
    this.#stopped = true;
  }

  /** A request could not reach the worker: it gets no more until a check has. */
  unreachable(backend: Backend, message: string): void {
    backend.failures++;
    backend.lastError = message;
    if (backend.state === "removed") return;
    this.#fleet.setState(backend, "ejected");
    this.#schedule(backend, FIRST_RETRY_MS);
  }

  /** A connection to it broke: a check tells whether it is gone. */
  broken(backend: Backend, message: string): void {
    backend.failures++;
    backend.lastError = message;
    this.check(backend);
  }

  /** A worker said that it takes nothing: it gets no more until a check says otherwise. */
  refused(backend: Backend): void {
    if (backend.state !== "ready") return;
    this.#fleet.setState(backend, "draining");
    this.check(backend);
  }

  check(backend: Backend): void {
    if (backend.checkTimer !== null) clearTimeout(backend.checkTimer);
    backend.checkTimer = null;
    if (this.#stopped || backend.state === "removed" || this.#checking.has(backend)) return;
    if (this.#checking.size >= MAX_CHECKS) {
      if (!this.#waiting.includes(backend)) this.#waiting.push(backend);
      return;
    }
    this.#checking.add(backend);
    void this.#run(backend).finally(() => {
      this.#checking.delete(backend);
      const next = this.#waiting.shift();
      if (next !== undefined) this.check(next);
      if (backend.checkTimer === null) this.#schedule(backend, this.#pauseMs(backend));
    });
  }

  #schedule(backend: Backend, delayMs: number): void {
    if (backend.checkTimer !== null) clearTimeout(backend.checkTimer);
    backend.checkTimer = null;
    if (this.#stopped || backend.state === "removed") return;
    backend.checkTimer = setTimeout(() => this.check(backend), delayMs);
    backend.checkTimer.unref();
  }

  #pauseMs(backend: Backend): number {
    const { intervalMs } = this.#options;
    if (backend.failedChecks > 0)
      return Math.min(intervalMs, FIRST_RETRY_MS * 2 ** Math.min(10, backend.failedChecks - 1));
    if (backend.state === "starting" || backend.state === "draining") {
      let starting = 0;
      for (const { state } of this.#fleet.backends()) if (state === "starting" || state === "draining") starting++;
      return Math.min(intervalMs, Math.max(20, (starting * 1000) / STARTING_CHECKS_PER_S));
    }
    return intervalMs;
  }

  async #run(backend: Backend): Promise<void> {
    if (backend.card !== null && backend.state === "ready") {
      const outcome = await this.#get(backend, "/health");
      if (outcome.status === 200) return this.#reached(backend, "ready");
      if (outcome.status === 0) return this.#missed(backend, outcome);
    }
    const outcome = await this.#get(backend, "/worker");
    if (outcome.status === 0) return this.#missed(backend, outcome);
    const card = outcome.status === 200 ? cardOf(outcome.body) : null;
    if (card !== null) {
      backend.foreign = false;
      this.#fleet.describe(backend, { ...card, url: backend.url }, [card.model]);
      return this.#reached(backend, card.state);
    }
    const models = await this.#get(backend, "/v1/models");
    const names = models.status === 200 ? modelsOf(models.body) : [];
    if (names.length === 0) {
      return this.#missed(backend, {
        ...models,
        message: "neither GET /worker nor GET /v1/models tells what it serves",
      });
    }
    const health = await this.#get(backend, "/health");
    backend.foreign = true;
    this.#fleet.describe(
      backend,
      foreignCard(backend.url, names[0]!),
      names.map(({ id }) => id),
    );
    // Not every server has /health; one that lists its models works.
    if (health.status >= 500) return this.#missed(backend, { ...health, message: `/health answers ${health.status}` });
    this.#reached(backend, "ready");
  }

  #reached(backend: Backend, state: WorkerCard["state"]): void {
    backend.failedChecks = 0;
    if (state === "ready") backend.lastError = null;
    this.#fleet.setState(backend, state);
  }

  #missed(backend: Backend, { message, refused }: { message: string; refused: boolean }): void {
    backend.failedChecks++;
    backend.lastError = message;
    if (refused || backend.failedChecks >= MAX_FAILED_CHECKS) this.#fleet.setState(backend, "ejected");
  }

  async #get(backend: Backend, path: string) {
    const { timeoutMs, headers } = this.#options;
    const outcome = await callWhole(backend.dispatcher, {
      method: "GET",
      path,
      headers,
      headersTimeoutMs: timeoutMs,
      bodyTimeoutMs: timeoutMs,
    });
    if (isCallError(outcome)) {
      const { message, failure } = outcome;
      return { status: 0, body: "", message: `${path}: ${message}`, refused: failure === "unreachable" };
    }
    const { status, body } = outcome;
    return { status, body: body.toString("utf8"), message: `${path} answers ${status}`, refused: false };
  }
}

/** What `GET /worker` answered, or null where it is no card. */
function cardOf(body: string): WorkerCard | null {
  const card = parseJson(body) as Partial<WorkerCard> | null;
  const isCard =
    typeof card?.id === "string" &&
    typeof card.model === "string" &&
    (card.role === "aggregated" || card.role === "prefill" || card.role === "decode") &&
    (card.state === "starting" || card.state === "ready" || card.state === "draining");
  return isCard ? (card as WorkerCard) : null;
}

interface ListedModel {
  id: string;
  contextLength: number;
}

function modelsOf(body: string): ListedModel[] {
  const list = (parseJson(body) as { data?: unknown } | null)?.data;
  if (!Array.isArray(list)) return [];
  return list.flatMap((model: { id?: unknown; max_model_len?: unknown } | null) =>
    typeof model?.id === "string"
      ? [{ id: model.id, contextLength: typeof model.max_model_len === "number" ? model.max_model_len : 0 }]
      : [],
  );
}

/** The card of a server that has none: what is not known is 0. */
function foreignCard(url: string, { id, contextLength }: ListedModel): WorkerCard {
  return {
    id: new URL(url).host,
    url,
    model: id,
    role: "aggregated",
    state: "ready",
    engine: "unknown",
    blockSize: 0,
    totalKvBlocks: 0,
    maxNumSeqs: 0,
    maxNumBatchedTokens: 0,
    contextLength,
    dataParallelSize: 1,
    tokenizer: "builtin",
    kvEvents: false,
    kvEventsZmq: null,
    timeScale: 1,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
