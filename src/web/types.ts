/** What the WebUI's builder, server and page say to each other. Nothing but types: the page is built for browsers. */

/** A vertical line that marks the target, with its label. */
export interface TargetLine {
  /** ms */
  value: number;
  /** `Target TTFT: 200.0 ms` */
  label: string;
}

/** A point of a chart, and the row of the table below that is the same configuration. */
export interface ChartPoint {
  x: number;
  y: number;
  tableIdx: number;
}

export interface PrefillPoint extends ChartPoint {
  /** GPUs of one engine. */
  gpu: number;
  /** `4 GPUs [TP=4]` */
  gpuLabel: string;
}

/** One line of a chart. */
export interface Dataset {
  label: string;
  data: ChartPoint[];
  backgroundColor: string;
  borderColor: string;
}

/** The last cell of a row is its configuration as YAML, under the heading `Action`. */
export interface DataTable {
  columns: string[];
  data: (number | string)[][];
}

/** `webui_data.json`, in the shape that Dynamo's profiler writes it: numbers have two decimals, GPU hours four. */
export interface WebUiData {
  prefill: {
    /** x: TTFT, ms; y: prompt tokens/s/GPU. */
    chart: { target_line: TargetLine; labels: string[]; datasets: { data: PrefillPoint[] }[] };
    table: DataTable;
  };
  decode: {
    /** x: ITL, ms; y: output tokens/s/GPU; a dataset for each number of GPUs. */
    chart: { target_line: TargetLine; datasets: Dataset[] };
    table: DataTable;
  };
  cost: {
    /** x: tokens/s of one user; y: GPU hours of 1000 requests; a dataset for each prefill configuration of the Pareto front. */
    chart: { title: string; datasets: Dataset[] };
    table: DataTable;
    /** Row of this table → rows of the prefill and of the decode table. */
    index_mapping: Record<string, [prefill: number, decode: number]>;
  };
}

export type PlotType = "prefill" | "decode" | "cost";

/** What a row is beyond its numbers. */
export interface EngineDetails {
  /** `TP=4` */
  mapping: string;
  gpus: number;
  /** Measured, or how it was estimated. */
  origin: string;
}

/** What the page says around charts and tables. */
export interface WebUiDetails {
  model: string;
  backend: string;
  isl: number;
  osl: number;
  ttftMs: number;
  itlMs: number;
  /** US$; where the page's price begins. */
  gpuCostPerHour: number;
  prefill: EngineDetails[];
  decode: (EngineDetails & { concurrency: number })[];
  /** What went wrong while profiling, and what was left out; one sentence each. */
  warnings: string[];
}

/** The halves that were picked so far, as rows of the prefill and decode tables. */
export interface SelectionState {
  prefill: number | null;
  decode: number | null;
  complete: boolean;
}

/** `GET /session` */
export interface WebUiSession {
  details: WebUiDetails;
  selection: SelectionState;
  /** ms until the time to pick is over. */
  remainingMs: number;
}

/** Body of `POST /selection`. */
export interface SelectionRequest {
  plotType: PlotType;
  rowIndex: number;
}

/** Answer to `POST /selection`. */
export interface SelectionReply extends SelectionState {
  message: string;
}

/** Answer to anything that was refused. */
export interface Refusal {
  error: { code: string; message: string };
}
