import { afterEach, describe, expect, it } from "vitest";
import { engineConfig, polynomialTiming, selfBenchmark } from "#mocker/engine";
import { type SourceWorker, scrapeSource } from "#planner/sources";
import { benchmarkLines } from "../../../mocker/worker/http/passes.ts";
import { FakeServer, HandClock } from "./fake-deployment.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const NONE = { active: 0, starting: 0, draining: 0 };
const PASSES = selfBenchmark(engineConfig({ timing: polynomialTiming({ capacityTokens: 100_000 }) }));

type Answer = { status?: number; body: string } | "never";

/** Two decode workers that answer so, one after the other, and how often each was asked. */
async function setUp(...answers: (() => Answer)[]) {
  const asked = answers.map(() => 0);
  const workers = await Promise.all(
    answers.map(async (answer, i): Promise<SourceWorker> => {
      const server = await new FakeServer().listen();
      closers.push(() => server.close());
      server.answer = (url) => {
        if (url.pathname !== "/fpm/benchmark") return { body: url.pathname === "/worker" ? "{}" : "" };
        asked[i]!++;
        return answer();
      };
      return { workerId: i, role: "decode", state: "active", url: server.url };
    }),
  );
  const source = scrapeSource({
    clock: new HandClock(),
    frontends: [workers[0]!.url!],
    workers: () => ({ counts: { prefill: NONE, decode: NONE }, workers }),
    sla: { ttftMs: 200, itlMs: 10 },
    benchmarks: true,
    timeoutMs: 300,
    pollMs: 3_600_000,
  });
  closers.push(() => source.close());
  return { asked, observe: async () => (await source.observe()).benchmarks! };
}

describe("benchmarks of engines", () => {
  it("are asked of one worker of a role, and never again once it has told", async () => {
    const told = () => ({ body: benchmarkLines("own-name", PASSES, 1000) });
    const { asked, observe } = await setUp(told, told);
    const first = (await observe()).decode!;
    expect(first).toHaveLength(PASSES.length);
    expect(first[3]).toMatchObject({
      workerId: "0",
      wallTimeS: PASSES[3]!.durationMs / 1000,
      scheduled: { prefillRequests: 1, prefillTokens: PASSES[3]!.prefillTokens, decodeRequests: 0 },
    });
    expect((await observe()).decode).toEqual(first);
    expect(asked).toEqual([1, 0]);
  });

  it("are asked of the next worker where one has none, and again of one that fails", async () => {
    let isWell = false;
    const { asked, observe } = await setUp(
      () => ({ status: 404, body: "" }),
      () => (isWell ? { body: benchmarkLines("b", PASSES, 1000) } : { status: 500, body: "" }),
    );
    for (let tick = 0; tick < 3; tick++) expect(await observe()).toEqual({});
    expect(asked).toEqual([1, 2]);
    isWell = true;
    expect((await observe()).decode).toHaveLength(PASSES.length);
    expect(asked).toEqual([1, 3]);
  });

  it.each(["no JSON", '{"version":2}\n'])("that are none are not asked for again: %s", async (body) => {
    const { asked, observe } = await setUp(() => ({ body }));
    for (let tick = 0; tick < 2; tick++) expect(await observe()).toEqual({});
    expect(asked).toEqual([1]);
  });
});
