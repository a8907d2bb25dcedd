import type { WebUiData, WebUiDetails } from "../types.ts";

/** One row of the prefill or decode table, and one point of its chart. */
export interface EngineRow {
  index: number;
  /** `TP=4` */
  mapping: string;
  gpus: number;
  /** Requests at once; decode alone. */
  concurrency: number | null;
  /** TTFT or ITL. */
  latencyMs: number;
  throughputPerGpu: number;
  origin: string;
  /** Within the target. */
  keeps: boolean;
  yaml: string;
}

/** One row of the cost table: a prefill with a decode configuration. */
export interface CostRow {
  index: number;
  prefill: EngineRow;
  decode: EngineRow;
  tokensPerUser: number;
  /** GPU hours of 1000 requests. */
  gpuHours: number;
  keeps: boolean;
  yaml: string;
}

export interface Rows {
  prefill: EngineRow[];
  decode: EngineRow[];
  cost: CostRow[];
}

/** Gives the tables of `webui_data.json` their meaning; its last column is the configuration, whatever stands before it. */
export function rowsOf(data: WebUiData, details: WebUiDetails): Rows {
  const engines = (phase: "prefill" | "decode", limitMs: number) =>
    data[phase].table.data.map((cells, index): EngineRow => {
      const [, latencyMs, throughputPerGpu] = cells as number[];
      const { mapping, gpus, origin } = details[phase][index]!;
      return {
        index,
        mapping,
        gpus,
        concurrency: phase === "decode" ? details.decode[index]!.concurrency : null,
        latencyMs: latencyMs!,
        throughputPerGpu: throughputPerGpu!,
        origin,
        keeps: latencyMs! <= limitMs,
        yaml: String(cells.at(-1)),
      };
    });
  const prefill = engines("prefill", data.prefill.chart.target_line.value);
  const decode = engines("decode", data.decode.chart.target_line.value);
  const cost = data.cost.table.data.map((cells, index): CostRow => {
    const [p, d] = data.cost.index_mapping[index]!;
    const [first, second] = [prefill[p]!, decode[d]!];
    return {
      index,
      prefill: first,
      decode: second,
      tokensPerUser: cells[4] as number,
      gpuHours: cells[5] as number,
      keeps: first.keeps && second.keeps,
      yaml: String(cells.at(-1)),
    };
  });
  return { prefill, decode, cost };
}

/** What hours are shown as. */
export interface CostUnit {
  inDollars: boolean;
  /** US$ of one GPU. */
  perHour: number;
}

/** GPU hours, or what they cost in US$. */
export function costValue(row: CostRow, unit: CostUnit): number {
  return unit.inDollars ? row.gpuHours * unit.perHour : row.gpuHours;
}

/** The row with these halves, if the cost table has it. */
export function costRowOf(rows: Rows, prefill: number | null, decode: number | null): CostRow | undefined {
  return rows.cost.find((row) => row.prefill.index === prefill && row.decode.index === decode);
}
