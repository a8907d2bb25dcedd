import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KvRouter, kvRouterOptions, type RouterSettings, type WorkerKey } from "#mocker/router";
import { type SimulationSpec, simulate } from "#src/simulator";
import { Pool } from "../../src/simulator/pool.ts";
import { RoutingDesk } from "../../src/simulator/routing-desk.ts";
import { faultyCase, faultySpecOf } from "./faults/random-faults.ts";
import { type MadeRequest, madePool, madeSpec, scriptedPlanner } from "./hand-made.ts";
import { randomCase, specOf } from "./random-spec.ts";

const BLOCK = 10;
const KV = { mode: "kv" } as const;

function run(
  requests: readonly MadeRequest[],
  router: RouterSettings,
  {
    workers = 2,
    maxNumBatchedTokens = 100,
    seed = 1,
    prefillWorkers = 0,
    turns = [] as { from: number; to: number; thinkMs: number }[],
  } = {},
) {
  const engine = { blockSize: BLOCK, maxNumBatchedTokens };
  return simulate(
    madeSpec(
      { requests, blockTokens: BLOCK, turns },
      {
        seed,
        router,
        ...(prefillWorkers > 0 ? { prefill: madePool("prefill", { workers: prefillWorkers }, engine) } : {}),
        decode: madePool(prefillWorkers > 0 ? "decode" : "aggregated", { workers }, engine),
      },
    ),
  );
}

/** Prompts of four blocks that begin with the blocks of a group. */
const prompt = (atMs: number, group: number, own: number): MadeRequest => ({
  atMs,
  isl: 45,
  osl: 2,
  blocks: [group, group + 1, group + 2, own],
});

describe("the KV router in the simulator", () => {
  it("sends prompts where their beginning is cached, and says what it knew", () => {
    const requests = [
      prompt(0, 100, 1),
      prompt(0, 200, 2),
      prompt(1000, 200, 3),
      prompt(2000, 100, 4),
      prompt(3000, 100, 5),
    ];
    const { requests: table, routing } = run(requests, KV);
    const [first, second] = table.decodeWorker;
    expect(new Set([first, second])).toEqual(new Set([0, 1]));
    expect([...table.decodeWorker]).toEqual([first, second, second, first, first]);
    expect([...routing!.overlapBlocks]).toEqual([0, 0, 3, 3, 3]);
    expect([...routing!.bestOverlapBlocks]).toEqual([0, 0, 3, 3, 3]);
    expect([...table.cachedTokens]).toEqual([0, 0, 30, 30, 30]);
  });

  it("chooses data-parallel ranks by what each of them has cached, where they are routed", () => {
    const requests = [
      prompt(0, 100, 1),
      prompt(0, 200, 2),
      prompt(1000, 200, 3),
      prompt(2000, 100, 4),
      prompt(3000, 100, 5),
    ];
    const decode = madePool("aggregated", { dpSize: 2 }, { blockSize: BLOCK });
    const quirks = { passesBeforeArrivals: false, ranksAreRouted: true };
    const { routing, ranks } = simulate(madeSpec({ requests, blockTokens: BLOCK }, { router: KV, decode, quirks }));
    const [first, second] = ranks!.decode;
    expect(new Set([first, second])).toEqual(new Set([0, 1]));
    expect([...ranks!.decode]).toEqual([first, second, second, first, first]);
    expect([...routing!.overlapBlocks]).toEqual([0, 0, 3, 3, 3]);
  });

  it("sends who waits on once a request has ended whose first token is its last, not before", () => {
    const requests = [
      { atMs: 0, isl: 80, osl: 1 },
      { atMs: 60, isl: 30, osl: 50 },
      { atMs: 70, isl: 60, osl: 1 },
    ];
    const { requests: table } = run(requests, { ...KV, queueThreshold: 0 });
    // At 80 the first's worker costs 6 + 6, and 8 more while the first's blocks count; the other 9 + 3 + 6.
    expect(table.admitMs[2]).toBe(80);
    expect(table.decodeWorker[1]).toBe(1 - table.decodeWorker[0]!);
    expect(table.decodeWorker[2]).toBe(table.decodeWorker[0]);
  });

  it("counts a decode worker as free whose request ends when the next prompt has been computed, as DynoSim does", () => {
    const requests = [
      { atMs: 0, isl: 60, osl: 3 },
      { atMs: 0, isl: 40, osl: 30 },
    ];
    const alone = run(requests, KV, { prefillWorkers: 1 }).requests;
    // The third's prompt takes 20 ms.
    const third = { atMs: alone.lastTokenMs[0]! - 20, isl: 20, osl: 2 };
    const { requests: table } = run([...requests, third], KV, { prefillWorkers: 1 });
    expect([table.lastTokenMs[0], table.firstTokenMs[2]]).toEqual([alone.lastTokenMs[0], alone.lastTokenMs[0]! + 10]);
    expect([table.decodeWorker[1], table.decodeWorker[2]]).toEqual([1 - table.decodeWorker[0]!, table.decodeWorker[0]]);
  });

  it("does so among prefill workers, and sends to the decode worker that has fewest blocks in use", () => {
    const requests = [
      prompt(0, 100, 1),
      prompt(0, 200, 2),
      prompt(1000, 200, 3),
      prompt(2000, 100, 4),
      { atMs: 3000, isl: 80, osl: 50 },
      { atMs: 3300, isl: 10, osl: 9 },
      { atMs: 3350, isl: 10, osl: 9 },
    ];
    const { requests: table, routing } = run(requests, KV, { prefillWorkers: 2 });
    const [first, second] = table.prefillWorker;
    expect([...table.prefillWorker].slice(0, 4)).toEqual([first, second, second, first]);
    expect([...routing!.overlapBlocks].slice(0, 4)).toEqual([0, 0, 3, 3]);
    const long = table.decodeWorker[4]!;
    expect([table.decodeWorker[5], table.decodeWorker[6]]).toEqual([1 - long, 1 - long]);
  });

  it("draws among equals by the seed", () => {
    const requests = Array.from({ length: 12 }, (_, i) => ({ atMs: 1000 * i, isl: 10, osl: 1 }));
    const workers = (seed: number) => [...run(requests, KV, { seed, workers: 4 }).requests.decodeWorker].join();
    expect(workers(1)).toBe(workers(1));
    expect(new Set(Array.from({ length: 8 }, (_, seed) => workers(seed))).size).toBeGreaterThan(4);
  });

  it("knows nothing of what was evicted", () => {
    const engine = { blockSize: BLOCK, numGpuBlocks: 8, maxNumBatchedTokens: 100 };
    const big = { isl: 75, osl: 2 };
    const spec = madeSpec(
      { requests: [prompt(0, 100, 1), { atMs: 1000, ...big }, prompt(2000, 100, 1)], blockTokens: BLOCK },
      { router: KV, decode: madePool("aggregated", {}, engine) },
    );
    expect([...simulate(spec).routing!.overlapBlocks]).toEqual([0, 0, 0]);
  });

  it("takes for cached what it sent somewhere, for a while, where it follows no events", () => {
    const requests = [prompt(0, 100, 1), prompt(1000, 100, 2), prompt(10_000, 100, 3)];
    const settings = { ...KV, kvEvents: false, cacheTtlMs: 5000 };
    expect([...run(requests, settings, { workers: 1 }).routing!.overlapBlocks]).toEqual([0, 3, 0]);
  });

  it("never sends to workers that start, drain or are gone, and takes a new one for empty", () => {
    const requests = Array.from({ length: 30 }, (_, i) => prompt(100 * i, 100, i));
    const result = simulate(
      madeSpec(
        { requests, blockTokens: BLOCK },
        {
          router: KV,
          decode: madePool("aggregated", { workers: 2, startupMs: 250 }, { blockSize: BLOCK }),
          planner: scriptedPlanner(500, [
            { prefill: 0, decode: 3 },
            { prefill: 0, decode: 1 },
            { prefill: 0, decode: 2 },
          ]),
        },
      ),
    );
    expect(result.workers.length).toBeGreaterThan(3);
    for (let i = 0; i < requests.length; i++) {
      const life = result.workers.find(({ id }) => id === result.requests.decodeWorker[i])!;
      expect(life.readyMs).toBeLessThanOrEqual(100 * i);
      expect(life.drainingMs ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(100 * i);
    }
  });
});

describe("the router's queue in the simulator", () => {
  /** The first fills the worker; the others come while it is computed. One decode step is 10 ms, a prompt 1 ms a token. */
  const requests = [100, 40, 30, 60].map((isl, i) => ({ atMs: i, isl, osl: 1 }));
  const queued = (settings: Partial<RouterSettings>) =>
    run(requests, { ...KV, queueThreshold: 0, ...settings }, { workers: 1 });
  /** Who was admitted after whom. */
  const order = (settings: Partial<RouterSettings>) => {
    const { requests: table } = queued(settings);
    return [...table.admitMs.keys()].sort((a, b) => table.admitMs[a]! - table.admitMs[b]!);
  };

  it("keeps requests while every worker has more to compute than the threshold, one after the other at 0", () => {
    // DynoSim 1.6.1 on these four (fixed times, threshold 0) also lets one go at each first token.
    const { requests: table, routing } = queued({});
    expect([...table.admitMs]).toEqual([0, 100, 140, 170]);
    expect([...routing!.waitMs]).toEqual([0, 99, 138, 167]);
  });

  it("lets those go that a higher threshold leaves room for", () => {
    // 40 tokens are not above 40; with 70 there the last has to wait, as it does in DynoSim.
    expect([...queued({ queueThreshold: 0.4 }).routing!.waitMs]).toEqual([0, 99, 98, 167]);
    expect([...queued({ queueThreshold: 1 }).routing!.waitMs]).toEqual([0, 0, 98, 97]);
    expect([...queued({ queueThreshold: 2 }).routing!.waitMs]).toEqual([0, 0, 0, 0]);
  });

  it("lets them go by its policy", () => {
    expect(order({ queuePolicy: "fcfs" })).toEqual([0, 1, 2, 3]);
    expect(order({ queuePolicy: "lcfs" })).toEqual([0, 3, 2, 1]);
    expect(order({ queuePolicy: "wspt" })).toEqual([0, 2, 1, 3]);
  });

  it("holds prompts before prefill workers, never before decode workers", () => {
    const { requests: table, routing } = run(requests, { ...KV, queueThreshold: 0 }, { prefillWorkers: 1, workers: 1 });
    expect([...table.admitMs]).toEqual([0, 100, 140, 170]);
    expect([...routing!.waitMs]).toEqual([0, 99, 138, 167]);
  });
});

describe("session affinity in the simulator", () => {
  it("keeps the turns of a session on a worker while that takes requests", () => {
    const sessions = 6;
    const requests = Array.from({ length: 3 * sessions }, (_, i) => ({
      ...(i % 3 === 0 ? { atMs: 7 * i } : {}),
      isl: 20 + i,
      osl: 5,
    }));
    const turns = requests.flatMap((_, i) => (i % 3 === 2 ? [] : [{ from: i, to: i + 1, thinkMs: 40 }]));
    for (const mode of ["round-robin", "random", "least-loaded", "kv"] as const) {
      const { requests: table } = run(requests, { mode, sessionAffinityMs: 60_000 }, { workers: 3, turns });
      for (let i = 0; i < requests.length; i++) {
        expect(table.decodeWorker[i]).toBe(table.decodeWorker[i - (i % 3)]);
      }
      expect(new Set(table.decodeWorker).size).toBeGreaterThan(1);
    }
  });
});

describe("a session that waits for its own worker in the simulator", () => {
  it("holds up nobody who may go elsewhere", () => {
    // Its second turn finds its worker with the third request, which begins with the same blocks.
    const turn = { isl: 40, osl: 1 };
    const requests = [prompt(0, 100, 1), turn, prompt(60, 100, 3), { atMs: 70, ...turn }];
    const turns = [{ from: 0, to: 1, thinkMs: 10 }];
    const settings = { ...KV, queueThreshold: 0, sessionAffinityMs: 60_000 };
    const { requests: table, routing } = run(requests, settings, { turns });
    expect([...routing!.waitMs]).toEqual([0, 10, 0, 0]);
    const own = table.decodeWorker[0]!;
    expect([...table.decodeWorker]).toEqual([own, own, own, 1 - own]);
  });
});

describe("random runs with the KV router", () => {
  it("serve everybody, and never know of more blocks than a prompt has", () => {
    fc.assert(
      fc.property(randomCase, fc.boolean(), (random, affinity) => {
        const kvRouter = { temperature: 0, queueThreshold: 0, queuePolicy: "wspt" as const, affinity, classes: null };
        const spec = specOf({ ...random, kvRouter, endMs: null, quirks: [], scaling: [] });
        const { requests: table, routing } = simulate(spec);
        for (let i = 0; i < table.count; i++) {
          expect(table.status[i]).toBeLessThan(3);
          expect(routing!.waitMs[i]).toBeGreaterThanOrEqual(0);
          expect(routing!.overlapBlocks[i]).toBeLessThanOrEqual(routing!.bestOverlapBlocks[i]!);
          expect(routing!.bestOverlapBlocks[i]).toBeLessThanOrEqual(Math.floor(table.isl[i]! / random.blockSize));
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** KV routers that keep whose caches they hear of though they are gone. */
function listening() {
  const late: string[] = [];
  class Listener extends KvRouter {
    readonly gone = new Set<WorkerKey>();

    override workerRemoved(worker: WorkerKey): void {
      super.workerRemoved(worker);
      this.gone.add(worker);
    }

    override cacheChanged(...[worker, ...news]: Parameters<KvRouter["cacheChanged"]>): void {
      super.cacheChanged(worker, ...news);
      if (this.gone.has(worker)) late.push(`${worker}`);
    }
  }
  const newRouter: SimulationSpec["newRouter"] = (settings, _seed, pool) =>
    new Listener(kvRouterOptions(settings, pool));
  return { late, router: "kv" as const, newRouter };
}

describe("a worker that has been removed", () => {
  it("is not heard of any more, though the pass that it went with has changed its cache", () => {
    const { late, ...routers } = listening();
    const spec = madeSpec({ requests: [] }, routers);
    const desk = new RoutingDesk(spec, () => {
      throw new Error("nobody is routed");
    });
    const pool = new Pool("decode", spec.decode, () => {
      throw new Error("nothing is computed");
    });
    const [before, after] = [pool.add(0, 0), pool.add(0, 0)];
    [before, after].forEach((worker, engine) => {
      worker.engines = [engine];
      pool.remove(worker, 1);
    });
    const stored = (blockId: number) => ({ kind: "stored" as const, blockId });
    desk.noteCacheChange(0, stored(1));
    desk.workerRemoved(before);
    desk.passEnded(0, before, 1);
    desk.workerRemoved(after);
    desk.noteCacheChange(1, stored(2));
    desk.passEnded(1, after, 1);
    expect(late).toEqual([]);
  });

  it("is not heard of in runs in which workers die, drain and go", () => {
    fc.assert(
      fc.property(faultyCase, fc.constantFrom("skipping", "stepping"), (found, engine) => {
        const { late, ...routers } = listening();
        const random = { ...found.random, kvRouter: null, quirks: [], scaling: [3, 1, 2, 1], prefixCaching: true };
        simulate({ ...faultySpecOf({ ...found, random }), ...routers, engine });
        expect(late).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
