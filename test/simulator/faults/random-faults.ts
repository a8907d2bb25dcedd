import fc from "fast-check";
import type { ClientBehaviour, Fault, PoolName } from "#scenarios";
import type { SimulationSpec } from "#src/simulator";
import { scriptedPlanner } from "../hand-made.ts";
import { type RandomCase, randomCase, specOf } from "../random-spec.ts";

/** Faults as plain numbers, to which a case's mode gives their pools. */
export interface RandomFault {
  kind: Fault["kind"];
  atMs: number;
  prefill: boolean;
  index: number;
  more: number;
  forMs: number;
  byMs: number;
  factor: number;
  share: number;
}

export interface FaultyCase {
  random: RandomCase;
  faults: RandomFault[];
  clients: ClientBehaviour | null;
}

const KINDS: Fault["kind"][] = [
  "kill",
  "kill",
  "loseNode",
  "freeze",
  "slow",
  "failStartup",
  "delayStartup",
  "loseTransfers",
  "delayNetwork",
  "loseMetrics",
  "lagMetrics",
  "staleMetrics",
  "nanMetrics",
  "restartPlanner",
  "loseApiServer",
];

const randomFault: fc.Arbitrary<RandomFault> = fc.record({
  kind: fc.constantFrom(...KINDS),
  atMs: fc.oneof(fc.integer({ min: 0, max: 1500 }), fc.double({ min: 0, max: 1500, noNaN: true })),
  prefill: fc.boolean(),
  index: fc.integer({ min: 0, max: 3 }),
  more: fc.integer({ min: 1, max: 3 }),
  forMs: fc.integer({ min: 1, max: 800 }),
  byMs: fc.integer({ min: 1, max: 200 }),
  factor: fc.constantFrom(0.5, 2, 3.7),
  share: fc.constantFrom(0.1, 0.5, 1),
});

const timeout = fc.option(fc.integer({ min: 5, max: 600 }));

export const faultyCase: fc.Arbitrary<FaultyCase> = fc.record({
  random: randomCase,
  faults: fc.array(randomFault, { minLength: 1, maxLength: 6 }),
  clients: fc.option(
    fc.record({
      timeoutMs: timeout,
      firstTokenTimeoutMs: timeout,
      retries: fc.integer({ min: 0, max: 3 }),
      backoffMs: fc.constantFrom(0, 10, 150),
      backoffFactor: fc.constantFrom(1, 2),
      jitter: fc.constantFrom(0, 0.5),
    }),
  ),
});

function faultOf(random: RandomFault, disaggregated: boolean): Fault {
  const { atMs, forMs, byMs, index, more, factor, share } = random;
  const pool: PoolName = disaggregated ? (random.prefill ? "prefill" : "decode") : "agg";
  const worker = { pool, index };
  const kind = random.kind === "loseTransfers" && !disaggregated ? "freeze" : random.kind;
  switch (kind) {
    case "kill":
      return { kind, atMs, worker };
    case "loseNode":
      return random.prefill
        ? { kind, atMs, workers: null, gpusPerNode: more, node: index % 2 }
        : { kind, atMs, workers: Array.from({ length: more }, (_, i) => ({ pool, index: index + i })) };
    case "freeze":
      return { kind, atMs, worker, forMs };
    case "slow":
      return { kind, atMs, worker, forMs, factor };
    case "failStartup":
      return { kind, atMs, pool, starts: more };
    case "delayStartup":
      return { kind, atMs, pool, byMs, forMs: index > 1 ? forMs : null };
    case "loseTransfers":
      return random.prefill
        ? { kind, atMs, next: more, probability: null, forMs: null }
        : { kind, atMs, next: null, probability: share, forMs };
    case "delayNetwork":
      return { kind, atMs, pool: index === 0 ? "all" : pool, byMs, jitterMs: more > 1 ? byMs : 0, forMs };
    case "lagMetrics":
      return { kind, atMs, forMs, byMs };
    default:
      return { kind, atMs, forMs };
  }
}

export function faultySpecOf({ random, faults, clients }: FaultyCase): SimulationSpec {
  const spec = specOf(random);
  const script = random.scaling.map((workers) => ({ prefill: workers, decode: workers }));
  return {
    ...spec,
    faults: faults.map((fault) => faultOf(fault, random.disaggregated)),
    clients,
    ...(spec.planner === undefined ? {} : { newPlanner: () => scriptedPlanner(200, script) }),
  };
}
