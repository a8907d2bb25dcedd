import { dependenciesOf, type Edge, requestOnCircle, type Workload } from "#scenarios/workload";
import { traceBadField, traceEmpty } from "../errors.ts";
import { type GraphRow, graphWorkload } from "./graph-columns.ts";
import { type Fields, hashIds, isFields, optionalHints, optionalName, optionalTime, tokens } from "./json-row.ts";
import { MOONCAKE_BLOCK, type TraceOptions } from "./options.ts";
import type { RowReader } from "./row-reader.ts";
import { checkIds } from "./trace-columns.ts";

export const AGENTIC_SCHEMA = "dynamo.agentic_mooncake";

interface Wait {
  id: string;
  delayMs: number;
  onStart: boolean;
}

/**
 * Takes the rows of Dynamo's agentic Mooncake traces. Version 1 (no header): `wait_for` lists requests that must have ended,
 * then `delay` + `tool_wait_ms` pass; rows without it start at their `timestamp`. Version 2 (a header names the schema and the block
 * size): `dependencies`, each with `request_id`, `trigger` (completion or dispatch) and `delay_ms`, and `not_before_ms`.
 */
export class AgenticReader implements RowReader {
  readonly done = false;
  readonly #file: string;
  readonly #options: TraceOptions;
  readonly #rows: GraphRow[] = [];
  readonly #waits: Wait[][] = [];
  readonly #places = new Map<string, number>();
  #blockTokens: number;

  constructor(file: string, options: TraceOptions) {
    this.#file = file;
    this.#options = options;
    this.#blockTokens = options.blockTokens ?? MOONCAKE_BLOCK;
  }

  row(fields: Fields, where: string): void {
    if (fields.schema === AGENTIC_SCHEMA) this.#header(fields, where);
    else this.#request(fields, where);
  }

  #request(fields: Fields, where: string): void {
    const id = optionalName(fields, "request_id", where);
    if (id === null) throw traceBadField(where, "request_id", undefined, "a name that other rows can wait for");
    const twin = this.#places.get(id);
    if (twin !== undefined) {
      throw traceBadField(where, "request_id", id, `names that differ (${this.#rows[twin]!.where} has it, too)`);
    }
    const isl = tokens(fields, "input_length", where);
    const ids = hashIds(fields, "hash_ids", where);
    checkIds(isl, ids.length, this.#blockTokens, "hash_ids", where);
    const waits = fields.dependencies === undefined ? waitFor(fields, where) : edges(fields.dependencies, where);
    const ownMs = optionalTime(fields, "not_before_ms", where);
    const timestampMs = optionalTime(fields, "timestamp", where);
    if (waits.length === 0 && ownMs === undefined && timestampMs === undefined) {
      throw traceBadField(
        where,
        "timestamp",
        undefined,
        "milliseconds (only rows that wait for others may leave it out)",
      );
    }
    this.#places.set(id, this.#rows.length);
    this.#waits.push(waits);
    this.#rows.push({
      timestampMs: ownMs ?? (waits.length === 0 ? timestampMs! : Number.NaN),
      isl,
      osl: tokens(fields, "output_length", where),
      hashIds: ids,
      label: optionalName(fields, "session_id", where) ?? "",
      hints: optionalHints(fields, where),
      where,
    });
  }

  #header(fields: Fields, where: string): void {
    if (fields.version !== 2) throw traceBadField(where, "version", fields.version, "2");
    if (fields.block_size === undefined) return;
    const blockTokens = tokens(fields, "block_size", where);
    const { blockTokens: told } = this.#options;
    if (told !== undefined && told !== blockTokens) {
      throw traceBadField(where, "block_size", blockTokens, `${told}, as was asked for`, "leave the block size out");
    }
    this.#blockTokens = blockTokens;
  }

  finish(): Workload {
    if (this.#rows.length === 0) throw traceEmpty(this.#file, 0);
    const found: Edge[] = [];
    this.#waits.forEach((waits, child) => {
      for (const { id, ...wait } of waits) {
        const parent = this.#places.get(id);
        if (parent === undefined) {
          throw traceBadField(this.#rows[child]!.where, "wait_for", id, "the request_id of another row");
        }
        found.push({ parent, child, ...wait });
      }
    });
    const circle = requestOnCircle(this.#rows.length, dependenciesOf(found, this.#rows.length));
    if (circle >= 0) {
      const ids = this.#waits[circle]!.map(({ id }) => id);
      throw traceBadField(this.#rows[circle]!.where, "wait_for", ids, "requests that do not wait for this one in turn");
    }
    return graphWorkload(this.#file, this.#rows, found, this.#blockTokens, this.#options);
  }
}

function waitFor(fields: Fields, where: string): Wait[] {
  const { wait_for: ids = [] } = fields;
  if (!Array.isArray(ids)) throw traceBadField(where, "wait_for", ids, "a list of request ids");
  const pauseMs = optionalTime(fields, "delay", where) ?? optionalTime(fields, "delay_ms", where) ?? 0;
  const delayMs = pauseMs + (optionalTime(fields, "tool_wait_ms", where) ?? 0);
  return [...new Set(ids.map((id, i) => named(id, `wait_for[${i}]`, where)))].map((id) => ({
    id,
    delayMs,
    onStart: false,
  }));
}

function edges(value: unknown, where: string): Wait[] {
  if (!Array.isArray(value)) throw traceBadField(where, "dependencies", value, "a list of objects");
  return value.map((edge: unknown, i) => {
    const key = `dependencies[${i}]`;
    if (!isFields(edge)) throw traceBadField(where, key, edge, "an object with request_id, trigger and delay_ms");
    const { trigger = "completion" } = edge;
    if (trigger !== "completion" && trigger !== "dispatch") {
      throw traceBadField(where, `${key}.trigger`, trigger, "completion or dispatch");
    }
    return {
      id: named(edge.request_id, `${key}.request_id`, where),
      delayMs: optionalTime(edge, "delay_ms", where) ?? 0,
      onStart: trigger === "dispatch",
    };
  });
}

function named(value: unknown, key: string, where: string): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw traceBadField(where, key, value, "the request_id of another row");
}
