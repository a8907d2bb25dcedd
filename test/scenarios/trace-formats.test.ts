import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UserError } from "#common";
import {
  buildWorkload,
  parseTrace,
  parseTraffic,
  readTraceFile,
  type TraceOptions,
  traceLines,
  type Workload,
} from "#scenarios";
import { simulate } from "#src/simulator";
import { edgesOf } from "../../scenarios/workload/dependencies.ts";
import { madePool, madeSpec } from "../simulator/hand-made.ts";
import { anyGraph } from "./graphs.ts";

type Row = Record<string, unknown>;
const jsonl = (rows: readonly Row[]) => rows.map((row) => JSON.stringify(row)).join("\n");
const read = (rows: readonly Row[], options: TraceOptions = {}) => parseTrace(jsonl(rows), "t.jsonl", options);

function failure(action: () => unknown): UserError {
  try {
    action();
  } catch (error) {
    return error as UserError;
  }
  throw new Error("nothing was thrown");
}

/** Prompt tokens that an engine of this block size finds in its cache, request by request. */
function cachedTokens(workload: Workload, blockSize: number): number[] {
  const decode = madePool("aggregated", {}, { blockSize, numGpuBlocks: 4096 });
  const results = (["skipping", "stepping"] as const).map((engine) => {
    const { requests } = simulate({ ...madeSpec({ requests: [] }, { decode }), workload, engine });
    return [...requests.cachedTokens];
  });
  expect(results[0]).toEqual(results[1]);
  return results[0]!;
}

describe("sessions", () => {
  const row = (timestamp: number, more: Row = {}): Row => ({
    timestamp,
    input_length: 100,
    output_length: 5,
    session_id: "s",
    ...more,
  });

  it("without a delay keep the distance of their timestamps", () => {
    // As DynoSim 1.6.1 has it; a delay that is given counts.
    expect([...read([row(0), row(400), row(500, { delay: 60 }), row(450)]).thinkMs!]).toEqual([0, 400, 60, 0]);
  });

  it("count from the last timestamp where a turn between has none", () => {
    const timeless = { input_length: 100, output_length: 5, session_id: "s" };
    expect([...read([row(100), { ...timeless, delay: 60 }, timeless, row(700)]).thinkMs!]).toEqual([0, 60, 0, 600]);
  });
});

describe("mooncake-delta", () => {
  const turn = (session: string, input: number, output: number, ids: number[], more: Row = {}): Row => ({
    session_id: session,
    input_length: input,
    output_length: output,
    hash_ids: ids,
    ...more,
  });
  const format = "mooncake-delta";

  it("makes prompts whole, and an engine finds what it knows of the turn before, answers included", () => {
    // Lengths and reused tokens as DynoSim 1.6.1 reports them for these rows (one worker, blocks of 64).
    const rows = [
      turn("s", 100, 50, [1, 2], { timestamp: 0 }),
      turn("s", 70, 64, [3, 4], { delay_ms: 500 }),
      turn("s", 640, 3, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { delay_ms: 50 }),
      turn("t", 100, 50, [1, 2], { timestamp: 20_000 }),
      turn("t", 70, 50, [3, 4], { delay_ms: 10 }),
      turn("u", 128, 64, [1, 2], { timestamp: 40_000 }),
      turn("u", 128, 50, [7, 8], { delay_ms: 10 }),
      turn("u", 128, 50, [9, 10], { delay_ms: 10 }),
    ];
    const workload = read(rows, { format, blockTokens: 64 });
    expect([...workload.isl]).toEqual([100, 220, 924, 100, 220, 128, 320, 498]);
    expect(cachedTokens(workload, 64)).toEqual([0, 128, 256, 64, 128, 64, 128, 320]);
  });

  it("needs no ids, and shares nothing between sessions without them", () => {
    const bare = (session: string, more: Row): Row => ({
      session_id: session,
      input_length: 130,
      output_length: 62,
      ...more,
    });
    const rows = [bare("a", { timestamp: 0 }), bare("b", { timestamp: 9000 }), bare("a", {}), bare("b", {})];
    expect(cachedTokens(read(rows, { format }), 16)).toEqual([0, 0, 176, 176]);
  });

  it("of blocks that are larger than the engine's shares first prompts as far as they agree", () => {
    const rows = [
      turn("a", 1100, 10, [1, 2, 3], { timestamp: 0 }),
      turn("b", 1100, 10, [1, 2, 4], { timestamp: 9000 }),
    ];
    expect(cachedTokens(read(rows, { format }), 16)).toEqual([0, 1024]);
  });

  it("may be told of the finest block that is asked of", () => {
    const rows = [
      turn("a", 90, 10, [1, 2], { timestamp: 0 }),
      turn("b", 90, 10, [1, 2], { timestamp: 9000 }),
      turn("b", 48, 10, [3], { delay: 10 }),
    ];
    const options = { format, blockTokens: 48 } as const;
    // Blocks of 32 tokens: two of the prompt that both have, three of the 100 that the session has had.
    expect(cachedTokens(read(rows, { ...options, grainTokens: 16 }), 32)).toEqual([0, 64, 96]);
  });
});

describe("agentic Mooncake", () => {
  it("sends who waits for a dispatch at the instant of it; begins at its first request, or at its earliest row", () => {
    const waits = [{ request_id: "a", trigger: "dispatch", delay_ms: 0 }];
    const rows = [
      { request_id: "a", input_length: 64, output_length: 5, not_before_ms: 100 },
      { request_id: "b", input_length: 64, output_length: 5, dependencies: waits },
      { request_id: "c", input_length: 64, output_length: 5, dependencies: waits, not_before_ms: 40 },
    ];
    const sentMs = (more: object) => {
      const workload = read(rows, { format: "agentic", ...more });
      const { requests } = simulate({ ...madeSpec({ requests: [] }), workload });
      expect([...requests.outputTokens]).toEqual([5, 5, 5]);
      return [...requests.arrivalMs];
    };
    expect(sentMs({})).toEqual([0, 0, 0]);
    expect(sentMs({ fromEarliestRow: true })).toEqual([60, 60, 60]);
  });

  const row = (id: string, more: Row = {}): Row => ({ request_id: id, input_length: 64, output_length: 5, ...more });

  it("waits for what it lists, then for its delay and its tool", () => {
    const workload = read(
      [
        row("a", { timestamp: 100, session_id: "main" }),
        row("b", { wait_for: ["a"], delay: 10, tool_wait_ms: 100 }),
        row("d", { timestamp: 999, wait_for: ["b", "c"] }),
        row("c", { wait_for: ["a"], tool_wait_ms: 5 }),
        row("e", { timestamp: 120 }),
      ],
      { format: "agentic" },
    );
    expect([...workload.arrivalMs]).toEqual([0, Number.NaN, Number.NaN, Number.NaN, 20]);
    expect([...workload.openHeads]).toEqual([0, 4]);
    expect(edgesOf(workload.dependencies!)).toEqual([
      { parent: 0, child: 1, delayMs: 110, onStart: false },
      { parent: 1, child: 2, delayMs: 0, onStart: false },
      { parent: 3, child: 2, delayMs: 0, onStart: false },
      { parent: 0, child: 3, delayMs: 5, onStart: false },
    ]);
    expect(workload.sessionIds).toEqual(["main", "", "", "", ""]);
  });

  const header = { schema: "dynamo.agentic_mooncake", version: 2, block_size: 64 };

  it("of version 2 says its block size, and what each wait begins with", () => {
    const dependency = (id: string, trigger: string, ms: number) => ({ request_id: id, trigger, delay_ms: ms });
    const rows = [
      header,
      row("a", { not_before_ms: 100, hash_ids: [7] }),
      row("b", { not_before_ms: 500, dependencies: [dependency("a", "completion", 40)] }),
      row("c", { not_before_ms: 0, dependencies: [dependency("a", "dispatch", 7)] }),
    ];
    const workload = read(rows);
    expect(workload.prompts!.blockTokens).toBe(64);
    const { requests } = simulate({ ...madeSpec({ requests: [] }), workload });
    // DynoSim 1.6.1 starts b at its own time and c with the wait, too.
    expect([...requests.arrivalMs]).toEqual([0, 400, 7]);
  });

  it("takes whole runs of agents in a slice", () => {
    const rows = [
      row("a", { timestamp: 0 }),
      row("b", { timestamp: 50 }),
      row("x", { timestamp: 60, wait_for: [] }),
      row("y", { wait_for: ["b", "x"] }),
      row("z", { timestamp: 70 }),
    ];
    const options = { format: "agentic" } as const;
    expect([...read(rows, { ...options, fromMs: 40, toMs: 65 }).arrivalMs]).toEqual([10, 20, Number.NaN]);
    expect(read(rows, { ...options, skipRequests: 1, maxRequests: 1 }).count).toBe(3);
    expect(read(rows, { ...options, maxRequests: 2 }).count).toBe(4);
  });

  it("is sliced by the times of first requests, whatever later ones say of theirs", () => {
    const behind = (id: string) => [{ request_id: id, trigger: "completion", delay_ms: 5 }];
    const rows = [
      header,
      row("a", { not_before_ms: 100 }),
      row("b", { not_before_ms: 0, dependencies: behind("a") }),
      row("c", { not_before_ms: 150 }),
      row("d", { not_before_ms: 0, dependencies: behind("c") }),
    ];
    const all = read(rows, { fromMs: 0 });
    expect([all.count, all.arrivalMs[0], all.arrivalMs[2]]).toEqual([4, 0, 50]);
    const later = read(rows, { fromMs: 40 });
    expect([...later.openHeads].map((head) => later.arrivalMs[head])).toEqual([10]);
    expect(edgesOf(later.dependencies!)).toEqual([{ parent: 0, child: 1, delayMs: 5, onStart: false }]);
    expect(read(rows, { toMs: 50 }).count).toBe(2);
  });

  it("may have any number of sessions", () => {
    const count = 150_000;
    const many = Array.from({ length: count }, (_, i) => row(`${i}`, { timestamp: i }));
    const workload = read(many, { format: "agentic", fromMs: 50_000 });
    expect([workload.count, workload.arrivalMs[0], workload.horizonMs]).toEqual([100_000, 0, 99_999]);
  });

  it.each<[string, Row[], RegExp]>([
    ["unknown names", [row("a", { wait_for: ["zz"] })], /t\.jsonl:1: "wait_for": found "zz"/],
    [
      "circles",
      [row("a", { timestamp: 0 }), row("b", { wait_for: ["c"] }), row("c", { wait_for: ["b"] })],
      /t\.jsonl:[23]: "wait_for": found \["[bc]"\], expected requests that do not wait/,
    ],
    ["names twice", [row("a", { timestamp: 0 }), row("a", { timestamp: 0 })], /t\.jsonl:2: "request_id".*t\.jsonl:1/],
    ["no name", [{ timestamp: 0, input_length: 1, output_length: 1, wait_for: [] }], /"request_id": found nothing/],
    ["no time", [row("a", { wait_for: [] })], /"timestamp": found nothing/],
    ["another version", [{ ...header, version: 3 }], /"version": found 3/],
    ["an odd trigger", [header, row("a", { dependencies: [{ request_id: "a", trigger: "luck" }] })], /:2: .*trigger/],
  ])("is refused with %s", (_what, rows, message) => {
    const error = failure(() => read(rows, { format: "agentic" }));
    expect(`${error.where}: ${error.message}`).toMatch(message);
    expect(error.code).toMatch(/^SCENARIOS_TRACE_/);
  });

  it("is found where its first requests wait for nobody, and is Mooncake's where none of those that are looked at does", () => {
    const named = (count: number) => Array.from({ length: count }, (_, i) => row(`r${i}`, { timestamp: i }));
    const waits = row("w", { wait_for: ["r0"], delay: 10 });
    for (const before of [1, 3, 999]) {
      const workload = read([...named(before), waits]);
      expect(edgesOf(workload.dependencies!)).toEqual([{ parent: 0, child: before, delayMs: 10, onStart: false }]);
    }
    expect(read(named(3)).dependencies).toBeUndefined();
    expect(read(named(5), { maxRequests: 2 }).count).toBe(2);
    expect(failure(() => read([...named(1000), waits])).hint).toMatch(/agentic/);
    expect(failure(() => read([...named(2), { ...row("x"), timestamp: "late" }])).where).toMatch(/^t\.jsonl:3/);
  });

  it("is told of where a Mooncake trace has rows that wait", () => {
    const rows = [{ timestamp: 0, input_length: 1, output_length: 1 }, row("b", { wait_for: ["a"] })];
    expect(failure(() => read(rows)).hint).toMatch(/agentic/);
  });
});

describe("Dynamo's request traces", () => {
  interface Ended {
    id: string;
    from: number;
    to: number;
    session?: string;
    parent?: string;
    hashes?: number[];
  }
  const ended = ({ id, from, to, session, parent, hashes = [1, 2] }: Ended): Row => ({
    schema: "dynamo.request.trace.v1",
    event_type: "request_end",
    event_time_unix_ms: to,
    ...(session === undefined ? {} : { agent_context: { session_id: session, parent_session_id: parent } }),
    request: {
      request_id: id,
      request_received_ms: from,
      total_time_ms: to - from,
      output_tokens: 16,
      replay: { trace_block_size: 64, input_length: 128, input_sequence_hashes: hashes },
    },
  });

  it("are requests at the times they were received, in any order, with their prefixes", () => {
    const workload = read([
      ended({ id: "x", from: 1000, to: 1001, hashes: [18_000_000_000_000_000_000, 2] }),
      { event: ended({ id: "y", from: 900, to: 1100, hashes: [18_000_000_000_000_000_000, 3] }) },
      { schema: "dynamo.request.trace.v1", event_type: "tool_end", tool: {} },
    ]);
    expect([...workload.arrivalMs]).toEqual([0, 100]);
    expect(workload.prompts!.blockTokens).toBe(64);
    expect(workload.prompts!.ids[0]).toBe(workload.prompts!.ids[2]);
    expect(workload.dependencies).toBeUndefined();
  });

  it("of agents wait for what they waited for when they were recorded", () => {
    const workload = read([
      ended({ id: "a", from: 1000, to: 1100, session: "root" }),
      ended({ id: "b", from: 1500, to: 1600, session: "root" }),
      ended({ id: "c", from: 1150, to: 1250, session: "kid", parent: "root" }),
      ended({ id: "d", from: 1300, to: 1400, session: "kid", parent: "root" }),
      ended({ id: "e", from: 1160, to: 1700, session: "kid2", parent: "root" }),
      ended({ id: "f", from: 1800, to: 1900, session: "root" }),
      ended({ id: "g", from: 1050, to: 1060, session: "alone" }),
    ]);
    // By start: a g c e d b f. The same waits as in DynoSim 1.6.1's replay of these rows.
    const names = "agcedbf";
    const waits = edgesOf(workload.dependencies!).map(
      ({ parent, child, delayMs, onStart }) =>
        `${names[child]} ${onStart ? "with" : "after"} ${names[parent]} ${delayMs}`,
    );
    expect(waits.toSorted()).toEqual([
      "b after a 400",
      "b after d 100",
      "c with a 150",
      "d after c 50",
      "e with a 160",
      "f after b 200",
      "f after e 100",
    ]);
    expect([...workload.openHeads].map((head) => names[head])).toEqual(["a", "g"]);
  });

  it.each<[string, Row[], RegExp]>([
    [
      "with and without agents",
      [ended({ id: "a", from: 0, to: 1, session: "s" }), ended({ id: "b", from: 0, to: 1 })],
      /t\.jsonl:2: "agent_context\.session_id": found nothing/,
    ],
    [
      "of two block sizes",
      [
        ended({ id: "a", from: 0, to: 1 }),
        { ...ended({ id: "b", from: 0, to: 1 }), request: { replay: { trace_block_size: 32, input_length: 9 } } },
      ],
      /t\.jsonl:2: "trace_block_size": found 32, expected 64/,
    ],
    ["without a time", [{ event_type: "request_end", request: { input_tokens: 4, output_tokens: 1 } }], /received_ms/],
    ["without requests", [{ event_type: "tool_end" }], /no requests/],
  ])("are refused %s", (_what, rows, message) => {
    const error = failure(() => read(rows));
    expect(`${error.where}: ${error.message}`).toMatch(message);
  });
});

describe("files of a trace", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-traces-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const row = (timestamp: number): Row => ({ timestamp, input_length: 9, output_length: 1, note: "x".repeat(99) });

  it("may be packed, and several: a pattern takes them by name", () => {
    const rows = Array.from({ length: 30_000 }, (_, i) => row(i));
    writeFileSync(join(folder, "a.jsonl"), jsonl(rows.slice(0, 9)));
    writeFileSync(join(folder, "b.jsonl.gz"), gzipSync(jsonl(rows.slice(9))));
    expect(readTraceFile(join(folder, "[ab].jsonl*"))).toEqual(read(rows));
    expect(failure(() => readTraceFile(join(folder, "*.none"))).message).toMatch(/no file that matches/);
  });

  it("name the file and the line of a mistake, packed or not", () => {
    const path = join(folder, "c.jsonl.gz");
    writeFileSync(path, gzipSync(`${jsonl([row(0)])}\n{}\n`));
    expect(failure(() => readTraceFile(join(folder, "c*.gz"))).where).toBe(`${path}:2`);
  });

  it("that are cut off are told so", () => {
    const path = join(folder, "d.jsonl.gz");
    const whole = gzipSync(jsonl(Array.from({ length: 500 }, (_, i) => row(i))));
    for (const bytes of [whole.subarray(0, 60), whole.subarray(0, -4), whole.subarray(0, -1)]) {
      writeFileSync(path, bytes);
      expect(failure(() => readTraceFile(path)).message).toMatch(/gzip data that is damaged or cut off/);
    }
  });
});

describe("writing and reading again", () => {
  it("gives the same requests and the same waits", () => {
    fc.assert(
      fc.property(anyGraph, (made) => {
        const again = parseTrace([...traceLines(made)].join("\n"), "t", { format: "agentic" });
        expect(again.isl).toEqual(made.isl);
        expect(again.osl).toEqual(made.osl);
        expect(again.openHeads).toEqual(made.openHeads);
        expect(again.horizonMs).toBe(made.arrivalMs[made.openHeads.at(-1)!]! - made.arrivalMs[made.openHeads[0]!]!);
        expect(edgesOf(again.dependencies ?? made.dependencies!)).toEqual(edgesOf(made.dependencies!));
        // Once read, a trace is written as it was.
        if (again.dependencies !== undefined) {
          const twice = parseTrace([...traceLines(again)].join("\n"), "t");
          expect(twice).toEqual({ ...again, sessionIds: twice.sessionIds });
          expect([...traceLines(twice)]).toEqual([...traceLines(again)]);
        }
      }),
    );
  });

  it("gives the same bytes of a Mooncake trace", () => {
    const rows = fc.array(
      fc.record({
        gap: fc.nat(2000),
        isl: fc.integer({ min: 1, max: 3000 }),
        osl: fc.integer({ min: 1, max: 500 }),
        session: fc.constantFrom("", "a", "b"),
        delay: fc.nat(900),
      }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(rows, (drawn) => {
        let atMs = 0;
        const known = new Set<string>();
        const text = drawn.map(({ gap, isl, osl, session, delay }) => {
          const later = session !== "" && known.has(session);
          known.add(session);
          if (!later) atMs += gap;
          const row: Row = later ? { delay_ms: delay } : { timestamp: atMs };
          if (session !== "") row.session_id = session;
          return { ...row, input_length: isl, output_length: osl, hash_ids: [isl % 3] };
        });
        const once = [...traceLines(read(text))];
        expect([...traceLines(parseTrace(once.join("\n"), "t"))]).toEqual(once);
      }),
    );
  });

  it("keeps agents that a scenario makes", () => {
    const traffic = parseTraffic(
      `constant:
  requestRate: 1
  duration: 1m
  isl: { uniform: { min: 300, max: 900 } }
  osl: 20
  prefix: { groups: 2, tokens: 256 }
  agents: { turns: 3, toolWait: { list: [200ms, 3s] }, growth: 70, subagents: { share: 0.5, count: 2, turns: 2 } }`,
      "t",
    );
    const made = buildWorkload(traffic, { seed: 3 });
    const again = parseTrace([...traceLines(made)].join("\n"), "t");
    expect(again.isl).toEqual(made.isl);
    expect(again.osl).toEqual(made.osl);
    expect(again.openHeads).toEqual(made.openHeads);
    expect(edgesOf(made.dependencies!).length).toBeGreaterThan(made.openHeads.length);
    expect(again.dependencies).toEqual(made.dependencies);
    expect(new Set(made.sessionIds).size).toBeGreaterThan(made.openHeads.length);
    expect(again.sessionIds).toEqual(made.sessionIds);
    expect(again.prompts!.blockTokens).toBe(64);
    const idsOf = ({ isl, prompts }: Workload, request: number) => {
      const from = prompts!.offset[request]!;
      return prompts!.ids.slice(from, from + Math.ceil(isl[request]! / prompts!.blockTokens));
    };
    for (let i = 0; i < made.count; i++) expect(idsOf(again, i)).toEqual(idsOf(made, i));
  });
});
