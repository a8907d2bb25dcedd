import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock, TimerQueue } from "#common";
import type { WorkerCard } from "#mocker/protocol";
import type { KvPeers, Worker, WorkerSettings } from "../types.ts";

/** A worker that listens. */
export interface RunningWorker {
  readonly id: string;
  /** Without a path: `http://127.0.0.1:8001`. */
  readonly url: string;
  card(): WorkerCard;
  readonly worker: Worker;
}

/** Workers that share a process, a clock, a timer queue and an HTTP application; each has its own port. */
export interface WorkerHost {
  /** In the order of their creation; drained ones leave. */
  readonly workers: readonly RunningWorker[];
  readonly clock: Clock;
  /** @throws UserError WORKER_PORT_TAKEN */
  addWorkers(count: number, overrides?: Partial<WorkerSettings>): Promise<RunningWorker[]>;
  /** Takes nothing new, finishes what it has, then closes its port. */
  drainWorker(id: string): Promise<void>;
  /** Ends a worker as if its process had died: connections break off, and nobody is told why. */
  killWorker(id: string): Promise<void>;
  /** Drains for `graceMs` real ms at most (default 0), then ends everything at once. */
  close(options?: { graceMs?: number }): Promise<void>;
}

export interface WorkerHostOptions {
  /** What the workers have in common. */
  settings: Omit<WorkerSettings, "id" | "address">;
  /** Workers to begin with; default 1. */
  count?: number;
  /** Names of workers by their index in the host's life; default `worker-<port>`. */
  workerId?: (index: number, port: number) => string;
  /** Default 127.0.0.1. */
  host?: string;
  /** What cards and hand-offs name as the host; default: `host`, or 127.0.0.1 where that means every address. */
  advertiseHost?: string;
  /** Port of the first worker, the others follow; 0 (the default): any free ones. */
  port?: number;
  /** Default: a wall clock from now. */
  clock?: Clock;
  /** Default: a queue of its own over `clock`. */
  timers?: TimerQueue;
  /**
   * Model ms between the starts of workers, and 2 s after each 32nd. Absent: as Dynamo's mocker has it, 0 up to 32 workers,
   * 100 up to 128, 200 beyond; 0: none at all.
   */
  staggerMs?: number;
  /** Told of each worker when it listens, in the order of their creation. */
  onWorker?: (worker: RunningWorker) => void;
  /** How decode workers reach prefill workers; default HTTP. */
  peers?: KvPeers;
  /** ZMQ endpoint of a worker's KV events, for its card. */
  kvEventsZmq?: (index: number) => string | null;
  /** How long a client may take for the head of a request, and for all of it, real ms; default 20 s and 60 s. */
  headersTimeoutMs?: number;
  requestTimeoutMs?: number;
  /** Connections of one worker; what is more is refused. Default 20 000. */
  maxConnections?: number;
}

/** The HTTP surface of all workers of a process. */
export interface WorkerHttpApp {
  /**
   * Once per worker, before its first request: metrics, KV events and pass records begin, at once; resolves when the worker
   * publishes everywhere it is to.
   */
  attach(worker: RunningWorker): void | Promise<void>;
  /** The worker is gone: what was kept for it may go. */
  detach(worker: RunningWorker): void;
  handle(worker: RunningWorker, request: IncomingMessage, response: ServerResponse): void;
  close(): Promise<void>;
}

/** Makes the surface; called once per host. */
export type WorkerHttpAppFactory = (context: { clock: Clock; timers: TimerQueue }) => Promise<WorkerHttpApp>;
