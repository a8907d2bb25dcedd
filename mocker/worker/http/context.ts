import type { IncomingMessage } from "node:http";
import type { FastifyRequest } from "fastify";
import type { Clock } from "#common";
import type { RunningWorker } from "../core/host-types.ts";
import { KvEventStream } from "../kv-events/event-stream.ts";
import { KvEventFeed, publishesKvEvents } from "../kv-events/feed.ts";
import { openZmqPublisher, type ZmqPublisher } from "../kv-events/zmq-publisher.ts";
import { dynamoPlace } from "../metrics/dynamo.ts";
import type { WorkerMetrics } from "../metrics/types.ts";
import { workerMetrics } from "../metrics/worker-metrics.ts";
import type { ResolvedHttpOptions } from "./options.ts";
import { PassRing } from "./passes.ts";

/** What the HTTP surface keeps of a worker. */
export interface WorkerContext {
  readonly running: RunningWorker;
  readonly clock: Clock;
  readonly options: ResolvedHttpOptions;
  readonly metrics: WorkerMetrics;
  readonly passes: PassRing;
  /** Null where the worker publishes no KV events. */
  readonly kvEvents: KvEventStream | null;
  readonly createdUnixS: number;
  /** Sequences submitted and not yet in the running batch. */
  waiting: number;
  /** Whose turn the next sequence is. */
  nextRank: number;
  /** Opens the ZMQ endpoint that the worker's card names, if any. @throws UserError WORKER_ZMQ_… */
  publish(onError: (error: unknown) => void): Promise<void>;
  close(): void;
}

/** Begins to observe the worker. */
export function workerContext(running: RunningWorker, clock: Clock, options: ResolvedHttpOptions): WorkerContext {
  const { worker } = running;
  const { engine } = worker.settings;
  const passes = new PassRing(options.passHistory);
  const metrics = workerMetrics(worker, options.metricNames, options.dynamoPlace ?? dynamoPlace(engine.role));
  worker.observe({ passEnded: (record) => passes.push(record) });
  const feed = engine.kvEvents && publishesKvEvents(engine) ? new KvEventFeed(worker) : null;
  const kvEvents = feed === null ? null : new KvEventStream(feed, { clock });
  let zmq: ZmqPublisher | null = null;
  return {
    running,
    clock,
    options,
    metrics,
    passes,
    kvEvents,
    createdUnixS: Math.floor(Date.now() / 1000),
    waiting: 0,
    nextRank: 0,
    async publish(onError) {
      const { kvEventsZmq } = running.card();
      if (feed === null || kvEventsZmq === null) return;
      const { bind: endpoint, replay: replayEndpoint } = options.zmq[kvEventsZmq] ?? { bind: kvEventsZmq };
      zmq = await openZmqPublisher(feed, {
        clock,
        endpoint,
        dpSize: worker.settings.dpSize,
        blockSize: engine.blockSize,
        onError,
        ...(replayEndpoint === undefined ? {} : { replayEndpoint }),
      });
    },
    close() {
      zmq?.close();
      kvEvents?.close();
      feed?.close();
    },
  };
}

const CONTEXT = Symbol("worker context");
const ARRIVAL = Symbol("arrival, model ms");

interface MarkedRequest extends IncomingMessage {
  [CONTEXT]?: WorkerContext;
  [ARRIVAL]?: number;
}

/** Says which worker a request came to, and when its head arrived. */
export function markRequest(request: IncomingMessage, context: WorkerContext): void {
  const marked = request as MarkedRequest;
  marked[CONTEXT] = context;
  marked[ARRIVAL] = context.clock.nowMs();
}

/** The worker that a request came to. */
export function contextOf(request: FastifyRequest): WorkerContext {
  const context = (request.raw as MarkedRequest)[CONTEXT];
  if (context === undefined) throw new Error("the request came to no worker");
  return context;
}

/** Model time at which the head of the request arrived. */
export function headArrivalMs(request: FastifyRequest): number {
  return (request.raw as MarkedRequest)[ARRIVAL] ?? contextOf(request).clock.nowMs();
}
