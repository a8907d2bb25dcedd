import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "#common";
import { buildWorkload, parseTrace, readTraceFile, summarizeWorkload, type TrafficEntry, traceLines } from "#scenarios";
import { describeWithReference, referencePath } from "../reference.ts";

type Row = Record<string, unknown>;
const row = (timestamp: number, more: Row = {}): Row => ({
  timestamp,
  input_length: 1000,
  output_length: 10,
  hash_ids: [1, 2],
  ...more,
});
const jsonl = (...rows: Row[]) => rows.map((r) => JSON.stringify(r)).join("\n");

function failure(action: () => unknown): UserError {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a trace", () => {
  it("becomes columns, with the first request at time 0", () => {
    const workload = parseTrace(jsonl(row(500), row(700, { output_length: 7 }), row(700)), "t.jsonl");
    expect([...workload.arrivalMs]).toEqual([0, 200, 200]);
    expect([...workload.osl]).toEqual([10, 7, 10]);
    expect([...workload.openHeads]).toEqual([0, 1, 2]);
    expect(workload).toMatchObject({ count: 3, nextTurn: null, sessionIds: null, horizonMs: 200, closedLoops: [] });
    expect(workload.prompts).toMatchObject({ blockTokens: 512, offset: Int32Array.of(0, 2, 4, 6) });
  });

  it("tells routers of urgency and classes, by the names of DynoSim's rows, and does so once more when it is written", () => {
    const rows = [
      row(0, { priority: -2, policy_class: "" }),
      row(1, { strict_priority: 3, policy_class: "b" }),
      row(2),
    ];
    for (const text of [jsonl(...rows), jsonl(...rows.map((r, i) => ({ ...r, request_id: `${i}`, wait_for: [] })))]) {
      const read = parseTrace(text, "t.jsonl");
      for (const workload of [read, parseTrace([...traceLines(read)].join("\n"), "t.jsonl")]) {
        const { priority, strictPriority, classNames, classOf } = workload.hints!;
        expect([[...priority], [...strictPriority]]).toEqual([
          [-2, Number.NaN, Number.NaN],
          [Number.NaN, 3, Number.NaN],
        ]);
        expect([...classOf].map((place) => classNames[place])).toEqual([undefined, "b", undefined]);
      }
    }
    expect(parseTrace(jsonl(row(0)), "t.jsonl").hints).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ["priority", 1.5],
    ["priority", "high"],
    ["strict_priority", -1],
    ["policy_class", 3],
  ])("refuses a %s of %s, as DynoSim does", (key, value) => {
    expect(failure(() => parseTrace(jsonl(row(0), row(1, { [key]: value })), "t.jsonl"))).toMatchObject({
      code: "SCENARIOS_TRACE_BAD_FIELD",
      where: "t.jsonl:2",
      message: expect.stringContaining(`"${key}"`),
    });
  });

  it("tolerates what it does not know: other keys, blank lines, a byte-order mark, CRLF", () => {
    const text = `\uFEFF${JSON.stringify(row(0, { model: "m", nested: { a: [1] } }))}\r\n\r\n${JSON.stringify(row(5))}\r\n`;
    expect(parseTrace(text, "t").count).toBe(2);
  });

  it("turns rows of one session into turns in file order, with their delays", () => {
    const workload = parseTrace(
      jsonl(
        row(0, { session_id: "a" }),
        row(10, { session_id: "b" }),
        { input_length: 5, output_length: 1, session_id: "a", delay_ms: 50 },
        { input_length: 6, output_length: 1, session_id: "a", delay: 70 },
      ),
      "t",
    );
    expect([...workload.openHeads]).toEqual([0, 1]);
    expect([...workload.nextTurn!]).toEqual([2, -1, 3, -1]);
    expect([...workload.turnIndex!]).toEqual([0, 0, 1, 2]);
    expect([...workload.thinkMs!]).toEqual([0, 0, 50, 70]);
    expect(workload.sessionIds).toEqual(["a", "b", "a", "a"]);
    expect(workload.arrivalMs[2]).toBeNaN();
  });

  it("plays faster with a speed-up; delays stay", () => {
    const rows = jsonl(row(0, { session_id: "a" }), row(0, { session_id: "a", delay_ms: 60 }), row(900));
    const workload = parseTrace(rows, "t", { speedup: 3 });
    expect(workload.arrivalMs[2]).toBe(300);
    expect(workload.thinkMs![1]).toBe(60);
  });

  it("takes a slice by time, which becomes time 0, or by count", () => {
    const rows = jsonl(row(1000), row(1100), row(1200), row(1300));
    const byTime = parseTrace(rows, "t", { fromMs: 50, toMs: 300 });
    expect([...byTime.arrivalMs]).toEqual([50, 150]);
    const byCount = parseTrace(rows, "t", { skipRequests: 1, maxRequests: 2 });
    expect([...byCount.arrivalMs]).toEqual([0, 100]);
  });

  it("keeps whole sessions in a slice, and drops the turns of sessions outside", () => {
    const rows = jsonl(
      row(0, { session_id: "out" }),
      row(100, { session_id: "in" }),
      row(0, { session_id: "out", output_length: 99 }),
      row(200, { session_id: "late" }),
      row(0, { session_id: "in", output_length: 3 }),
    );
    const workload = parseTrace(rows, "t", { fromMs: 50, toMs: 150 });
    expect(workload.sessionIds).toEqual(["in", "in"]);
    expect([...workload.osl]).toEqual([10, 3]);
  });

  it("spreads bucketed timestamps within their buckets, in order of arrival", () => {
    const rows = Array.from({ length: 600 }, (_, i) => row(Math.floor(i / 200) * 3000));
    const workload = parseTrace(jsonl(...rows), "t", { spreadMs: 3000, seed: 4 });
    const buckets = [0, 1, 2].map((b) => [...workload.arrivalMs].filter((t) => Math.floor(t / 3000) === b).length);
    expect(buckets).toEqual([200, 200, 200]);
    const times = [...workload.openHeads].map((head) => workload.arrivalMs[head]!);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(new Set(times).size).toBeGreaterThan(590);
  });

  it("cuts long prompts and their blocks", () => {
    const workload = parseTrace(jsonl(row(0, { input_length: 1500, hash_ids: [1, 2, 3] })), "t", { maxIsl: 600 });
    expect([...workload.isl]).toEqual([600]);
    expect(workload.prompts!.ids).toHaveLength(2);
  });

  it("keeps 64-bit block hashes apart and alike", () => {
    const big = 2 ** 52;
    const rows = jsonl(
      row(0, { hash_ids: [7, big] }),
      row(1, { hash_ids: [7, big + 1] }),
      row(2, { hash_ids: [7, big] }),
    );
    const ids = [...parseTrace(rows, "t").prompts!.ids];
    expect(ids[0]).toBe(ids[2]);
    expect(ids[1]).toBe(ids[5]);
    expect(new Set(ids).size).toBe(3);
  });
});

describe("a bad trace ends in one error that names the line", () => {
  const good = JSON.stringify(row(10));
  it.each<[string, string, string, RegExp]>([
    ["broken JSON", `${good}\n{"timestamp": 1,`, "SCENARIOS_TRACE_BAD_JSON", /t\.jsonl:2:17/],
    [
      "a word that is no JSON",
      `{"timestamp": x}`,
      "SCENARIOS_TRACE_BAD_JSON",
      /t\.jsonl:1: .*\(Unexpected token 'x'\)/,
    ],
    ["no object", "[1]", "SCENARIOS_TRACE_BAD_JSON", /a JSON array/],
    [
      "timestamps out of order",
      `${good}\n${JSON.stringify(row(9))}`,
      "SCENARIOS_TRACE_OUT_OF_ORDER",
      /t\.jsonl:2.*line 1/,
    ],
    ["a negative timestamp", JSON.stringify(row(-1)), "SCENARIOS_TRACE_BAD_FIELD", /"timestamp": found -1/],
    [
      "an infinite timestamp",
      '{"timestamp": 1e999, "input_length": 1, "output_length": 1}',
      "SCENARIOS_TRACE_BAD_FIELD",
      /timestamp/,
    ],
    ["no timestamp", '{"input_length": 1, "output_length": 1}', "SCENARIOS_TRACE_BAD_FIELD", /later turns/],
    ["a length of zero", JSON.stringify(row(0, { input_length: 0 })), "SCENARIOS_TRACE_BAD_FIELD", /found 0/],
    ["a fractional length", JSON.stringify(row(0, { output_length: 1.5 })), "SCENARIOS_TRACE_BAD_FIELD", /1\.5/],
    ["a huge length", JSON.stringify(row(0, { input_length: 1e15 })), "SCENARIOS_TRACE_BAD_FIELD", /input_length/],
    [
      "a mistyped key",
      '{"timestamp": 0, "input_lenght": 1, "output_length": 1}',
      "SCENARIOS_TRACE_BAD_FIELD",
      /did you mean "input_length"/,
    ],
    ["a text as id", JSON.stringify(row(0, { hash_ids: [1, "a"] })), "SCENARIOS_TRACE_BAD_FIELD", /hash_ids\[1\]/],
    [
      "more ids than blocks",
      JSON.stringify(row(0, { hash_ids: [1, 2, 3] })),
      "SCENARIOS_TRACE_BAD_FIELD",
      /block size.*499/,
    ],
    ["a negative delay", JSON.stringify(row(0, { delay_ms: -5 })), "SCENARIOS_TRACE_BAD_FIELD", /delay_ms/],
    ["nothing", "\n\n", "SCENARIOS_TRACE_EMPTY", /no requests/],
  ])("%s", (_what, text, code, message) => {
    const error = failure(() => parseTrace(text, "t.jsonl"));
    expect(error.code).toBe(code);
    expect(`${error.where}: ${error.message} ${error.hint}`).toMatch(message);
    expect(error.exitCode).toBe(2);
  });

  it("an empty slice", () => {
    expect(failure(() => parseTrace(good, "t", { skipRequests: 5 })).code).toBe("SCENARIOS_TRACE_EMPTY");
  });

  it("never anything but a UserError, whatever the bytes", () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(-1, 0, 1e308, 2 ** 53, "", null, [[]], [-1]));
    const mostly = (good: fc.Arbitrary<unknown>) =>
      fc.oneof({ weight: 30, arbitrary: good }, { weight: 1, arbitrary: value });
    const record = fc
      .record(
        {
          timestamp: mostly(fc.constant(0)),
          input_length: mostly(fc.integer({ min: 1, max: 5000 })),
          output_length: mostly(fc.integer({ min: 1, max: 50 })),
          hash_ids: mostly(fc.array(fc.nat(9), { maxLength: 1 })),
          session_id: mostly(fc.constantFrom<unknown>("a", "b", 3, null)),
          delay_ms: mostly(fc.nat(50)),
        },
        { requiredKeys: ["timestamp", "input_length", "output_length"] },
      )
      .map((r) => JSON.stringify(r));
    const noise = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.jsonValue().map((v) => JSON.stringify(v)),
      record.chain((text) => fc.nat(text.length).map((end) => text.slice(0, end))),
    );
    const line = fc.oneof({ weight: 9, arbitrary: record }, { weight: 1, arbitrary: noise });
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        try {
          const workload = parseTrace(lines.join("\n"), "t");
          accepted++;
          expect(workload.count).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          expect(error.code).toMatch(/^SCENARIOS_TRACE_/);
          expect(error.where).toMatch(/^t/);
        }
      }),
      { numRuns: 2000, seed: 7 },
    );
    // Otherwise the good half of the parser was never reached.
    expect(accepted).toBeGreaterThan(300);
  });
});

describe("a trace file", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-trace-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("reads as the text does, over the borders of pieces and of UTF-8 characters", () => {
    const rows = Array.from({ length: 9000 }, (_, i) => row(i, { note: "äöü€𝄞".repeat(i % 40) }));
    const path = join(folder, "long.jsonl");
    writeFileSync(path, jsonl(...rows));
    expect(readTraceFile(path)).toEqual(parseTrace(jsonl(...rows), path));
  });

  it("is not read past the slice", () => {
    const path = join(folder, "slice.jsonl");
    writeFileSync(path, `${jsonl(...Array.from({ length: 20 }, (_, i) => row(i)))}\nthis is no JSON\n`);
    expect(readTraceFile(path, { maxRequests: 10 }).count).toBe(10);
    expect(failure(() => readTraceFile(path)).where).toBe(`${path}:21`);
  });

  it.each<[string, (path: string) => void, RegExp]>([
    ["is missing", () => {}, /no such file/],
    ["is gzipped", (path) => writeFileSync(path, Uint8Array.of(0x1f, 0x8b, 8, 0)), /gzip/],
    ["is one endless line", (path) => writeFileSync(path, " ".repeat(18 * 2 ** 20)), /line of more than/],
  ])("that %s is told so", (what, make, message) => {
    const path = join(folder, `${what}.jsonl`);
    make(path);
    const error = failure(() => readTraceFile(path));
    expect(`${error.where} ${error.message}`).toMatch(message);
  });

  it("that is a folder is told so", () => {
    expect(failure(() => readTraceFile(folder)).message).toMatch(/directory/);
  });
});

describe("writing a trace", () => {
  const entry: TrafficEntry = {
    kind: "open",
    startMs: 0,
    durationMs: 60_000,
    rate: { kind: "constant", rate: 3 },
    arrivals: { kind: "poisson" },
    content: {
      patterns: [{ share: null, isl: { kind: "uniform", min: 100, max: 3000 }, osl: { kind: "fixed", value: 20 } }],
      sessions: {
        turns: { kind: "uniform", min: 1, max: 4 },
        thinkMs: { kind: "exponential", mean: 2000 },
        history: "grow",
        maxIsl: null,
      },
      prefix: { kind: "groups", groups: 3, tokens: 256 },
      blockTokens: 64,
    },
  };

  it("and reading it gives the same requests, turns and shared blocks", () => {
    const made = buildWorkload([entry], { seed: 3 });
    const read = parseTrace([...traceLines(made)].join("\n"), "t", { blockTokens: 64 });
    expect(read.isl).toEqual(made.isl);
    expect(read.osl).toEqual(made.osl);
    expect(read.turnIndex).toEqual(made.turnIndex);
    expect(read.nextTurn).toEqual(made.nextTurn);
    expect(summarizeWorkload(read).reusableShare).toBeCloseTo(summarizeWorkload(made).reusableShare, 10);
    const first = made.arrivalMs[0]!;
    for (const head of made.openHeads) {
      expect(Math.abs(read.arrivalMs[head]! - (made.arrivalMs[head]! - first))).toBeLessThanOrEqual(1);
    }
  });

  it("of a closed loop is refused: it has no times", () => {
    const { content } = entry;
    const loop = buildWorkload(
      [{ kind: "closed", startMs: 0, durationMs: null, requests: 4, concurrency: 2, content }],
      { seed: 1 },
    );
    expect(failure(() => [...traceLines(loop)]).message).toMatch(/closed loop/);
  });
});

describeWithReference("the Mooncake conversation trace", () => {
  it("has the figures that its release states", () => {
    const workload = readTraceFile(referencePath("traces", "mooncake_conversation.jsonl"));
    const summary = summarizeWorkload(workload);
    // Mooncake, FAST'25, table 2: 12,031 requests, mean input 12,035, mean output 343, cache ratio 40 %.
    expect(summary.requests).toBe(12_031);
    expect(Math.round(summary.isl.mean)).toBe(12_035);
    expect(Math.round(summary.osl.mean)).toBe(343);
    expect(summary.reusableShare).toBeGreaterThan(0.36);
    expect(summary.reusableShare).toBeLessThan(0.41);
  });
});
