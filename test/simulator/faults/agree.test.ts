import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { simulate } from "#src/simulator";
import { expectAgreement } from "../outcome.ts";
import type { RandomCase } from "../random-spec.ts";
import { type FaultyCase, faultyCase, faultySpecOf, type RandomFault } from "./random-faults.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 300);

const PLAIN: RandomCase = {
  acceptRates: null,
  family: "vllm",
  sglang: {
    lpm: false,
    maxPrefillTokens: 64,
    chunkedPrefillSize: 64,
    clipMaxNewTokens: 10,
    scheduleConservativeness: 0.2,
  },
  requests: [],
  sessions: 0,
  concurrency: 0,
  blockSize: 1,
  numGpuBlocks: 8,
  maxNumSeqs: 1,
  maxNumBatchedTokens: 64,
  chunkedPrefill: false,
  prefixCaching: false,
  preemption: "lifo",
  watermark: 0,
  thinkingRatio: 0,
  speedupRatio: 1,
  workers: 1,
  disaggregated: false,
  decodeEngine: null,
  transferMsPerToken: 0,
  polynomial: false,
  quirks: [],
  leastLoaded: false,
  kvRouter: null,
  host: null,
  kvEvents: false,
  dpSize: 1,
  prefillScheduleInterval: 1,
  prefillDecodeInterval: 0,
  endMs: null,
  scaling: [],
};
const KV_ROUTER = {
  temperature: 0,
  queueThreshold: null,
  queuePolicy: "fcfs",
  affinity: false,
  classes: null,
} as const;

const patience = (timeoutMs: number, retries: number, backoffMs: number, jitter: number) => ({
  timeoutMs,
  firstTokenTimeoutMs: null,
  retries,
  backoffMs,
  backoffFactor: 1,
  jitter,
});
const fault = (kind: RandomFault["kind"], settings: Partial<RandomFault> = {}): RandomFault => ({
  kind,
  atMs: 0,
  prefill: false,
  index: 0,
  more: 1,
  forMs: 1,
  byMs: 1,
  factor: 0.5,
  share: 0.1,
  ...settings,
});
/** `[isl, osl, gapMs]`. */
const requestsOf = (sizes: readonly (readonly [number, number, number?])[]) =>
  sizes.map(([isl, osl, gapMs = 0]) => ({ isl, osl, gapMs, group: 0 }));

describe("the skipping and the stepping engine, whatever goes wrong", () => {
  it("agree on every time, counter, admission, fault and KV event of random runs", () => {
    fc.assert(
      fc.property(faultyCase, (faulty) => expectAgreement(() => faultySpecOf(faulty))),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
  });

  it("agree on how late a second token was whose client has given up since", () => {
    const faulty: FaultyCase = {
      random: { ...PLAIN, requests: requestsOf([[1, 6]]) },
      faults: [fault("delayNetwork", { forMs: 180, byMs: 8 })],
      clients: patience(60, 0, 0, 0),
    };
    expectAgreement(() => faultySpecOf(faulty));
    // 30 for the first token, 7 for the second, 8 there and 8 back.
    expect(simulate(faultySpecOf(faulty)).requests.secondTokenMs[0]).toBe(53);
  });

  it("know of no second token that was under way when its client gave up", () => {
    const faulty: FaultyCase = {
      random: { ...PLAIN, requests: requestsOf([[1, 6]]) },
      faults: [fault("delayNetwork", { forMs: 180, byMs: 8 })],
      clients: patience(50, 0, 0, 0),
    };
    expectAgreement(() => faultySpecOf(faulty));
    const { firstTokenMs, secondTokenMs } = simulate(faultySpecOf(faulty)).requests;
    expect([firstTokenMs[0], secondTokenMs[0]]).toEqual([46, Number.NaN]);
  });

  it.each([
    { thinkingRatio: 0.75, osl: 4, thinking: 3, outputMs: 67 },
    { thinkingRatio: 0.5, osl: 3, thinking: 2, outputMs: 60 },
    { thinkingRatio: 0.9, osl: 2, thinking: 2, outputMs: Number.NaN },
  ])(
    "agree on how late the first token after $thinking of $osl that were thinking was: $outputMs ms",
    ({ thinkingRatio, osl, thinking, outputMs }) => {
      const faulty: FaultyCase = {
        random: { ...PLAIN, thinkingRatio, requests: requestsOf([[1, osl]]) },
        faults: [fault("delayNetwork", { forMs: 180, byMs: 8 })],
        clients: patience(1000, 0, 0, 0),
      };
      expectAgreement(() => faultySpecOf(faulty));
      const { firstOutputTokenMs, reasoningTokens } = simulate(faultySpecOf(faulty)).requests;
      expect([firstOutputTokenMs![0], reasoningTokens![0]]).toEqual([outputMs, thinking]);
    },
  );

  it("agree on what a router knows of a cache that lost a block in the first of many passes", () => {
    const faulty: FaultyCase = {
      random: {
        ...PLAIN,
        family: "sglang",
        requests: requestsOf([
          [1, 1],
          [1, 1],
          [60, 6],
          [35, 8],
          [1, 1],
        ]),
        sessions: 2,
        blockSize: 4,
        numGpuBlocks: 25,
        maxNumSeqs: 2,
        prefixCaching: true,
        polynomial: true,
        kvRouter: KV_ROUTER,
      },
      faults: [fault("kill")],
      clients: patience(228, 1, 150, 0.5),
    };
    expectAgreement(() => faultySpecOf(faulty));
  });

  it("agree on what a worker had evicted that dies between two passes", () => {
    const faulty: FaultyCase = {
      random: {
        ...PLAIN,
        family: "sglang",
        requests: requestsOf([
          [1, 24],
          [1, 13],
          [1, 26],
          [1, 1],
          [1, 21],
          [1, 26, 194],
          [1, 1],
          [37, 13],
          [1, 1],
        ]),
        sessions: 3,
        blockSize: 16,
        maxNumSeqs: 2,
        maxNumBatchedTokens: 1,
        prefixCaching: true,
        workers: 3,
        disaggregated: true,
        kvRouter: KV_ROUTER,
        scaling: [1],
      },
      faults: [fault("kill", { atMs: 1175 }), fault("kill", { atMs: 5e-324, prefill: true, index: 1 })],
      clients: patience(214, 2, 0, 0),
    };
    expectAgreement(() => faultySpecOf(faulty));
  });

  it("agree on when a session is forgotten that waits for its worker", () => {
    const faulty: FaultyCase = {
      random: {
        ...PLAIN,
        requests: requestsOf([
          [1, 1],
          [1, 1],
          [1, 1],
          [1, 1],
          [1, 1],
          [1, 1],
          [61, 15],
          [1, 1],
        ]),
        sessions: 2,
        blockSize: 16,
        maxNumBatchedTokens: 2,
        chunkedPrefill: true,
        polynomial: true,
        kvRouter: { ...KV_ROUTER, queueThreshold: 0, affinity: true, classes: null },
        dpSize: 3,
        scaling: [1, 2],
      },
      faults: [fault("delayStartup", { byMs: 22 })],
      clients: null,
    };
    expectAgreement(() => faultySpecOf(faulty));
    // 300 ms after its session's last request ended, when it came itself.
    const { arrivalMs, admitMs } = simulate(faultySpecOf(faulty)).requests;
    expect(admitMs[5]! - arrivalMs[5]!).toBeCloseTo(300, 9);
  });
});
