import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { ENGINE_DEFAULTS, type Engine, type EngineFactory, type EngineListener, engineFactory } from "#mocker/engine";
import { RequestStatus } from "#src/record";
import { INVARIANTS, type InvariantNumber, type SimulationSpec, simulate } from "#src/simulator";
import { Checker } from "../../src/simulator/check/checker.ts";
import { Pool } from "../../src/simulator/pool.ts";
import { faultyCase, faultySpecOf } from "./faults/random-faults.ts";
import { madePool, madeSpec } from "./hand-made.ts";
import { randomCase, specOf } from "./random-spec.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 150);

/** What a run under check has to say; null where every invariant held. */
function violations(spec: SimulationSpec, make = engineFactory): string | null {
  try {
    simulate({ ...spec, check: true }, make);
    return null;
  } catch (error) {
    if (error instanceof UserError && error.code === "SIMULATOR_INVARIANTS") return error.message;
    if (error instanceof UserError && error.code === "ENGINE_STUCK") return null;
    throw error;
  }
}

describe("invariants", () => {
  it.each(["skipping", "stepping"] as const)("hold in random runs of the %s engine", (engine) => {
    fc.assert(
      fc.property(randomCase, (random) => {
        expect(violations({ ...specOf(random), engine })).toBeNull();
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 2) },
    );
  });

  it("hold in random runs with faults and clients that give up", () => {
    fc.assert(
      fc.property(faultyCase, (faulty) => {
        expect(violations(faultySpecOf(faulty))).toBeNull();
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 2) },
    );
  });

  it("hold where a decode worker dies while a KV cache is on its way to it: the prefill worker's blocks are freed", () => {
    const kill = { kind: "kill" as const, prefill: false, more: 1, forMs: 1, byMs: 1, factor: 1, share: 1 };
    const random = {
      ...randomDefaults(),
      ...CASE,
      requests: [{ isl: 21, osl: 1, gapMs: 0, group: 0 }],
      ...{ blockSize: 1, numGpuBlocks: 21, workers: 2, disaggregated: true, speedupRatio: 0, transferMsPerToken: 0.05 },
    };
    const faults = [
      { ...kill, atMs: 0, index: 0 },
      { ...kill, atMs: 1, index: 1 },
    ];
    expect(violations(faultySpecOf({ random, faults, clients: null }))).toBeNull();
  });

  it("hold where what a request had generated is computed again in pieces", () => {
    const sglang = { ...ENGINE_DEFAULTS.sglang, chunkedPrefillSize: 16, scheduleConservativeness: 0.2 };
    const engine = { family: "sglang", sglang, blockSize: 4, numGpuBlocks: 15, prefixCaching: false } as const;
    for (const kind of ["skipping", "stepping"] as const) {
      const spec = madeSpec(
        { requests: [1, 2].map(() => ({ atMs: 0, isl: 1, osl: 40 })) },
        { decode: madePool("aggregated", {}, engine), engine: kind, check: true },
      );
      expect(simulate(spec).requests.preemptions).toContain(1);
    }
  });

  it.each(["skipping", "stepping"] as const)(
    "hold where passes take no time: who was retracted does not go round, but waits for pages (%s)",
    (engine) => {
      const lengths = [144, 54, 25, 17, 176, 39, 191, 58, 19, 55, 26, 53, 30, 27, 58, 18, 45, 38];
      const random = {
        ...randomDefaults(),
        ...CASE,
        requests: Array.from({ length: 9 }, (_, i) => ({
          isl: lengths[2 * i]!,
          osl: lengths[2 * i + 1]!,
          gapMs: [64, 0, 0, 65, 0, 0, 0, 142, 115][i]!,
          group: [0, 5, 3, 1, 0, 4, 2, 3, 3][i]!,
        })),
        ...{ family: "sglang" as const, sessions: 1, concurrency: 10, numGpuBlocks: 13, maxNumSeqs: 12, dpSize: 2 },
        ...{ maxNumBatchedTokens: 2041, prefixCaching: true, speedupRatio: 0, disaggregated: true },
        ...{ transferMsPerToken: 1, quirks: ["slotAhead", "hitsCountAsRoom"], prefillDecodeInterval: 1 },
        sglang: {
          ...{ lpm: false, maxPrefillTokens: 300, chunkedPrefillSize: 256 },
          ...{ clipMaxNewTokens: 10, scheduleConservativeness: 1 },
        },
        polynomial: true,
      };
      expect(violations({ ...specOf(random), engine }, fewStarts)).toBeNull();
    },
  );

  it("being checked changes nothing of a run", () => {
    fc.assert(
      fc.property(randomCase, (random) => {
        const spec = { ...specOf(random), quirks: { passesBeforeArrivals: true } };
        const plain = simulate({ ...specOf({ ...random, quirks: [] }), quirks: spec.quirks });
        const checked = simulate({ ...specOf({ ...random, quirks: [] }), quirks: spec.quirks, check: true });
        expect(checked.requests).toEqual(plain.requests);
        expect(checked.workers).toEqual(plain.workers);
        expect(checked.timeline).toEqual(plain.timeline);
      }),
      { numRuns: 20, seed: 3 },
    );
  });
});

const CASE = {
  family: "vllm" as const,
  kvRouter: null,
  requests: Array.from({ length: 24 }, (_, i) => ({
    isl: 20 + (i % 5) * 30,
    osl: 5 + (i % 7) * 6,
    gapMs: 6,
    group: i % 3,
  })),
  sessions: 0,
  concurrency: 0,
  blockSize: 16,
  numGpuBlocks: 60,
  maxNumSeqs: 6,
  maxNumBatchedTokens: 256,
  chunkedPrefill: true,
  prefixCaching: false,
  preemption: "lifo" as const,
  watermark: 0,
  speedupRatio: 1,
  workers: 1,
  disaggregated: false,
  decodeEngine: null,
  transferMsPerToken: 0,
  polynomial: false,
  quirks: [],
  leastLoaded: false,
  host: null,
  kvEvents: false,
  dpSize: 1,
  endMs: null,
  scaling: [],
};
const SPEC: SimulationSpec = { ...specOf({ ...randomDefaults(), acceptRates: null, ...CASE }), engine: "stepping" };

const { isl, osl } = SPEC.workload;
const COLUMNS = { isl, osl, blockOffset: null, blockIds: null };
const nothing = () => {};
const LISTENER: EngineListener = {
  ...{ admitted: nothing, firstToken: nothing, secondToken: nothing, finished: nothing, preempted: nothing },
  ...{ rejected: nothing, gap: nothing, held: nothing, reserved: nothing, activated: nothing, released: nothing },
  kvEvent: nothing,
};

/** Engines that would rather fail than go round for ever at one instant. */
const fewStarts: typeof engineFactory = (...settings) => {
  const make = engineFactory(...settings);
  return (...args) => {
    const engine = make(...args);
    const start = engine.start.bind(engine);
    let starts = 0;
    engine.start = (nowMs, most) => {
      if (++starts > 2000) throw new Error(`begins for ever at ${nowMs} ms`);
      return start(nowMs, most);
    };
    return engine;
  };
};

/** What families have added to a random case since, as it was drawn first. */
function randomDefaults() {
  return fc.sample(randomCase, { numRuns: 1, seed: 5 })[0]!;
}

/** Engines with a fault: in what they are asked, or in what they tell. */
function faulty(break_: {
  engine?: (engine: Engine) => Partial<Engine>;
  listener?: (listener: EngineListener, engine: () => Engine) => Partial<EngineListener>;
}): typeof engineFactory {
  return (kind, columns): EngineFactory => {
    const make = engineFactory(kind, columns);
    return (config, listener) => {
      let engine: Engine;
      engine = make(config, { ...listener, ...break_.listener?.(listener, () => engine) });
      const overrides = break_.engine?.(engine) ?? {};
      return new Proxy(engine, {
        get: (target, key) => {
          const value: unknown = Reflect.get(key in overrides ? overrides : target, key);
          return typeof value === "function" ? value.bind(key in overrides ? overrides : target) : value;
        },
      });
    };
  };
}

const times = () => {
  let n = 0;
  return () => n++;
};

/** One planted fault for each number. */
const FAULTS: Partial<Record<InvariantNumber, Parameters<typeof faulty>[0]>> = {
  // A request waits that nobody sent.
  1: {
    engine: (engine) => ({ load: (nowMs) => ({ ...engine.load(nowMs), waiting: engine.load(nowMs).waiting + 1 }) }),
  },
  2: {
    listener: (listener) => ({
      finished: (request, atMs, tokens) => listener.finished(request, atMs, tokens - (request === 7 ? 1 : 0)),
    }),
  },
  3: {
    engine: (engine) => ({
      load: (nowMs) => ({ ...engine.load(nowMs), usedBlocks: engine.load(nowMs).usedBlocks - 1 }),
    }),
  },
  // Each block is handed out twice.
  4: {
    engine: (engine) => ({
      load: (nowMs) => ({ ...engine.load(nowMs), usedBlocks: engine.load(nowMs).usedBlocks >> 1 }),
    }),
  },
  5: {
    listener: (listener) => ({
      firstToken: (request, atMs) => listener.firstToken(request, request === 7 ? -1 : atMs),
    }),
  },
  // Now and then nothing is scheduled although somebody runs.
  6: {
    engine: (engine) => {
      const count = times();
      return { start: (nowMs: number) => (count() === 9 ? Number.NaN : engine.start(nowMs)) };
    },
  },
  // The order in which two are told to be admitted is exchanged.
  7: {
    listener: (listener) => ({
      admitted: (request, atMs, reused, fromHost) =>
        listener.admitted(request === 2 ? 3 : request === 3 ? 2 : request, atMs, reused, fromHost),
    }),
  },
  8: {
    listener: (listener) => ({
      secondToken: (request, atMs) => listener.secondToken(request, atMs - 1000),
      gap: (ms, weight) => listener.gap(-ms, weight),
    }),
  },
  9: {
    engine: (engine) => ({ load: (nowMs) => ({ ...engine.load(nowMs), running: engine.load(nowMs).running + 7 }) }),
  },
};

describe("a planted fault", () => {
  it("is none without one", () => expect(violations(SPEC)).toBeNull());

  it.each(Object.keys(FAULTS).map(Number) as InvariantNumber[])("against number %i is caught by it", (number) => {
    expect(violations(SPEC, faulty(FAULTS[number]!))).toContain(`\n  ${number} (${INVARIANTS[number]}) at `);
  });

  it("against number 10 is caught by it: lives out of order, and a request for a worker that goes", () => {
    const lived = () => {
      const checker = new Checker(SPEC);
      const result = simulate(SPEC);
      const [worker] = result.workers;
      checker.finish({ ...result, gaps: result.gaps, workers: [{ ...worker!, createdMs: 50, removedMs: 40 }] });
    };
    expect(lived).toThrow(/10 \(workers' lives\) at 40 ms, decode\/0: created at 50/);
    const pool = new Pool("decode", SPEC.decode, engineFactory("stepping", COLUMNS));
    const worker = pool.add(0, 0);
    pool.markReady(worker);
    pool.drain(worker, 3);
    const checker = new Checker(SPEC);
    const make = checker.engines("decode", pool.newEngine, () => ({ nowMs: 5, pool: () => pool }));
    make(SPEC.decode.engine, LISTENER).submit(4, 5);
    expect(() => checker.finish(simulate(SPEC))).toThrow(
      /10 \(workers' lives\) at 5 ms, decode\/0: request 4 was given to/,
    );
  });

  it("is not taken for a source that is given back at the end of a pass, but for one that is not", () => {
    const apart = { ...randomDefaults(), acceptRates: null, ...CASE, disaggregated: true };
    // The first request has ended by 40 ms, and the engine that computed its prompt is at the second one's until 60 ms.
    const requests = [0, 1].map(() => ({ isl: 1, osl: 1, gapMs: 0, group: 0 }));
    const cut = {
      ...specOf({ ...apart, requests, maxNumSeqs: 1, transferMsPerToken: 0.05, endMs: 40 }),
      engine: "stepping" as const,
    };
    expect([...simulate(cut).requests.status]).toEqual([RequestStatus.completed, RequestStatus.unfinished]);
    expect(violations(cut)).toBeNull();
    const keeps = faulty({
      engine: (engine) => ({ release: (request, atMs) => request !== 3 && engine.release(request, atMs) }),
    });
    expect(violations({ ...specOf(apart), engine: "stepping" }, keeps)).toContain(
      "\n  1 (conservation of requests) at ",
    );
  });

  it("in when thinking ended is caught: before the first token, after the last, or never", () => {
    const thinking = { ...specOf({ ...randomDefaults(), acceptRates: null, ...CASE, thinkingRatio: 0.4 }) };
    const spec = { ...thinking, engine: "stepping" as const };
    const told = (firstOutputToken: (listener: EngineListener, request: number, atMs: number) => void) =>
      violations(
        spec,
        faulty({ listener: (listener) => ({ firstOutputToken: (...of) => firstOutputToken(listener, ...of) }) }),
      );
    expect(told((listener, request, atMs) => listener.firstOutputToken!(request, atMs))).toBeNull();
    expect(told((listener, request) => listener.firstOutputToken!(request, 0))).toContain("\n  5 (causality) at ");
    expect(told(() => {})).toContain("without a token that is not reasoning");
    const late = simulate(spec);
    late.requests.firstOutputTokenMs![4] = late.requests.lastTokenMs[4]! + 1;
    expect(() => new Checker(spec).finish(late)).toThrow(
      /5 \(causality\).*request 4: its first token that is not reasoning/,
    );
  });

  it("is told with every number, five times each at most", () => {
    const text = violations(SPEC, faulty(FAULTS[4]!))!;
    expect(text.match(/\n {2}4 \(blocks with one owner\) at /g)).toHaveLength(5);
    expect(text).toMatch(/\n {2}4 \(blocks with one owner\): and \d+ more$/);
  });
});

it("every number stands in docs/invariants.md, with its name", () => {
  const page = readFileSync(new URL("../../docs/invariants.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| (\d+) \| ([^|]+) \|/gm)].map(([, number, name]) => [number, name]);
  expect(rows).toEqual(Object.entries(INVARIANTS));
});
