import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockHashes, builtinTokenizer, sequenceHashes } from "#mocker/text";
import { buildWorkload, type PromptBlocks, type Workload } from "#scenarios";
import { RequestFactory, requestParts } from "../../src/loadgen/requests.ts";
import { requestColumns } from "../../src/simulator/prompt-blocks.ts";
import { madeContent, openLoop } from "./made-load.ts";

const tokenizer = builtinTokenizer();
const target = { url: "http://127.0.0.1:1", model: "m" };

function factory(workload: Workload, endpoint: "chat" | "completions" = "chat", format: "text" | "ids" = "text") {
  return new RequestFactory(workload, { ...target, endpoint }, { tokenizer, seed: 5, format }, null, "run");
}

function promptOf(body: Buffer): string | number[] {
  const parsed = JSON.parse(body.toString()) as { messages?: [{ content: string }]; prompt?: string | number[] };
  return parsed.messages?.[0].content ?? parsed.prompt!;
}

describe("headers", () => {
  it("say how urgent a request is, and its class, by Dynamo's names, where it says so", () => {
    const hints = {
      priority: Float64Array.of(2, Number.NaN),
      strictPriority: Float64Array.of(1, Number.NaN),
      classNames: ["premium"],
      classOf: Int32Array.of(0, -1),
    };
    const requests = factory({ ...openLoop([0, 1]), hints });
    const urgent = requests.headers(0, 0).join("\n");
    expect(urgent).toContain("x-dynamo-request-priority\n2");
    expect(urgent).toContain("x-dynamo-request-strict-priority\n1");
    expect(urgent).toContain("x-dynamo-meta-policy-class\npremium");
    expect(requests.headers(1, 0).join("\n")).not.toContain("x-dynamo");
  });
});

const CHUNK = 16;

/** A workload with named blocks, made of lists of ids and lengths. */
function withBlocks(prompts: { isl: number; ids: number[] }[], blockTokens: number): Workload {
  const offset = [0];
  for (const { ids } of prompts) offset.push(offset.at(-1)! + ids.length);
  const blocks: PromptBlocks = {
    blockTokens,
    offset: Int32Array.from(offset),
    ids: Int32Array.from(prompts.flatMap(({ ids }) => ids)),
  };
  return {
    ...openLoop(prompts.map((_, i) => i)),
    isl: Int32Array.from(prompts, ({ isl }) => isl),
    prompts: blocks,
  };
}

/** Blocks of each request that an earlier one has, in a cache that forgets nothing: by the simulator's columns. */
function simulatedHits(workload: Workload, blockSize: number): number[] {
  const { blockOffset, blockIds } = requestColumns(workload, blockSize);
  const known = new Set<number>();
  return Array.from({ length: workload.count }, (_, i) => {
    if (blockOffset === null || blockIds === null) return 0;
    const ids = [...blockIds.subarray(blockOffset[i]!, blockOffset[i + 1]!)];
    const hits = ids.findIndex((id) => !known.has(id));
    for (const id of ids) known.add(id);
    return hits < 0 ? ids.length : hits;
  });
}

/** The same by the tokens of the prompts that are sent, as a worker hashes them. */
function sentHits(workload: Workload, blockSize: number): number[] {
  const made = factory(workload);
  const known = new Set<bigint>();
  return Array.from({ length: workload.count }, (_, i) => {
    const ids = tokenizer.encode(promptOf(made.body(i)) as string);
    expect(ids).toHaveLength(workload.isl[i]!);
    const hashes = [...sequenceHashes(ids, blockSize)];
    const hits = hashes.findIndex((hash) => !known.has(hash));
    for (const hash of hashes) known.add(hash);
    return hits < 0 ? hashes.length : hits;
  });
}

describe("prompts", () => {
  it("have exactly the workload's tokens, and say the same as token ids", () => {
    const workload = openLoop([0, 1, 2], 137);
    const texts = factory(workload);
    const ids = factory(workload, "completions", "ids");
    for (const i of [0, 1, 2]) {
      const encoded = tokenizer.encode(promptOf(texts.body(i)) as string);
      expect(encoded).toHaveLength(137);
      expect(promptOf(ids.body(i))).toEqual([...encoded]);
    }
  });

  it("are the same for the same seed, unique otherwise", () => {
    const workload = openLoop([0, 1], 40);
    expect(factory(workload).body(0)).toEqual(factory(workload).body(0));
    expect(factory(workload).body(0)).not.toEqual(factory(workload).body(1));
    const other = new RequestFactory(workload, target, { tokenizer, seed: 6 }, null, "run");
    expect(other.body(0)).not.toEqual(factory(workload).body(0));
  });

  it("find in a worker's cache exactly the blocks that they find in the simulator's", () => {
    // Few ids, so that prompts share prefixes; engine blocks smaller and larger than content blocks, dividing them or not.
    const prompt = fc
      .record({
        ids: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 6 }),
        extra: fc.integer({ min: 1, max: 70 }),
      })
      .map(({ ids, extra }) => ({ ids, isl: Math.max(1, ids.length * CHUNK + extra - 20) }));
    fc.assert(
      fc.property(
        fc.array(prompt, { minLength: 2, maxLength: 12 }),
        fc.constantFrom(8, 16, 24, 32, 64),
        (prompts, blockSize) => {
          const cut = prompts.map(({ ids, isl }) => ({ isl, ids: ids.slice(0, Math.ceil(isl / CHUNK)) }));
          const workload = withBlocks(cut, CHUNK);
          expect(sentHits(workload, blockSize)).toEqual(simulatedHits(workload, blockSize));
        },
      ),
      { numRuns: 150 },
    );
  });

  it("do so for shared system prompts and growing sessions", () => {
    const content = {
      ...madeContent(100, 20),
      prefix: { kind: "groups" as const, groups: 3, tokens: 64 },
      sessions: {
        turns: { kind: "fixed" as const, value: 3 },
        thinkMs: { kind: "fixed" as const, value: 10 },
        history: "grow" as const,
        maxIsl: null,
      },
    };
    const rate = { kind: "constant" as const, rate: 10 };
    const workload = buildWorkload(
      [{ kind: "open", startMs: 0, durationMs: 2000, rate, arrivals: { kind: "constant" }, content }],
      { seed: 3 },
    );
    const hits = sentHits(workload, 16);
    expect(hits).toEqual(simulatedHits(workload, 16));
    expect(hits.filter((blocks) => blocks > 0).length).toBeGreaterThan(workload.count / 2);
  });

  it("do not share a block by accident", () => {
    const workload = openLoop(
      Array.from({ length: 400 }, (_, i) => i),
      64,
    );
    const made = factory(workload);
    const seen = new Set<bigint>();
    for (let i = 0; i < workload.count; i++) {
      for (const hash of blockHashes(made.promptIds(i), 16)) seen.add(hash);
    }
    expect(seen.size).toBe(400 * 4);
  });
});

describe("addresses", () => {
  it.each([
    ["http://127.0.0.1:8000", "http://127.0.0.1:8000", "/v1/chat/completions"],
    ["http://host/", "http://host", "/v1/chat/completions"],
    ["https://host/openai/v1/", "https://host", "/openai/v1/chat/completions"],
    ["http://[::1]:9/base", "http://[::1]:9", "/base/v1/chat/completions"],
  ])("%s: requests go to %s%s", (url, origin, path) => {
    expect(requestParts(url, "chat")).toEqual({ origin, path });
  });

  it.each(["localhost:8000", "ftp://host", "", "http://user:pw@host", "http://host/?x=1"])("%j is none", (url) => {
    expect(() => requestParts(url, "chat")).toThrow(expect.objectContaining({ code: "LOADGEN_BAD_URL" }));
  });
});
