import { afterEach, describe, expect, it } from "vitest";
import { type SourceWorker, scrapeSource } from "#planner/sources";
import { PassRing } from "../../../mocker/worker/http/passes.ts";
import { FakeServer, HandClock } from "./fake-deployment.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const NONE = { active: 0, starting: 0, draining: 0 };
const EMPTY = { count: 0, tokens: 0 };

/** A worker's passes as workers serve them, on a real socket. */
class FakeWorker {
  ring = new PassRing(100);
  at = 1000;
  mode: "well" | "404" | "500" | "garbage" | "hangs" = "well";
  readonly server = new FakeServer();
  readonly limits: number[] = [];
  /** What it says of itself. */
  card: string | null = null;

  async listen(): Promise<this> {
    await this.server.listen();
    closers.push(() => this.server.close());
    this.server.answer = (url) => {
      if (url.pathname === "/requests") return { body: "" };
      if (url.pathname === "/worker") return this.card === null ? { status: 404, body: "" } : { body: this.card };
      if (url.pathname !== "/fpm") {
        return { body: JSON.stringify({ ranks: [], prefillMs: 0 }) };
      }
      if (this.mode === "hangs") return "never";
      if (this.mode === "404") return { status: 404, body: "" };
      if (this.mode === "500") return { status: 500, body: "" };
      if (this.mode === "garbage") return { body: '{"version":2}\n' };
      const since = Number(url.searchParams.get("since"));
      const limit = Number(url.searchParams.get("limit"));
      this.limits.push(limit);
      return { body: this.ring.linesSince("own-name", since, limit) };
    };
    return this;
  }

  pass(decode = 3, dpRank = 0): void {
    this.ring.push({
      dpRank,
      at: this.at++,
      durationMs: 12,
      prefillMs: 0,
      usedBlocks: 4,
      scheduled: {
        prefillRequests: 0,
        prefillTokens: 0,
        prefillLengthVariance: 0,
        prefillKvTokens: 0,
        decodeRequests: decode,
        decodeKvTokens: decode * 100,
        decodeKvVariance: 2,
      },
      queued: {
        prefillRequests: 1,
        prefillTokens: 50,
        prefillLengthVariance: 0,
        decodeRequests: EMPTY.count,
        decodeKvTokens: EMPTY.tokens,
        decodeKvVariance: 0,
      },
    });
  }

  restart(): void {
    this.ring = new PassRing(100);
    this.at += 100;
  }
}

async function setUp(
  count: number,
  roles: SourceWorker["role"][] = ["decode"],
  options: { timeoutMs?: number; forwardPasses?: "where-told" } = {},
) {
  const fakes = await Promise.all(Array.from({ length: count }, () => new FakeWorker().listen()));
  const workers: SourceWorker[] = fakes.map(({ server: { url } }, i) => ({
    workerId: i,
    role: roles[i % roles.length]!,
    state: "active",
    url,
  }));
  const source = scrapeSource({
    clock: new HandClock(),
    frontends: [fakes[0]!.server.url],
    workers: () => ({ counts: { prefill: NONE, decode: NONE }, workers }),
    sla: { ttftMs: 200, itlMs: 10 },
    forwardPasses: true,
    pollMs: 3_600_000,
    ...options,
  });
  closers.push(() => source.close());
  const observe = async () => (await source.observe()).forwardPasses!;
  // What was before the first window is not part of it.
  await observe();
  const numbers = async () => (await observe()).decode?.map(({ workerId, counterId }) => [workerId, counterId]) ?? null;
  return { fakes, workers, source, observe, numbers };
}

describe("forward passes", () => {
  it("are those since the last observation, in order of worker and time", async () => {
    const { fakes, observe, numbers } = await setUp(2);
    fakes[0]!.pass();
    fakes[0]!.pass();
    fakes[1]!.pass(7);
    expect((await observe()).decode).toEqual([
      expect.objectContaining({ workerId: "0", dpRank: 0, counterId: 1, wallTimeS: 0.012 }),
      expect.objectContaining({ workerId: "0", counterId: 2 }),
      {
        workerId: "1",
        dpRank: 0,
        counterId: 1,
        wallTimeS: 0.012,
        scheduled: {
          prefillRequests: 0,
          prefillTokens: 0,
          prefillLengthVariance: 0,
          prefillKvTokens: 0,
          decodeRequests: 7,
          decodeKvTokens: 700,
          decodeKvVariance: 2,
        },
        queued: {
          prefillRequests: 1,
          prefillTokens: 50,
          prefillLengthVariance: 0,
          decodeRequests: 0,
          decodeKvTokens: 0,
          decodeKvVariance: 0,
        },
      },
    ]);
    expect(await numbers()).toEqual([]);
    fakes[1]!.pass();
    expect(await numbers()).toEqual([["1", 2]]);
  });

  it("of before the source was made are not part of it; of a worker that comes later all are", async () => {
    const { fakes, workers, numbers } = await setUp(1);
    const late = await new FakeWorker().listen();
    late.pass();
    workers.push({ workerId: 1, role: "decode", state: "starting", url: late.server.url });
    expect(await numbers()).toEqual([]);
    workers[1] = { ...workers[1]!, state: "active" };
    fakes[0]!.pass();
    expect(await numbers()).toEqual([
      ["0", 1],
      ["1", 1],
    ]);
    workers.pop();
    expect(await numbers()).toEqual([]);
  });

  it.each([
    ["fewer", 1],
    ["as many", 3],
    ["more", 5],
  ])("go on where a worker began anew and has %s by now", async (_, passes) => {
    const { fakes, numbers } = await setUp(1);
    for (let i = 0; i < 3; i++) fakes[0]!.pass();
    await numbers();
    fakes[0]!.restart();
    for (let i = 0; i < passes; i++) fakes[0]!.pass();
    const seen = await numbers();
    expect(seen!.at(-1)).toEqual(["0", passes]);
    expect(seen).toHaveLength(passes);
    expect(await numbers()).toEqual([]);
  });

  it("come later where a worker does not answer for a while: nothing is lost, and nothing is counted twice", async () => {
    const { fakes, numbers, source } = await setUp(2);
    fakes[0]!.pass();
    fakes[1]!.pass();
    await numbers();
    for (const [mode, problem] of [
      ["500", "/fpm answered 500"],
      ["garbage", "line 1 of /fpm is no forward pass"],
      ["404", "it tells of no forward passes"],
    ] as const) {
      fakes[1]!.mode = mode;
      fakes[1]!.pass();
      expect(await numbers()).toEqual([]);
      expect(source.problems).toEqual([expect.stringContaining(problem)]);
    }
    fakes[1]!.mode = "well";
    expect(await numbers()).toEqual([
      ["1", 2],
      ["1", 3],
      ["1", 4],
    ]);
    expect(source.problems).toEqual([]);
  });

  it("of a worker that is down are missing, which is told once though its load is, too", async () => {
    const { fakes, observe, source } = await setUp(2);
    await fakes[1]!.server.close();
    // Connections that were open end first.
    await observe();
    await observe();
    expect(source.problems).toEqual([expect.stringMatching(/^worker decode\/1 .*ECONNREFUSED/)]);
  });

  it("are no problem where engines have none and nobody needs them", async () => {
    const { fakes, observe, source } = await setUp(1, ["decode"], { forwardPasses: "where-told" });
    fakes[0]!.mode = "404";
    expect(await observe()).toEqual({ prefill: null, decode: null });
    expect(source.problems).toEqual([]);
    fakes[0]!.mode = "500";
    await observe();
    expect(source.problems).toEqual([expect.stringContaining("/fpm answered 500")]);
  });

  it("are unknown where nobody of a role tells, which is not the same as none", async () => {
    const { fakes, observe } = await setUp(2, ["prefill", "decode"], { timeoutMs: 100 });
    fakes[0]!.pass();
    fakes[1]!.mode = "hangs";
    expect(await observe()).toEqual({ prefill: [expect.objectContaining({ workerId: "0" })], decode: null });
  });

  it("are the newest where they are many", async () => {
    const { fakes, numbers } = await setUp(1);
    for (let i = 0; i < 1000; i++) fakes[0]!.pass();
    const seen = (await numbers())!;
    expect(seen).toHaveLength(100);
    expect(seen.at(-1)).toEqual(["0", 1000]);
  });

  it("of many workers are read together, fewer of each", async () => {
    const { fakes, numbers } = await setUp(300);
    for (const fake of fakes) for (let i = 0; i < 40; i++) fake.pass();
    const seen = (await numbers())!;
    const limit = Math.floor(8192 / 300);
    expect(seen).toHaveLength(300 * limit);
    expect(new Set(seen.map(([worker]) => worker)).size).toBe(300);
    expect(Math.max(...fakes.map(({ limits }) => limits.at(-1)!))).toBe(limit);
  });
});

describe("what workers take at most", () => {
  it("is what they say, in whole, the least of a role's; one that does not say it leaves it open", async () => {
    const { fakes, source } = await setUp(4, ["prefill", "decode"]);
    const card = { blockSize: 16, totalKvBlocks: 1000, maxNumSeqs: 64, maxNumBatchedTokens: 2048, dataParallelSize: 2 };
    expect((await source.observe()).workerLimits).toEqual({});
    const [, one, , other] = fakes;
    one!.card = JSON.stringify({ ...card, contextLength: 0 });
    other!.card = JSON.stringify({ ...card, contextLength: 4096, totalKvBlocks: 500, maxNumSeqs: "many" });
    // Who has no card is not asked again while it is there.
    expect((await source.observe()).workerLimits).toEqual({});
    const { workers, source: later } = await setUp(4, ["prefill", "decode"]);
    for (const [i, worker] of workers.entries()) worker.url = fakes[i]!.server.url;
    const whole = { maxBatchedTokens: 4096, maxSequences: 128, maxKvTokens: 16_000, contextLength: 4096 };
    expect((await later.observe()).workerLimits).toEqual({ decode: whole });
    // Not limited by length: as much as a rank's cache holds.
    workers.splice(3, 1);
    const first = { ...whole, maxKvTokens: 32_000, contextLength: 16_000 };
    expect((await later.observe()).workerLimits).toEqual({ decode: first });
  });
});
