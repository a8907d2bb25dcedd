import { dependenciesOf, type Edge, families, type RequestHints, type Workload } from "#scenarios/workload";
import { traceEmpty } from "../errors.ts";
import { arrivalsOf } from "./arrivals-of-trace.ts";
import type { TraceOptions } from "./options.ts";
import { TraceColumns } from "./trace-columns.ts";

/** A request of a trace with dependencies. */
export interface GraphRow {
  /** The earliest time it may start, ms; NaN: none of its own. */
  timestampMs: number;
  isl: number;
  osl: number;
  hashIds: readonly number[];
  label: string;
  where: string;
  /** What it tells routers; undefined: nothing. */
  hints?: RequestHints | undefined;
}

/**
 * A workload of requests that wait for each other; first requests arrive by their times. A slice takes whole sessions, by the time of
 * their first request. @param edges between places in `rows`, without circles
 */
export function graphWorkload(
  file: string,
  rows: readonly GraphRow[],
  edges: readonly Edge[],
  blockTokens: number,
  options: TraceOptions,
): Workload {
  const { kept, firstMs } = slice(rows, edges, options);
  if (kept.size === 0) throw traceEmpty(file, rows.length);
  const columns = new TraceColumns(blockTokens, options.maxIsl);
  const place = new Map<number, number>();
  rows.forEach((row, i) => {
    if (kept.has(i)) place.set(i, columns.append(row, row.where));
  });
  const inside: Edge[] = [];
  for (const edge of edges) {
    const child = place.get(edge.child);
    if (child !== undefined) inside.push({ ...edge, child, parent: place.get(edge.parent)! });
  }
  const dependencies = dependenciesOf(inside, columns.count);
  const hints = columns.hints();
  const timesMs = columns.timestampMs.toArray();
  const roots = Array.from(timesMs.keys()).filter((i) => dependencies.offset[i] === dependencies.offset[i + 1]);
  const openHeads = Int32Array.from(roots.sort((a, b) => timesMs[a]! - timesMs[b]! || a - b));
  return {
    count: columns.count,
    isl: columns.isl.toArray(),
    osl: columns.osl.toArray(),
    ...arrivalsOf(timesMs, openHeads, firstMs, options),
    closedLoops: [],
    nextTurn: null,
    thinkMs: null,
    turnIndex: null,
    ...(inside.length === 0 ? {} : { dependencies }),
    ...(hints === undefined ? {} : { hints }),
    sessionIds: columns.labels.some((label) => label !== "") ? columns.labels : null,
    prompts: columns.prompts(),
  };
}

/** Places of the rows that the slice takes, and when the first of all sessions begins. */
function slice(
  rows: readonly GraphRow[],
  edges: readonly Edge[],
  options: TraceOptions,
): { kept: Set<number>; firstMs: number } {
  const dependencies = dependenciesOf(edges, rows.length);
  const family = families({ count: rows.length, nextTurn: null, dependencies });
  const startMs = new Map<number, number>();
  let firstMs = Number.POSITIVE_INFINITY;
  rows.forEach(({ timestampMs }, i) => {
    // The time of a row that waits is only the earliest at which it may start.
    if (dependencies.offset[i + 1]! > dependencies.offset[i]!) return;
    startMs.set(family[i]!, Math.min(startMs.get(family[i]!) ?? Number.POSITIVE_INFINITY, timestampMs));
    firstMs = Math.min(firstMs, timestampMs);
  });
  const { fromMs = 0, toMs = Number.POSITIVE_INFINITY, skipRequests = 0, maxRequests } = options;
  const inTime = [...startMs].filter(([, atMs]) => atMs - firstMs >= fromMs && atMs - firstMs < toMs);
  const end = maxRequests === undefined ? undefined : skipRequests + maxRequests;
  const sessions = new Set(
    inTime
      .sort(([a, aMs], [b, bMs]) => aMs - bMs || a - b)
      .slice(skipRequests, end)
      .map(([first]) => first),
  );
  return { kept: new Set([...rows.keys()].filter((i) => sessions.has(family[i]!))), firstMs };
}
