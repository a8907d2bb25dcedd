import {
  bestWithin,
  type DecodeResult,
  gpuHoursPer1000,
  type Mapping,
  type PrefillResult,
  paretoFront,
  type SweepResults,
} from "#src/profiler";
import { floatText, roundDecimals } from "./rounding.ts";
import type { Dataset, WebUiData } from "./types.ts";

export interface WebUiDataOptions {
  results: SweepResults;
  sla: { ttftMs: number; itlMs: number };
  isl: number;
  osl: number;
  /** Configuration of two mappings as YAML. */
  preview: (prefill: Mapping, decode: Mapping) => string;
  /**
   * Multiplies the hours of each engine by its GPUs, as Dynamo's profiler 0.8 does. Throughput is per GPU already, so the result
   * is too high by that factor; for comparisons with its output alone.
   */
  doubleCountGpuHours?: boolean;
}

/** Colours of a chart's lines, in turn (matplotlib's first eight); the page has its own theme, other readers of the file use them. */
const COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f"] as const;

/** Column of the buttons of a row, which holds its configuration. */
const ACTION = "Action";

/** Makes the data of `webui_data.json`. */
export function webUiData(options: WebUiDataOptions): WebUiData {
  const { sla } = options;
  const { prefill, decode } = options.results;
  // A row of one table is shown in a deployment with what would be picked of the other.
  const bestPrefill = bestWithin(prefill, ({ ttftMs }) => ttftMs, sla.ttftMs)?.row ?? prefill[0];
  const bestDecode = bestWithin(decode, ({ itlMs }) => itlMs, sla.itlMs)?.row ?? decode[0];
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
    cost: costData(options),
  };
}

/** Every prefill configuration of the Pareto front with every decode configuration of theirs. */
function costData(options: WebUiDataOptions): WebUiData["cost"] {
  const { results } = options;
  const byThroughput = (row: PrefillResult | DecodeResult) => row.throughputPerGpu;
  const prefillFront = paretoFront(results.prefill, ({ ttftMs }) => ttftMs, byThroughput);
  const decodeFront = paretoFront(results.decode, ({ itlMs }) => itlMs, byThroughput);
  const datasets: Dataset[] = [];
  const rows: (number | string)[][] = [];
  const mapping: Record<string, [number, number]> = {};
  if (decodeFront.length === 0) prefillFront.length = 0;
  for (const [line, first] of prefillFront.entries()) {
    const data = decodeFront.map((second) => {
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
      mapping[String(tableIdx)] = [results.prefill.indexOf(first), results.decode.indexOf(second)];
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

/** GPU hours of 1,000 requests, by Dynamo's own count where that is asked for. */
function gpuHours(
  prefill: PrefillResult,
  decode: DecodeResult,
  { isl, osl, doubleCountGpuHours }: WebUiDataOptions,
): number {
  const hours = gpuHoursPer1000(isl, osl, prefill.throughputPerGpu, decode.throughputPerGpu);
  if (!doubleCountGpuHours) return hours.total;
  return hours.prefill * prefill.mapping.layout.gpus + hours.decode * decode.mapping.layout.gpus;
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
