import type { Lateness } from "#common";
import type { EngineLoad, PassCounters, TransferModel } from "#mocker/engine";
import type { WorkerCard } from "#mocker/protocol";
import type { RouterMode, RouterSettings } from "#mocker/router";
import type { Deployment } from "#scenarios";
import type { RoleName } from "#src/record";
import type { NetworkDelay } from "./slow-network.ts";

/** The clock that all processes of a run share; its model time 0 is not the run's. */
export interface ClockDescription {
  timeScale: number;
  epochUnixMs: number;
}

/** What a process needs to play workers of one role: the scenario's description, from which it builds its engines. */
export interface WorkersStart {
  clock: ClockDescription;
  deployment: Deployment;
  role: RoleName;
  model: string;
  transfer: TransferModel | null;
  seed: number;
  /** Messages to workers and back take a way that can be made slower. */
  slowNetwork: boolean;
}

/** Generations that a worker had, and how many ever came to it. */
export interface Census {
  withoutToken: number;
  withToken: number;
  taken: number;
}

/** KV transfers that are lost: the next ones, or each with a probability. */
export interface TransferLoss {
  next: number | null;
  probability: number | null;
}

/** A transfer that a fault, known by its index, has lost. */
export interface LostTransfer {
  fault: number;
  /** `X-Request-Id` of the request. */
  requestId: string;
  atUnixMs: number;
}

export interface WorkerStatus {
  name: string;
  loads: EngineLoad[];
}

/** What is left of workers when they go. */
export interface WorkersReport {
  counters: PassCounters;
  /** Times the timing model was asked beyond what it was made from. */
  extrapolations: number;
  /** How late the process woke up for what its workers had to do, real ms. */
  lag: Lateness;
}

export type WorkerCalls = {
  start(options: WorkersStart): Promise<void>;
  /** A worker that is ready at `readyUnixMs`; the answer comes when it listens, the event when it is ready. */
  add(options: { name: string; readyUnixMs: number }): Promise<WorkerCard>;
  /** Ends a worker at once. Nothing happens here and below to a worker that is gone: it had nothing then. */
  cancel(name: string): Promise<void>;
  /** When its last request had left, Unix ms. */
  drain(name: string): Promise<number>;
  /** Ends a worker as if its process had died; what it had then. */
  kill(name: string): Promise<Census>;
  /** Passes of a worker take so many times as long from now on; null: none begins. Tells what it has. */
  setPace(options: { name: string; factor: number | null }): Census;
  /** What a fault, known by its index, loses from now on; null: nothing any more. */
  loseTransfers(options: { fault: number; loss: TransferLoss | null }): void;
  lostTransfers(argument: null): LostTransfer[];
  /** To be added to what there is. */
  delayNetwork(delay: NetworkDelay): void;
  loads(argument: null): WorkerStatus[];
  /** A worker beside the run's own, faster than they are, for requests that count nowhere. */
  openWarmUp(argument: null): Promise<WorkerCard>;
  closeWarmUp(argument: null): Promise<void>;
  close(argument: null): Promise<WorkersReport>;
};

export interface WorkerEvent {
  ready: string;
}

export interface FrontendStart {
  clock: ClockDescription;
  router: RouterMode | RouterSettings;
  seed: number;
  sla: { ttftMs: number; itlMs: number };
}

export type FrontendCalls = {
  /** The frontend's address. */
  start(options: FrontendStart): Promise<string>;
  /** From now on the worker gets requests. */
  add(card: WorkerCard): void;
  /** The worker gets no more requests; those it has end. */
  remove(url: string): void;
  /** What each worker was given and has not done, in the router's measure. */
  outstanding(argument: null): { name: string; outstanding: number }[];
  /** The address of a frontend beside the run's own, in front of workers for warm-up. */
  openWarmUp(cards: WorkerCard[]): Promise<string>;
  closeWarmUp(argument: null): Promise<void>;
  /** How late the process woke up, real ms. */
  close(argument: null): Promise<Lateness>;
};
