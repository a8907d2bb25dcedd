import type { DecodeResult, Mapping, PrefillResult, SweepResults } from "#src/profiler";
import { gpuHours } from "./gpu-hours.ts";
import { bestWithin, paretoFront, type Tradeoff } from "./pareto.ts";
import { floatText, roundDecimals } from "./rounding.ts";
import type { Dataset, WebUiData } from "./types.ts";

export interface WebUiDataOptions {
  results: SweepResults;
  sla: { ttftMs: number; itlMs: number };
  isl: number;
  osl: number;
  /** Configuration of two mappings as YAML. */
  preview: (prefill: Mapping, decode: Mapping) => string;
  doubleCountGpuHours?: boolean;
}

/** Colours of a chart's lines, in turn (matplotlib's first eight); the page has its own theme, other readers of the file use them. */
const COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f"] as const;

/** Column of the buttons of a row, which holds its configuration. */
const ACTION = "Action";

/** Makes the data of `webui_data.json`. */
export function webUiData(options: WebUiDataOptions): WebUiData {
  const { sla } = options;
  const prefill = options.results.prefill.map((result): Tradeoff & PrefillResult => ({
    ...result,
    latencyMs: result.ttftMs,
  }));
  const decode = options.results.decode.map((result): Tradeoff & DecodeResult => ({
    ...result,
    latencyMs: result.itlMs,
  }));
  // A row of one table is shown in a deployment with what would be picked of the other.
  const bestPrefill = prefill[bestWithin(prefill, sla.ttftMs)] ?? prefill[0];
  const bestDecode = decode[bestWithin(decode, sla.itlMs)] ?? decode[0];
  const preview = (p: PrefillResult | undefined, d: DecodeResult | undefined) =>
    p === undefined || d === undefined ? "" : options.preview(p.mapping, d.mapping);
  return {
    prefill: {
      chart: {
        target_line: { value: sla.ttftMs, label: `Target TTFT: ${floatText(sla.ttftMs)} ms` },
        labels: gpuCounts(prefill).map(gpuLabel),
        datasets: [
          {
            data: prefill.map(({ mapping, ttftMs, throughputPerGpu }, tableIdx) => ({
              x: roundDecimals(ttftMs, 2),
              y: roundDecimals(throughputPerGpu, 2),
              gpu: mapping.layout.gpus,
              tableIdx,
              gpuLabel: `${gpuLabel(mapping.layout.gpus)} [${mapping.label}]`,
            })),
          },
        ],
      },
      table: {
        columns: ["GPUs", "TTFT (ms)", "Throughput (tokens/s/GPU)", ACTION],
        data: prefill.map((row) => [
          row.mapping.layout.gpus,
          roundDecimals(row.ttftMs, 2),
          roundDecimals(row.throughputPerGpu, 2),
          preview(row, bestDecode),
        ]),
      },
    },
    decode: {
      chart: {
        target_line: { value: sla.itlMs, label: `Target ITL: ${floatText(sla.itlMs)} ms` },
        datasets: gpuCounts(decode).map((gpus, line) => ({
          label: gpuLabel(gpus),
          data: decode.flatMap(({ mapping, itlMs, throughputPerGpu }, tableIdx) => {
            if (mapping.layout.gpus !== gpus) return [];
            return [{ x: roundDecimals(itlMs, 2), y: roundDecimals(throughputPerGpu, 2), tableIdx }];
          }),
          ...colours(line),
        })),
      },
      table: {
        columns: ["GPUs", "ITL (ms)", "Throughput (tokens/s/GPU)", ACTION],
        data: decode.map((row) => [
          row.mapping.layout.gpus,
          roundDecimals(row.itlMs, 2),
          roundDecimals(row.throughputPerGpu, 2),
          preview(bestPrefill, row),
        ]),
      },
    },
    cost: costData(prefill, decode, options),
  };
}

/** Every prefill configuration of the Pareto front with every decode configuration of theirs. */
function costData(
  prefill: (Tradeoff & PrefillResult)[],
  decode: (Tradeoff & DecodeResult)[],
  options: WebUiDataOptions,
): WebUiData["cost"] {
  const [prefillFront, decodeFront] = [paretoFront(prefill), paretoFront(decode)];
  const datasets: Dataset[] = [];
  const rows: (number | string)[][] = [];
  const mapping: Record<string, [number, number]> = {};
  if (decodeFront.length === 0) prefillFront.length = 0;
  for (const [line, p] of prefillFront.entries()) {
    const first = prefill[p]!;
    const data = decodeFront.map((d) => {
      const second = decode[d]!;
      const tableIdx = rows.length;
      const perUser = roundDecimals(1000 / second.itlMs, 2);
      const hours = roundDecimals(gpuHours(first, second, options), 4);
      rows.push([
        ...[first.ttftMs, first.throughputPerGpu, second.itlMs, second.throughputPerGpu].map((value) =>
          roundDecimals(value, 2),
        ),
        perUser,
        hours,
        options.preview(first.mapping, second.mapping),
      ]);
      mapping[String(tableIdx)] = [p, d];
      return { x: perUser, y: hours, tableIdx };
    });
    datasets.push({ label: `TTFT: ${floatText(roundDecimals(first.ttftMs, 2))}ms`, data, ...colours(line) });
  }
  return {
    chart: { title: `GPU Hours Per 1000 i${options.isl}o${options.osl} requests`, datasets },
    table: {
      columns: [
        "TTFT (ms)",
        "Prefill Thpt (tokens/s/GPU)",
        "ITL (ms)",
        "Decode Thpt (tokens/s/GPU)",
        "Tokens/User",
        "GPU Hours",
        ACTION,
      ],
      data: rows,
    },
    index_mapping: mapping,
  };
}

function gpuCounts(results: readonly { mapping: Mapping }[]): number[] {
  return [...new Set(results.map(({ mapping }) => mapping.layout.gpus))].sort((a, b) => a - b);
}

function gpuLabel(gpus: number): string {
  return `${gpus} GPUs`;
}

function colours(line: number): Pick<Dataset, "backgroundColor" | "borderColor"> {
  const colour = COLOURS[line % COLOURS.length]!;
  return { backgroundColor: colour, borderColor: colour };
}
