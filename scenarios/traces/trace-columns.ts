import { type PromptBlocks, type RequestHints, type RoutingHints, routingHints } from "#scenarios/workload";
import { FloatColumn, IntColumn } from "../columns.ts";
import { traceBadField, traceTooLarge } from "../errors.ts";

const MAX_ROWS = 50_000_000;
const MAX_IDS = 2 ** 31 - 1;
/** Ids above are renumbered, so that a few traces together still fit 31 bits. */
const MAX_SMALL_ID = 2 ** 24 - 1;

/** The requests of a trace as they are read: columns that grow. */
export class TraceColumns {
  readonly blockTokens: number;
  readonly isl = new IntColumn();
  readonly osl = new IntColumn();
  /** As in the trace; NaN where it has none. */
  readonly timestampMs = new FloatColumn();
  readonly labels: string[] = [];
  readonly #hints: (RequestHints | undefined)[] = [];
  readonly #maxIsl: number;
  readonly #offset = new IntColumn();
  readonly #ids = new IntColumn();
  /** Long ids (64-bit hashes, say), numbered in order of appearance; in the column they stand as −1 − number. */
  readonly #longIds = new Map<number, number>();

  constructor(blockTokens: number, maxIsl = Number.POSITIVE_INFINITY) {
    this.blockTokens = blockTokens;
    this.#maxIsl = maxIsl;
    this.#offset.push(0);
  }

  get count(): number {
    return this.isl.length;
  }

  /**
   * Adds a request. @returns its index
   * @throws UserError SCENARIOS_TRACE_TOO_LARGE where the columns are full
   */
  append(
    row: {
      isl: number;
      osl: number;
      hashIds: readonly number[];
      label: string;
      timestampMs: number;
      hints?: RequestHints | undefined;
    },
    where: string,
  ): number {
    const index = this.count;
    if (index >= MAX_ROWS || this.#ids.length + row.hashIds.length > MAX_IDS) {
      throw traceTooLarge(where, `found more than ${index} requests, too many to hold`, "read a slice of it");
    }
    const isl = Math.min(row.isl, this.#maxIsl);
    const kept = isl < row.isl ? Math.min(row.hashIds.length, Math.ceil(isl / this.blockTokens)) : row.hashIds.length;
    for (let i = 0; i < kept; i++) {
      const id = row.hashIds[i]!;
      this.#ids.push(id <= MAX_SMALL_ID ? id : -1 - this.#longId(id));
    }
    this.#offset.push(this.#ids.length);
    this.isl.push(isl);
    this.osl.push(row.osl);
    this.timestampMs.push(row.timestampMs);
    this.labels.push(row.label);
    if (row.hints !== undefined) this.#hints[index] = row.hints;
    return index;
  }

  #longId(id: number): number {
    let number = this.#longIds.get(id);
    if (number === undefined) {
      number = this.#longIds.size;
      this.#longIds.set(id, number);
    }
    return number;
  }

  /** What the rows tell routers; undefined where none tells anything. */
  hints(): RoutingHints | undefined {
    return this.#hints.length === 0 ? undefined : routingHints(this.count, (request) => this.#hints[request]);
  }

  /** null where no prompt has ids. */
  prompts(): PromptBlocks | null {
    if (this.#ids.length === 0) return null;
    return { blockTokens: this.blockTokens, offset: this.#offset.toArray(), ids: this.#promptIds() };
  }

  /** The ids as read; where 64-bit hashes are among them, all of them numbered in order of appearance. */
  #promptIds(): Int32Array {
    const ids = this.#ids.toArray();
    if (this.#longIds.size === 0) return ids;
    const numbers = new Map<number, number>();
    return ids.map((id) => {
      const number = numbers.get(id) ?? numbers.size;
      numbers.set(id, number);
      return number;
    });
  }
}

/** Refuses more ids than a prompt has blocks. @throws UserError SCENARIOS_TRACE_BAD_FIELD */
export function checkIds(isl: number, ids: number, blockTokens: number, key: string, where: string): void {
  const most = Math.ceil(isl / blockTokens);
  if (ids <= most) return;
  throw traceBadField(
    where,
    key,
    `${ids} ids for ${isl} tokens`,
    `at most ${most} ids of ${blockTokens} tokens`,
    `give the trace's block size; by this line it is at most ${blockSizeGuess(isl, ids)}`,
  );
}

function blockSizeGuess(isl: number, ids: number): number {
  // ceil(isl / size) ≥ ids holds for the sizes below isl / (ids − 1).
  return ids <= 1 ? isl : Math.max(1, Math.ceil(isl / (ids - 1)) - 1);
}
