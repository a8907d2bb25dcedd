import { type EngineConfig, engineConfig } from "#mocker/engine";
import { builtinTokenizer } from "#mocker/text";
import { createWorker } from "../../../../mocker/worker/core/worker.ts";
import type { Generation, GenerationHandle, KvPeers, Worker, WorkerSettings } from "../../../../mocker/worker/types.ts";
import { HAND_TIMING } from "../../../simulator/hand-made.ts";
import type { ManualTime } from "./manual-time.ts";

/** Workers never call each other in tests that don't say how. */
export const NO_PEERS: KvPeers = () => {
  throw new Error("there are no peers in this test");
};

/** 1 ms a prompt token, 10 ms a decode step. */
export function makeWorker(
  time: ManualTime,
  engine: Partial<EngineConfig> = {},
  settings: Partial<WorkerSettings> = {},
  peers: KvPeers = NO_PEERS,
): Worker {
  return createWorker(
    {
      id: "w",
      model: "mock",
      engine: engineConfig({ timing: HAND_TIMING, blockSize: 4, ...engine }),
      dpSize: 1,
      transfer: null,
      startupMs: 0,
      tokenizer: builtinTokenizer(),
      handoffTimeoutMs: 1000,
      trustRequestStart: true,
      settleMs: 0,
      ...settings,
    },
    time.clock,
    time.timers,
    peers,
  );
}

export interface Sent {
  /** `kind` or `kind index`, and the model time. */
  events: [string, number][];
  handle: GenerationHandle;
}

let sent = 0;

/** Submits a prompt of so many tokens of its own (or the given ones), and logs what becomes of it. */
export function send(
  worker: Worker,
  prompt: number | readonly number[],
  outputTokens: number,
  more: Partial<Generation> & { onEvent?: (event: string) => unknown } = {},
): Sent {
  const { onEvent, ...overrides } = more;
  const base = ++sent * 10_000;
  const promptTokens = Int32Array.from(
    typeof prompt === "number" ? Array.from({ length: prompt }, (_, i) => base + i) : prompt,
  );
  const events: [string, number][] = [];
  const log = (event: string, atMs: number) => {
    events.push([event, atMs]);
    onEvent?.(event);
  };
  const handle = worker.submit(
    {
      requestId: `r${sent}`,
      promptTokens,
      outputTokens,
      outputTokenId: (index) => -base - index,
      arrivalMs: worker.clock.nowMs(),
      ...overrides,
    },
    {
      admitted: (atMs, cachedTokens) => log(`admitted ${cachedTokens}`, atMs),
      token: (index, atMs) => log(`token ${index}`, atMs),
      finished: (atMs) => log("finished", atMs),
      held: (atMs) => log("held", atMs),
      failed: (reason, kind) => log(`${kind}: ${reason}`, worker.clock.nowMs()),
    },
  );
  return { events, handle };
}

/** When something happened; NaN where it did not. */
export function when({ events }: Sent, event: string): number {
  return events.find(([name]) => name === event)?.[1] ?? Number.NaN;
}

export function last({ events }: Sent): string | undefined {
  return events.at(-1)?.[0];
}
