import { type RequestBlock, RequestStatus, type RunFacts } from "#src/record";
import { itlMet, itlMs, latencyMs, ttfoMs, ttftMet, ttftMs } from "../summary/request-times.ts";

/** A column of the per-request files. `null` stands for what a request does not have. */
export type RequestColumn =
  | { name: string; type: "double" | "integer" | "boolean"; at(i: number): number | null }
  | { name: string; type: "text"; at(i: number): string };

const STATUS_NAMES = Object.entries(RequestStatus).reduce<string[]>((names, [name, value]) => {
  names[value] = name;
  return names;
}, []);

/** The columns of requests.csv and requests.parquet, of some rows: one per request in the order of the workload. Times in ms. */
export function requestColumns({ sla }: RunFacts, block: RequestBlock): RequestColumn[] {
  const { first, requests: table, feasible, routing } = block;
  const { reasoningTokens } = table;
  const double = (name: string, at: (i: number) => number): RequestColumn => ({
    name,
    type: "double",
    at: (i) => {
      const value = at(i);
      return Number.isNaN(value) ? null : value;
    },
  });
  const integer = (name: string, at: (i: number) => number | null): RequestColumn => ({ name, type: "integer", at });
  const boolean = (name: string, at: (i: number) => boolean): RequestColumn => ({
    name,
    type: "boolean",
    at: (i) => (at(i) ? 1 : 0),
  });
  const blocks = (counts: Int32Array) => (i: number) => (counts[i]! < 0 ? null : counts[i]!);
  const worker = (ids: Int32Array) => (i: number) => (ids[i]! < 0 ? null : ids[i]!);
  return [
    integer("request", (i) => first + i),
    { name: "status", type: "text", at: (i) => STATUS_NAMES[table.status[i]!]! },
    integer("isl", (i) => table.isl[i]!),
    integer("requested_osl", (i) => table.requestedOsl[i]!),
    integer("output_tokens", (i) => table.outputTokens[i]!),
    double("arrival_ms", (i) => table.arrivalMs[i]!),
    double("admit_ms", (i) => table.admitMs[i]!),
    double("first_token_ms", (i) => table.firstTokenMs[i]!),
    double("second_token_ms", (i) => table.secondTokenMs[i]!),
    ...(reasoningTokens === null ? [] : [double("first_output_token_ms", (i) => table.firstOutputTokenMs![i]!)]),
    double("last_token_ms", (i) => table.lastTokenMs[i]!),
    double("ttft_ms", (i) => ttftMs(table, i)),
    ...(reasoningTokens === null
      ? []
      : [double("ttfo_ms", (i) => ttfoMs(table, i)), integer("reasoning_tokens", (i) => reasoningTokens[i]!)]),
    double("itl_ms", (i) => itlMs(table, i)),
    double("latency_ms", (i) => latencyMs(table, i)),
    integer("cached_tokens", (i) => table.cachedTokens[i]!),
    integer("preemptions", (i) => table.preemptions[i]!),
    integer("attempts", (i) => table.attempts[i]!),
    integer("prefill_worker", worker(table.prefillWorker)),
    integer("decode_worker", worker(table.decodeWorker)),
    ...(routing === null
      ? []
      : [
          integer("overlap_blocks", blocks(routing.overlapBlocks)),
          integer("best_overlap_blocks", blocks(routing.bestOverlapBlocks)),
          double("router_wait_ms", (i) => (routing.waitMs[i]! < 0 ? Number.NaN : routing.waitMs[i]!)),
        ]),
    boolean("feasible", (i) => feasible[i] === 1),
    boolean("ttft_met", (i) => ttftMet(table, i, sla.ttftMs)),
    boolean("itl_met", (i) => itlMet(table, i, sla.itlMs)),
  ];
}
