import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { randomStream, wallClock } from "#common";
import { engineConfig, fixedTiming } from "#mocker/engine";
import { type Frontend, startFrontend } from "#mocker/frontend";
import { PrefixIndex } from "#mocker/router";
import { builtinTokenizer, sequenceHashes } from "#mocker/text";
import { startWorkerHost, type WorkerHost } from "#mocker/worker";
import { type DeploymentSource, scrapeSource } from "#planner/sources";
import { subscribeKvEvents } from "../../mocker/frontend/kv-events/subscriber.ts";

const BLOCK_SIZE = 4;
const MODEL = "llama";

/** Token ids of a prompt: `blocks` full blocks that `seed` tells from others, and a part of one. */
function prompt(seed: number, blocks: number): number[] {
  return Array.from({ length: blocks * BLOCK_SIZE + 1 }, (_, i) => 1000 + ((seed * 7919 + i * 31) % 400));
}

interface Completion {
  worker: string;
  cachedTokens: number;
  outputTokens: number;
}

async function complete(frontend: Frontend, tokens: number[], maxTokens = 2): Promise<Completion> {
  const response = await fetch(`${frontend.url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: MODEL, prompt: tokens, max_tokens: maxTokens }),
  });
  const body = (await response.json()) as {
    usage: { completion_tokens: number; prompt_tokens_details?: { cached_tokens: number } | null };
  };
  expect(response.status, JSON.stringify(body)).toBe(200);
  return {
    worker: response.headers.get("x-worker-id")!,
    cachedTokens: body.usage.prompt_tokens_details?.cached_tokens ?? 0,
    outputTokens: body.usage.completion_tokens,
  };
}

describe("KV-aware routing over live workers", () => {
  const clock = wallClock();
  let host: WorkerHost;
  let frontend: Frontend;
  let source: DeploymentSource;

  beforeAll(async () => {
    host = await startWorkerHost({
      clock,
      count: 3,
      workerId: (index) => `decode/${index}`,
      settings: {
        model: MODEL,
        engine: engineConfig({
          blockSize: BLOCK_SIZE,
          numGpuBlocks: 40,
          kvEvents: true,
          timing: fixedTiming({ prefillMs: 2, decodeMs: 1, perPass: false }),
        }),
        dpSize: 1,
        transfer: null,
        startupMs: 0,
        tokenizer: builtinTokenizer(),
        handoffTimeoutMs: 10_000,
        trustRequestStart: false,
      },
    });
    frontend = await startFrontend({
      clock,
      discovery: { kind: "static", workers: host.workers.map(({ url }) => url) },
      router: "kv",
      logLevel: "error",
    });
    await frontend.whenReady(3);
    source = scrapeSource({
      clock,
      frontends: [frontend.url],
      workers: () => ({
        counts: {
          prefill: { active: 0, starting: 0, draining: 0 },
          decode: { active: host.workers.length, starting: 0, draining: 0 },
        },
        workers: host.workers.map(({ url }, workerId) => ({ workerId, role: "decode", state: "active", url })),
      }),
      sla: { ttftMs: 10_000, itlMs: 10_000 },
      idlePrefillMs: (isl, cached) => isl - cached,
    });
  });

  afterAll(async () => {
    await source?.close();
    await frontend?.close();
    await host?.close();
  });

  /** What the events told must have come before the next request can profit. */
  async function eventsToldOf(tokens: number[], worker: string): Promise<void> {
    const hashes = sequenceHashes(Int32Array.from(tokens), BLOCK_SIZE);
    const { url } = host.workers.find(({ id }) => id === worker)!;
    await vi.waitFor(async () => {
      const abort = new AbortController();
      const response = await fetch(`${url}/kv_events`, { signal: abort.signal });
      const { value } = await response.body!.getReader().read();
      abort.abort();
      expect(new TextDecoder().decode(value)).toContain(String(hashes.at(-1)));
    });
  }

  it("sends a prompt where its beginning is cached, and what it finds there is what the router expected", async () => {
    const prompts = Array.from({ length: 3 }, (_, seed) => prompt(seed, 6));
    const homes: string[] = [];
    for (const tokens of prompts) {
      const { worker, cachedTokens } = await complete(frontend, tokens);
      expect(cachedTokens).toBe(0);
      homes.push(worker);
      await eventsToldOf(tokens, worker);
    }
    for (let round = 0; round < 3; round++) {
      for (const [i, tokens] of prompts.entries()) {
        const longer = [...tokens.slice(0, 6 * BLOCK_SIZE), ...prompt(100 + round, 1)];
        // The events come on a connection of their own: until they have, the router may choose anybody.
        const found = await vi.waitFor(async () => {
          const completion = await complete(frontend, longer);
          expect(completion.worker).toBe(homes[i]);
          return completion;
        });
        expect(found.cachedTokens).toBeGreaterThanOrEqual(6 * BLOCK_SIZE);
      }
    }
  });

  it("forgets what was evicted and what was cleared", async () => {
    const tokens = prompt(50, 8);
    const { worker } = await complete(frontend, tokens);
    await eventsToldOf(tokens, worker);
    const response = await fetch(`${frontend.url}/clear_kv_blocks`, { method: "POST" });
    expect(response.status).toBe(200);
    const again = await complete(frontend, tokens);
    expect(again.cachedTokens).toBe(0);
  });

  it("knows a worker's cache as it is, through eviction, and from its beginning as well as from a snapshot", async () => {
    const { url } = host.workers[0]!;
    const ask = async (tokens: number[]) => {
      const response = await fetch(`${url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: MODEL, prompt: tokens, max_tokens: 1 }),
      });
      const { usage } = (await response.json()) as { usage: { prompt_tokens_details: { cached_tokens: number } } };
      return usage.prompt_tokens_details.cached_tokens;
    };
    const followed = new PrefixIndex(1000);
    const following = subscribeKvEvents({ url, worker: "w", index: followed });
    const hits = (index: PrefixIndex, tokens: number[]) => {
      const hashes = sequenceHashes(Int32Array.from(tokens), BLOCK_SIZE);
      return index.match(hashes, hashes.length, ["w"], 1).cached[0]!;
    };
    const random = randomStream(11, "prompts");
    const stems = Array.from({ length: 6 }, (_, i) => prompt(300 + i, 4).slice(0, -1));
    const asked: number[][] = [];
    let evictions = 0;
    for (let i = 0; i < 60; i++) {
      const stem = stems[random.integer(stems.length)]!;
      const tokens = [...stem, ...prompt(400 + random.integer(20), 1 + random.integer(4))];
      const snapshot = new PrefixIndex(1000);
      const once = subscribeKvEvents({ url, worker: "w", index: snapshot });
      await vi.waitFor(() => expect(once.messages).toBeGreaterThan(0));
      const expected = hits(snapshot, tokens);
      if (expected === 0 && asked.some((before) => before[0] === tokens[0])) evictions++;
      once.close();
      // At least one token is always computed, and these prompts end in a part of a block.
      expect(await ask(tokens)).toBe(expected * BLOCK_SIZE);
      asked.push(tokens);
    }
    expect(evictions).toBeGreaterThan(0);
    const snapshot = new PrefixIndex(1000);
    const last = subscribeKvEvents({ url, worker: "w", index: snapshot });
    await vi.waitFor(() => expect(last.messages).toBeGreaterThan(0));
    await vi.waitFor(() => {
      expect(followed.cachedBlocks("w")).toBe(snapshot.cachedBlocks("w"));
      expect(asked.map((tokens) => hits(followed, tokens))).toEqual(asked.map((tokens) => hits(snapshot, tokens)));
    });
    last.close();
    following.close();
  });

  it("is observed by a planner's source as it was", async () => {
    await source.observe();
    for (let i = 0; i < 5; i++) await complete(frontend, prompt(200 + i, 2), 3);
    await vi.waitFor(async () => {
      // Every request has ended, so nothing of them comes later.
      expect(frontend.workers().every(({ requests }) => requests === 0)).toBe(true);
    });
    const seen = await source.observe();
    expect(source.problems).toEqual([]);
    expect(seen).toMatchObject({
      startedRequests: 5,
      startedIsl: [9, 9, 9, 9, 9],
      completedRequests: 5,
      meanIsl: 9,
      meanOsl: 3,
      workers: { decode: { active: 3 } },
      prefillLoad: null,
    });
    expect(seen.decodeLoad!.map(({ workerId, batch }) => [workerId, batch])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
    // Prompts of 9 tokens at 2 ms each.
    expect(seen.prefillMeasuredS).toBeCloseTo(0.01, 6);
  });
});
