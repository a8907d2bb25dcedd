import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { formatRun, summarize, terminalOptions } from "#src/report";
import { recordOf } from "./record.ts";
import { syntheticRun } from "./synthetic-run.ts";

const PLAIN = { colour: false, width: 140 };

describe("the metrics table", () => {
  it("has AIPerf's rows and columns, and N/A where there is no distribution", () => {
    const record = recordOf([
      { arrivalMs: 0, ttftMs: 100, itlMs: 8, osl: 101, isl: 3000 },
      { arrivalMs: 1000, ttftMs: 300, itlMs: 10, osl: 11, isl: 1000 },
    ]);
    expect(formatRun(record, summarize(record), PLAIN)).toMatchInlineSnapshot(`
      "Understudy | LLM Metrics | test

      Metric                                                   avg       min       max       p99       p90       p50       std
      ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      Time to First Token (ms)                              200.00    100.00    300.00    298.00    280.00    200.00    100.00
      Time to Second Token (ms)                               9.00      8.00     10.00      9.98      9.80      9.00      1.00
      Time to First Output Token (ms)                       200.00    100.00    300.00    298.00    280.00    200.00    100.00
      Request Latency (ms)                                  650.00    400.00    900.00    895.00    850.00    650.00    250.00
      Inter Token Latency (ms)                                9.00      8.00     10.00      9.98      9.80      9.00      1.00
      Output Token Throughput Per User (tokens/sec/user)    112.50    100.00    125.00    124.75    122.50    112.50     12.50
      Output Sequence Length (tokens)                        56.00     11.00    101.00    100.10     92.00     56.00     45.00
      Input Sequence Length (tokens)                      2,000.00  1,000.00  3,000.00  2,980.00  2,800.00  2,000.00  1,000.00
      Output Token Throughput (tokens/sec)                   80.00       N/A       N/A       N/A       N/A       N/A       N/A
      Request Throughput (requests/sec)                       1.43       N/A       N/A       N/A       N/A       N/A       N/A
      Request Count (requests)                                2.00       N/A       N/A       N/A       N/A       N/A       N/A

      SLA      both 50.00 % of 2 requests · TTFT ≤ 200 ms 50.00 % · ITL ≤ 10 ms 100.00 %
      Goodput  0.714 good req/s · N/A per GPU
      GPUs     0 GPU-hours · 0.00 on average, 0 at most · workers: prefill 0.00, decode 0.00
      Scaling  0 events (0 up, 0 down)
      "
    `);
  });

  it("keeps within a narrow terminal", () => {
    const record = syntheticRun({ requests: 5000 });
    const text = formatRun(record, summarize(record), { colour: false, width: 80 });
    for (const line of text.split("\n")) expect([...line].length, line).toBeLessThanOrEqual(80);
    expect(text).toContain("TTFT (ms)");
  });
});

describe("the planner's timeline", () => {
  const record = syntheticRun({ requests: 3000 });

  it("has a line per decision that changed something and counts the quiet ones", () => {
    const lines = formatRun(record, summarize(record), PLAIN).split("\n");
    const changes = lines.filter((line) => /^ +\d+:\d\d /.test(line));
    const acted = new Set(record.scalingEvents.map((event) => event.atMs)).size;
    expect(changes).toHaveLength(acted);
    expect(lines[0]).toBe(`Planner default: ${acted} changes in 360 ticks (${360 - acted} left all as it was)`);
    expect(changes[0]).toMatch(/2 → 3 .* 2 → 3 .*\+\d+ .*3 workers carry/);
  });

  it("keeps the beginning and the end of a long list", () => {
    const text = formatRun(record, summarize(record), PLAIN, { maxLines: 6 });
    expect(text).toMatch(/… \d+ more changes; the report has them all/);
    expect(text.split("\n").filter((line) => /^ +\d+:\d\d /.test(line))).toHaveLength(5);
  });

  it("is left out without a planner", () => {
    const still = recordOf([{ arrivalMs: 0, ttftMs: 1, itlMs: 1, osl: 2 }]);
    expect(formatRun(still, summarize(still), PLAIN)).not.toContain("Planner");
  });
});

describe("the comparison and the expectations", () => {
  it("say how many times the goodput per GPU of the best static deployments the run has", () => {
    const record = syntheticRun({ requests: 3000 });
    const perGpu = summarize(record).goodput.perGpu;
    const found = { prefill: 4, decode: 3, attainment: 0.995, goodputPerGpu: perGpu / 1.5, gpuHours: 3.5 };
    record.bestStatic = { floor: 0.99, maxGpus: 12, tried: 66, atFloor: found, any: null };
    record.expectations = [
      { name: "gpuHours", expected: "<= 1", actual: "3.2", passed: false, where: "a.yaml:9:3" },
      { name: "errors", expected: "== 0", actual: "0", passed: true },
    ];
    const text = formatRun(record, summarize(record), PLAIN);
    expect(text).toMatch(/best static at ≥ 99 % +4P3D +99\.50 % .*× 1\.50/);
    expect(text).toMatch(/best static, any attainment +none/);
    expect(text).toContain("✗ gpuHours is 3.2, not as expected: <= 1 (a.yaml:9:3)");
    expect(text).toContain("✓ errors is 0, as expected: == 0");
  });
});

describe("colour", () => {
  it("adds nothing but colour", () => {
    const record = syntheticRun({ requests: 3000 });
    const summary = summarize(record);
    const coloured = formatRun(record, summary, { ...PLAIN, colour: true });
    expect(coloured).not.toBe(formatRun(record, summary, PLAIN));
    expect(stripVTControlCharacters(coloured)).toBe(formatRun(record, summary, PLAIN));
  });

  it.each([
    ["a terminal", { isTTY: true, columns: 100 }, {}, { colour: true, width: 100 }],
    ["a terminal under NO_COLOR", { isTTY: true, columns: 100 }, { NO_COLOR: "1" }, { colour: false, width: 100 }],
    ["a dumb terminal", { isTTY: true, columns: 70 }, { TERM: "dumb" }, { colour: false, width: 70 }],
    ["a pipe", {}, {}, { colour: false, width: 120 }],
    ["a pipe under FORCE_COLOR", {}, { FORCE_COLOR: "1" }, { colour: true, width: 120 }],
  ])("and width fit %s", (_, stream, env, expected) => {
    expect(terminalOptions(stream as NodeJS.WriteStream, env)).toEqual(expected);
  });
});
