import { emittedTokens } from "./config.ts";
import type { Block } from "./kv-cache.ts";
import type { EngineConfig, RequestSource } from "./types.ts";

/** A request inside the stepping engine. */
export interface Sequence {
  readonly id: number;
  readonly isl: number;
  readonly osl: number;
  generated: number;
  /** Tokens whose KV is in the cache. */
  computed: number;
  blocks: Block[];
  lastTokenMs: number;
  /** Decode worker: the number of its reservation, in their order from 1; 0 for others. */
  reservation: number;
  /** Decode worker: blocks reserved, KV still travelling. It keeps its place in the queue but can't be admitted. */
  inTransfer: boolean;
  /** Decode worker: the prompt came by transfer and has not run yet. */
  transferred: boolean;
  /** Admitted again after a preemption, until its lost tokens are recomputed. */
  recomputing: boolean;
}

/** A request that has just come. */
export function sequenceOf(id: number, config: EngineConfig, requests: RequestSource): Sequence {
  const isl = requests.isl(id);
  return newSequence(id, isl, emittedTokens(config, isl, requests.osl(id)));
}

export function newSequence(id: number, isl: number, osl: number): Sequence {
  return {
    id,
    isl,
    osl,
    generated: 0,
    computed: 0,
    blocks: [],
    lastTokenMs: Number.NaN,
    reservation: 0,
    inTransfer: false,
    transferred: false,
    recomputing: false,
  };
}

/** Where DynoSim's preempted requests queue: at the front, but behind those on their way whose reservation is older than their own. */
export function placeOfPreempted(waiting: readonly Sequence[], victim: Sequence): number {
  const isBefore = (next: Sequence | undefined) => next?.inTransfer && next.reservation < victim.reservation;
  let place = 0;
  while (isBefore(waiting[place])) place++;
  return place;
}

export interface ScheduledItem {
  sequence: Sequence;
  tokens: number;
  computedBefore: number;
}

/** With what it takes of the pass's token budget. */
export interface PricedItem extends ScheduledItem {
  cost: number;
}

/** All of these add tokens to what they have, and compute nothing else. */
export function decodeAll(scheduled: readonly ScheduledItem[]): boolean {
  return scheduled.every(({ sequence }) => decodes(sequence));
}

/** It adds a token to what it has, and computes nothing else. */
export function decodes({ generated, recomputing }: Sequence): boolean {
  return generated > 0 && !recomputing;
}
