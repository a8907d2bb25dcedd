import { extname } from "node:path";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import type { Decision, Observation, Planner } from "#planner/core";
import type { PluginRequest } from "#planner/service";
import { plannerFailed } from "./errors.ts";

/** A planner outside of this process, and how it is spoken to. */
export type ExternalPlanner =
  /** A plugin of stage propose. */
  | { kind: "http"; name: string; url: string; timeoutMs: number }
  /** A program that writes decisions to a store, as with the virtual connector. */
  | { kind: "store"; name: string; store: string; timeoutMs: number };

/** What the bridge's thread is given. */
export interface BridgeData {
  port: import("node:worker_threads").MessagePort;
  /** 1 where an answer lies in the port. */
  answered: Int32Array;
  planner: ExternalPlanner;
  deployment: PluginRequest["deployment"];
}

export type BridgeAnswer = { decision: Decision; failure: string | null } | { broken: string };

const BRIDGE = new URL(`./bridge${extname(import.meta.url)}`, import.meta.url);
/** Time between ticks, as the default strategy has it. */
const INTERVAL_MS = 5000;
/** Loading the bridge and its answer, beside the time that the planner itself may take. */
const GRACE_MS = 30_000;

/**
 * A planner outside of this process as one of the simulator's, whose time stands still while it waits: another thread asks, this one
 * sleeps until the answer is there.
 */
export function externalPlanner(
  planner: ExternalPlanner,
  deployment: PluginRequest["deployment"],
): Planner & { failedTicks(): number; firstFailure(): string | null; close(): void } {
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const workerData: BridgeData = { port: port2, answered, planner, deployment };
  const thread = new Worker(BRIDGE, { workerData, transferList: [port2] });
  let ticks = 0;
  let failed = 0;
  let first: string | null = null;
  return {
    strategy: planner.name,
    intervalMs: INTERVAL_MS,
    failedTicks: () => failed,
    firstFailure: () => first,
    close: () => {
      port1.close();
      void thread.terminate();
    },
    tick(observation: Observation): Decision {
      Atomics.store(answered, 0, 0);
      port1.postMessage(observation);
      if (Atomics.wait(answered, 0, 0, planner.timeoutMs + GRACE_MS) === "timed-out") {
        throw plannerFailed(planner.name, `it gave no answer to tick ${ticks}`);
      }
      const answer = receiveMessageOnPort(port1)!.message as BridgeAnswer;
      if ("broken" in answer) throw plannerFailed(planner.name, answer.broken);
      if (answer.failure !== null) {
        failed++;
        first ??= `tick ${ticks}: ${answer.failure}`;
        // Who never answers is not judged: it would pass for one that changes nothing.
        if (ticks === 0) throw plannerFailed(planner.name, answer.failure);
      }
      ticks++;
      return { ...answer.decision, strategy: planner.name };
    },
  };
}
