import { describe, expect, it } from "vitest";
import {
  rankByLoad,
  rankByObjective,
  rankByThroughput,
  rankForAutoscaling,
} from "../../../src/profiler/picking/modes.ts";
import { aggregatedRow, worker } from "./fixture-rows.ts";

const TARGETS = { ttftMs: 1000, tpotMs: 20 };

describe("[R092] most throughput of a budget", () => {
  it("counts GPUs as idle that no further unit fits on", () => {
    // 4 of 6 GPUs used: 150 · 4 ÷ 6 = 100 is less than 120 on all six.
    const rows = [
      aggregatedRow("tp4", { tokensPerSecondPerGpu: 150 }),
      aggregatedRow("tp2", { tokensPerSecondPerGpu: 120 }),
    ];
    const { rows: ranked, meets } = rankByThroughput(rows, 6, TARGETS);
    expect(meets).toBe(true);
    expect(ranked.map((row) => [row.group, row.replicas, row.clusterTokensPerSecondPerGpu])).toEqual([
      ["vllm tp2", 3, 120],
      ["vllm tp4", 1, 100],
    ]);
  });

  it("keeps the best row of each layout, of equal ones the faster for its users", () => {
    const rows = [
      aggregatedRow("tp2", { tokensPerSecondPerGpu: 100, tpotMs: 15 }),
      aggregatedRow("tp2", { tokensPerSecondPerGpu: 100, tpotMs: 8 }),
      aggregatedRow("tp2", { tokensPerSecondPerGpu: 200, tpotMs: 30 }),
      aggregatedRow("tp1", { tokensPerSecondPerGpu: 90 }),
    ];
    const { rows: ranked } = rankByThroughput(rows, 8, TARGETS);
    expect(ranked.map((row) => [row.group, row.tpotMs])).toEqual([
      ["vllm tp2", 8],
      ["vllm tp1", 10],
    ]);
  });

  it("leaves out what is larger than the budget", () => {
    const rows = [aggregatedRow("tp8", { tokensPerSecondPerGpu: 500 }), aggregatedRow("tp2", {})];
    expect(rankByThroughput(rows, 4, TARGETS).rows.map((row) => row.group)).toEqual(["vllm tp2"]);
  });

  it("takes what comes closest where nothing meets the target, and says so", () => {
    const rows = [
      aggregatedRow("tp1", { tokensPerSecondPerGpu: 500, tpotMs: 60 }),
      aggregatedRow("tp4", { tokensPerSecondPerGpu: 50, tpotMs: 25 }),
    ];
    const { rows: ranked, meets } = rankByThroughput(rows, 8, TARGETS);
    expect(meets).toBe(false);
    expect(ranked[0]!.group).toBe("vllm tp4");
  });

  it("counts the whole request where that is the target", () => {
    const rows = [
      aggregatedRow("tp1", { tokensPerSecondPerGpu: 500, requestLatencyMs: 4000, tpotMs: 15 }),
      aggregatedRow("tp4", { tokensPerSecondPerGpu: 50, requestLatencyMs: 1500, tpotMs: 40 }),
    ];
    const { rows: ranked } = rankByThroughput(rows, 8, { ttftMs: 2000, tpotMs: 2000, e2eLatencyMs: 2000 });
    expect(ranked.map((row) => row.group)).toEqual(["vllm tp4"]);
  });

  it("without targets goes for throughput or for latency", () => {
    const rows = [
      aggregatedRow("tp1", { tokensPerSecondPerGpu: 500, tpotMs: 60 }),
      aggregatedRow("tp4", { tokensPerSecondPerGpu: 50, tpotMs: 5 }),
    ];
    expect(rankByObjective(rows, 8, "throughput").rows[0]!.group).toBe("vllm tp1");
    expect(rankByObjective(rows, 8, "latency").rows[0]!.group).toBe("vllm tp4");
  });
});

describe("[R091] fewest GPUs that serve a load", () => {
  const rows = [
    aggregatedRow("tp1", { requestsPerSecond: 2, concurrency: 8, tokensPerSecondPerGpu: 200 }),
    aggregatedRow("tp4", { requestsPerSecond: 10, concurrency: 64, tokensPerSecondPerGpu: 250 }),
  ];

  it("of a request rate", () => {
    // 9 req/s: five of tp1, or one of tp4.
    const { rows: ranked } = rankByLoad(rows, { requestRate: 9 }, 16, TARGETS);
    expect(ranked.map((row) => [row.group, row.replicas, row.replicas * row.gpus])).toEqual([
      ["vllm tp4", 1, 4],
      ["vllm tp1", 5, 5],
    ]);
    expect(ranked.every((row) => row.loadServedPercent === undefined)).toBe(true);
  });

  it("of a concurrency", () => {
    const { rows: ranked } = rankByLoad(rows, { concurrency: 16 }, 16, TARGETS);
    expect(ranked.map((row) => [row.group, row.replicas])).toEqual([
      ["vllm tp1", 2],
      ["vllm tp4", 1],
    ]);
  });

  it("and never fewer than one unit", () => {
    expect(rankByLoad(rows, { requestRate: 0.01 }, 16, TARGETS).rows[0]!.replicas).toBe(1);
  });

  it("where the GPUs do not do, as much of it as they serve", () => {
    const { rows: ranked, meets } = rankByLoad(rows, { requestRate: 30 }, 8, TARGETS);
    expect(meets).toBe(true);
    expect(ranked[0]).toMatchObject({ group: "vllm tp4", replicas: 2, loadServedPercent: 66.7 });
    expect(ranked[1]).toMatchObject({ group: "vllm tp1", replicas: 8, loadServedPercent: 53.3 });
  });

  it("counts only rows that keep the target", () => {
    const slow = rows.map((row) => ({ ...row, tpotMs: row.group === "vllm tp4" ? 25 : 10 }));
    expect(rankByLoad(slow, { requestRate: 9 }, 16, TARGETS).rows.map((row) => row.group)).toEqual(["vllm tp1"]);
  });
});

describe("[R090] engines for a planner that scales both kinds", () => {
  const options = { backend: "vllm" as const, osl: 100, sameTp: false, budget: undefined };
  const prefill = [worker("tp1", 1, 700, 2), worker("tp2", 1, 400, 3), worker("tp4", 1, 300, 4)];
  const decode = [
    worker("tp1", 4, 12, 3),
    worker("tp1", 8, 19, 5),
    worker("tp4", 64, 15, 16),
    worker("tp4", 96, 21, 18),
  ];

  it("are each the best of its kind, one of each", () => {
    const { rows, meets } = rankForAutoscaling(prefill, decode, TARGETS, options);
    expect(meets).toBe(true);
    // tp1's first token takes 1.8 · 700 ms among others, which is too long: 3 req/s on 2 GPUs beats 4 on 4.
    expect(rows[0]).toMatchObject({
      prefill: { parallelism: "tp2", workers: 1 },
      decode: { parallelism: "tp1", batchSize: 8, workers: 1 },
      ttftMs: 720,
      replicas: 1,
      gpus: 3,
    });
    expect(rows.every((row) => row.prefill!.workers === 1 && row.decode!.workers === 1)).toBe(true);
  });

  it("are the fastest where none keeps the target", () => {
    const { rows, meets } = rankForAutoscaling(prefill, decode, { ttftMs: 100, tpotMs: 5 }, options);
    expect(meets).toBe(false);
    expect(new Set(rows.map((row) => row.prefill!.parallelism))).toEqual(new Set(["tp1", "tp2", "tp4"]));
    expect(rows.every((row) => row.decode!.batchSize === (row.decode!.parallelism === "tp1" ? 4 : 64))).toBe(true);
  });
});
