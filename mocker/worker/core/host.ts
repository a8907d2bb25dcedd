import { type Clock, TimerQueue, wallClock } from "#common";
import { hostPort } from "#common/http";
import { seededEngine } from "#mocker/engine";
import type { WorkerCard } from "#mocker/protocol";
import { publishesKvEvents } from "../kv-events/feed.ts";
import type { KvPeers, Worker, WorkerSettings } from "../types.ts";
import type {
  RunningWorker,
  WorkerHost,
  WorkerHostOptions,
  WorkerHttpApp,
  WorkerHttpAppFactory,
} from "./host-types.ts";
import { ListeningServer } from "./listening.ts";
import { httpPeers, type PeerClient } from "./peer-client.ts";
import { createWorker } from "./worker.ts";

const DEFAULT_HEADERS_TIMEOUT_MS = 20_000;
const DEFAULT_REQUEST_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_CONNECTIONS = 20_000;
/** For the last bytes of a drained worker's answers, real ms. */
const LAST_BYTES_MS = 5000;
/** Dynamo's mocker pauses after each so many workers, so long (model ms). */
const STAGGER_GROUP = 32;
const STAGGER_PAUSE_MS = 2000;

/** One worker with its port. */
interface Hosted extends RunningWorker {
  readonly server: ListeningServer;
}

/** Starts workers that share a process. @throws UserError WORKER_PORT_TAKEN */
export async function startHost(options: WorkerHostOptions, makeApp: WorkerHttpAppFactory): Promise<WorkerHost> {
  const clock = options.clock ?? wallClock();
  const timers = options.timers ?? new TimerQueue(clock);
  const client = options.peers === undefined ? httpPeers(clock, options.host) : null;
  const app = await makeApp({ clock, timers });
  const host = new ProcessHost(options, clock, timers, app, client);
  try {
    await host.addWorkers(options.count ?? 1);
  } catch (error) {
    await host.close();
    throw error;
  }
  return host;
}

class ProcessHost implements WorkerHost {
  readonly clock: Clock;
  readonly #options: WorkerHostOptions;
  readonly #timers: TimerQueue;
  readonly #app: WorkerHttpApp;
  readonly #client: PeerClient | null;
  readonly #peers: KvPeers;
  readonly #workers: Hosted[] = [];
  #created = 0;
  #closing: Promise<void> | null = null;

  constructor(
    options: WorkerHostOptions,
    clock: Clock,
    timers: TimerQueue,
    app: WorkerHttpApp,
    client: PeerClient | null,
  ) {
    this.clock = clock;
    this.#options = options;
    this.#timers = timers;
    this.#app = app;
    this.#client = client;
    this.#peers = options.peers ?? client!.peers;
  }

  get workers(): readonly RunningWorker[] {
    return this.#workers;
  }

  async addWorkers(count: number, overrides: Partial<WorkerSettings> = {}): Promise<RunningWorker[]> {
    const added: RunningWorker[] = [];
    const staggerMs = this.#options.staggerMs ?? defaultStaggerMs(count);
    for (let i = 0; i < count; i++) {
      const pauses = this.#options.staggerMs !== 0 && i > 0 && i % STAGGER_GROUP === 0;
      const waitMs = i === 0 ? 0 : staggerMs + (pauses ? STAGGER_PAUSE_MS : 0);
      if (waitMs > 0) await this.#wait(waitMs);
      if (this.#closing !== null) break;
      added.push(await this.#add(overrides));
    }
    return added;
  }

  async drainWorker(id: string): Promise<void> {
    const hosted = this.#workers.find((worker) => worker.id === id);
    if (hosted === undefined) return;
    await hosted.worker.drain();
    await this.#remove(hosted, LAST_BYTES_MS);
  }

  async killWorker(id: string): Promise<void> {
    const hosted = this.#workers.find((worker) => worker.id === id);
    if (hosted === undefined) return;
    const closed = hosted.server.close(0);
    await this.#remove(hosted, 0);
    await closed;
  }

  close(options: { graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.graceMs ?? 0);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    if (graceMs > 0) {
      const drained = Promise.all(this.#workers.map((hosted) => this.drainWorker(hosted.id)));
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([drained, patience]);
      clearTimeout(timer);
    }
    await Promise.all([...this.#workers].map((hosted) => this.#remove(hosted, 0)));
    await this.#app.close();
    await this.#client?.close();
    if (this.#options.timers === undefined) this.#timers.close();
  }

  async #add(overrides: Partial<WorkerSettings>): Promise<RunningWorker> {
    const { settings, port = 0, host = "127.0.0.1", workerId = (_index, taken) => `worker-${taken}` } = this.#options;
    const index = this.#created++;
    // Nothing comes in before this function gives way to the event loop, and by then there is a worker.
    let hosted: Hosted | null = null;
    const server = await ListeningServer.open(
      {
        host,
        port: port === 0 ? 0 : port + index,
        headersTimeoutMs: this.#options.headersTimeoutMs ?? DEFAULT_HEADERS_TIMEOUT_MS,
        requestTimeoutMs: this.#options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
        maxConnections: this.#options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
      },
      (request, response) => {
        if (hosted === null) response.destroy();
        else this.#app.handle(hosted, request, response);
      },
    );
    const address = { host: advertised(this.#options.advertiseHost, host), port: server.port };
    const own: WorkerSettings = {
      ...settings,
      ...overrides,
      engine: seededEngine(overrides.engine ?? settings.engine, index * settings.dpSize),
      id: overrides.id ?? workerId(index, server.port),
      address,
    };
    const worker = createWorker(own, this.clock, this.#timers, this.#peers);
    const url = `http://${hostPort(address.host, address.port)}`;
    const kvEventsZmq = this.#options.kvEventsZmq?.(index) ?? null;
    hosted = { id: own.id, url, server, worker, card: () => cardOf(worker, url, kvEventsZmq) };
    this.#workers.push(hosted);
    await this.#app.attach(hosted);
    this.#options.onWorker?.(hosted);
    return hosted;
  }

  async #remove(hosted: Hosted, graceMs: number): Promise<void> {
    const place = this.#workers.indexOf(hosted);
    if (place < 0) return;
    this.#workers.splice(place, 1);
    hosted.worker.stop();
    const closed = hosted.server.close(graceMs);
    // Endless answers (event streams) end with this; it does not take from those that are almost out.
    this.#app.detach(hosted);
    await closed;
  }

  #wait(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timers.at(this.#timers.nowMs() + waitMs, () => resolve());
    });
  }
}

function defaultStaggerMs(count: number): number {
  if (count <= 32) return 0;
  return count <= 128 ? 100 : 200;
}

function advertised(advertiseHost: string | undefined, host: string): string {
  if (advertiseHost !== undefined) return advertiseHost;
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}

function cardOf(worker: Worker, url: string, kvEventsZmq: string | null): WorkerCard {
  const { id, model, engine, dpSize, tokenizer } = worker.settings;
  return {
    id,
    url,
    model,
    role: engine.role,
    state: worker.state,
    engine: engine.family,
    blockSize: engine.blockSize,
    totalKvBlocks: engine.numGpuBlocks,
    maxNumSeqs: engine.maxNumSeqs,
    maxNumBatchedTokens: engine.maxNumBatchedTokens,
    contextLength: engine.maxModelLen ?? 0,
    dataParallelSize: dpSize,
    tokenizer: tokenizer.name,
    kvEvents: engine.kvEvents !== false && publishesKvEvents(engine),
    kvEventsZmq,
    timeScale: worker.clock.timeScale,
  };
}
