import { describe, expect, it } from "vitest";
import { webUiContent, webUiJson } from "#src/web";
import { SMALL, smallSweep } from "./small-sweep.ts";
import { content, sweep } from "./sweep.ts";

const small = (options: { doubleCountGpuHours?: boolean; gpuCostPerHour?: number } = {}) =>
  webUiContent({
    results: smallSweep(),
    ...SMALL,
    model: "m",
    backend: "trtllm",
    configOf: (p, d) => `pair: ${p.tag}-${d.tag}`,
    ...options,
  });

/** Cells without the configuration, which stands last. */
const cells = (rows: (number | string)[][]) => rows.map((row) => row.slice(0, -1));

describe("webui_data.json", () => {
  it("[R146] has a point of the prefill chart for each row of its table, two decimals each", () => {
    const { chart, table } = small().data.prefill;
    expect(chart).toEqual({
      target_line: { value: 200, label: "Target TTFT: 200.0 ms" },
      labels: ["1 GPUs", "4 GPUs"],
      datasets: [
        {
          data: [
            { x: 96.74, y: 15_000, gpu: 1, tableIdx: 0, gpuLabel: "1 GPUs [TP=1]" },
            { x: 48.37, y: 10_000, gpu: 4, tableIdx: 1, gpuLabel: "4 GPUs [TP=4]" },
          ],
        },
      ],
    });
    expect(table.columns).toEqual(["GPUs", "TTFT (ms)", "Throughput (tokens/s/GPU)", "Action"]);
    expect(cells(table.data)).toEqual([
      [1, 96.74, 15_000],
      [4, 48.37, 10_000],
    ]);
  });

  it("[R146] has a line of the decode chart for each number of GPUs, in the colours of the palette", () => {
    const { chart, table } = small().data.decode;
    expect(chart.target_line).toEqual({ value: 20, label: "Target ITL: 20.0 ms" });
    expect(chart.datasets).toEqual([
      {
        label: "1 GPUs",
        // 310.195 lies below its decimal in binary.
        data: [
          { x: 4.1, y: 310.19, tableIdx: 0 },
          { x: 8, y: 1250, tableIdx: 1 },
        ],
        backgroundColor: "#1f77b4",
        borderColor: "#1f77b4",
      },
      {
        label: "4 GPUs",
        data: [{ x: 9.99, y: 100, tableIdx: 2 }],
        backgroundColor: "#ff7f0e",
        borderColor: "#ff7f0e",
      },
    ]);
    expect(cells(table.data)).toEqual([
      [1, 4.1, 310.19],
      [1, 8, 1250],
      [4, 9.99, 100],
    ]);
  });

  it("[R147] pairs the Pareto fronts of prefill and decode, and maps each row to theirs", () => {
    const { chart, table, index_mapping } = small().data.cost;
    // The third decode configuration is slower than the second and does less; both prefill ones are optimal, fastest first.
    expect(index_mapping).toEqual({ 0: [1, 0], 1: [1, 1], 2: [0, 0], 3: [0, 1] });
    expect(chart.title).toBe("GPU Hours Per 1000 i3000o150 requests");
    expect(chart.datasets.map(({ label }) => label)).toEqual(["TTFT: 48.37ms", "TTFT: 96.74ms"]);
    expect(chart.datasets.flatMap(({ data }) => data.map(({ tableIdx }) => tableIdx))).toEqual([0, 1, 2, 3]);
    // 1000 / ITL; 3000 × 1000 / 10000 / 3600 + 150 × 1000 / 310.195 / 3600, and so on.
    expect(cells(table.data)).toEqual([
      [48.37, 10_000, 4.1, 310.19, 243.9, 0.2177],
      [48.37, 10_000, 8, 1250, 125, 0.1167],
      [96.74, 15_000, 4.1, 310.19, 243.9, 0.1899],
      [96.74, 15_000, 8, 1250, 125, 0.0889],
    ]);
    expect(chart.datasets[0]!.data[0]).toEqual({ x: 243.9, y: 0.2177, tableIdx: 0 });
  });

  it("[R150] counts the GPUs of an engine twice where compatibility is asked for, and only there", () => {
    const hours = (doubleCountGpuHours: boolean) =>
      small({ doubleCountGpuHours }).data.cost.table.data.map((row) => row.at(-2));
    expect(hours(false)).toEqual([0.2177, 0.1167, 0.1899, 0.0889]);
    // Prefill of the first two runs on 4 GPUs: 0.08333 × 4 + 0.13432, 0.08333 × 4 + 0.03333; the others run on one.
    expect(hours(true)).toEqual([0.4677, 0.3667, 0.1899, 0.0889]);
  });

  it("[R150] prices an hour at $3 unless told otherwise", () => {
    expect(small().details.gpuCostPerHour).toBe(3);
    expect(small({ gpuCostPerHour: 2.25 }).details.gpuCostPerHour).toBe(2.25);
  });

  it("cycles the palette after eight lines", () => {
    const results = sweep();
    const [first] = results.decode;
    const decode = Array.from({ length: 9 }, (_, i) => ({
      ...first!,
      mapping: { ...first!.mapping, layout: { ...first!.mapping.layout, gpus: i + 1 } },
    }));
    const { datasets } = content({ results: { ...results, decode } }).data.decode.chart;
    expect(datasets.map(({ borderColor }) => borderColor)).toEqual([
      ...["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f"],
      "#1f77b4",
    ]);
  });

  it("[R149] [R198] gives every row a configuration that says what it is", () => {
    const { prefill, decode, cost } = small().data;
    expect(prefill.table.data[1]!.at(-1)).toBe(
      [
        "# DynamoGraphDeployment Configuration",
        "# Prefill: 4 GPU(s), TP=4",
        "# Decode: 1 GPU(s), TP=1",
        "# Model: m",
        "# Backend: trtllm",
        "pair: TP4-TP1",
        "",
      ].join("\n"),
    );
    // Beside a row stands what would be picked of the other table: the most throughput within the target.
    expect(decode.table.data.map((row) => String(row.at(-1)).match(/pair: (.*)/)![1])).toEqual([
      "TP1-TP1",
      "TP1-TP1",
      "TP1-TP4",
    ]);
    expect(cost.table.data.map((row) => String(row.at(-1)).match(/pair: (.*)/)![1])).toEqual([
      "TP4-TP1",
      "TP4-TP1",
      "TP1-TP1",
      "TP1-TP1",
    ]);
  });

  it("[R199] needs no more than what the documents' example gives: model, backend, targets", () => {
    const { data, details } = content();
    expect([data.prefill, data.decode].map(({ chart }) => chart.target_line.label)).toEqual([
      "Target TTFT: 200.0 ms",
      "Target ITL: 15.0 ms",
    ]);
    expect(String(data.cost.table.data[0]!.at(-1))).toMatch(/^# Model: Qwen\/Qwen3-32B-FP8\n# Backend: trtllm\n/m);
    expect(details).toMatchObject({ model: "Qwen/Qwen3-32B-FP8", backend: "trtllm", ttftMs: 200, itlMs: 15 });
  });

  it("renders each pair of mappings once, however many rows show it", () => {
    const asked: string[] = [];
    const { data } = content({
      configOf: (p, d) => {
        asked.push(`${p.tag}-${d.tag}`);
        return "kind: DynamoGraphDeployment";
      },
    });
    expect(data.cost.table.data.length).toBeGreaterThan(16);
    expect(asked.toSorted()).toEqual([...new Set(asked)].toSorted());
  });

  it("lists warnings and what was left out, with reasons", () => {
    expect(content({ warnings: ["TTFT SLA can't be met"] }).details.warnings).toEqual([
      "TTFT SLA can't be met",
      "Left out: decode TP=16: 8 KV heads can't be split over 16 GPUs",
    ]);
  });

  it("keeps its shape where one table is empty", () => {
    const { data } = content({ results: { ...sweep(), decode: [] } });
    expect(data.decode).toMatchObject({ chart: { datasets: [] }, table: { data: [] } });
    expect(data.cost).toMatchObject({ chart: { datasets: [] }, table: { data: [] }, index_mapping: {} });
    expect(data.prefill.table.data.map((row) => row.at(-1))).toEqual(["", "", "", ""]);
  });

  it("is written as JSON with nothing lost", () => {
    const made = content();
    expect(JSON.parse(webUiJson(made))).toEqual(made.data);
    expect(Object.keys(made.data)).toEqual(["prefill", "decode", "cost"]);
  });

  it("keeps a model's name within its comment line", () => {
    const { data } = content({ model: "a\nkind: Evil" });
    expect(String(data.cost.table.data[0]!.at(-1))).toContain("# Model: a kind: Evil\n");
  });
});
