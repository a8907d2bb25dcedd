import { Axis } from "./axis.ts";
import type { ContextSection, GenerationSection } from "./file.ts";
import { unpackRows } from "./packing.ts";
import type { AttentionShape } from "./types.ts";

interface ContextTable {
  section: ContextSection;
  work: Axis;
  tokens: Axis;
  values?: Float64Array;
}

interface GenerationTable {
  section: GenerationSection;
  heads: Axis;
  batch: Axis;
  tokens: Axis;
  values?: Float64Array;
}

/** Tables of one format, by head size and window, those with fewer KV heads first. */
type Shelf<T> = Map<string, T[]>;

/** Attention over prompts and over caches. Latencies are joined by straight lines; over prompt length their square roots are. */
export class AttentionTables {
  readonly contextFormats: readonly string[];
  readonly generationFormats: readonly string[];
  readonly #context = new Map<string, Shelf<ContextTable>>();
  readonly #generation: Shelf<GenerationTable> = new Map();
  readonly #step: number;

  constructor(context: readonly ContextSection[], generation: readonly GenerationSection[], step: number) {
    this.#step = step;
    for (const section of context) {
      const shelf = this.#context.get(section.fmha) ?? new Map<string, ContextTable[]>();
      this.#context.set(section.fmha, shelf);
      place(shelf, section, { section, work: new Axis(section.work), tokens: new Axis(section.tokens) });
    }
    for (const section of generation) {
      place(this.#generation, section, {
        section,
        heads: new Axis(section.heads),
        batch: new Axis(section.batch),
        tokens: new Axis(section.tokens),
      });
    }
    this.contextFormats = [...new Set(context.map(({ fmha, kv }) => `${fmha}/${kv}`))];
    this.generationFormats = [...new Set(generation.map(({ kv }) => kv))];
  }

  contextMicros(
    fmha: string,
    kv: string,
    shape: AttentionShape,
    batch: number,
    tokens: number,
    prefix: number,
  ): number {
    const table = find(this.#context.get(fmha)?.get(kv), shape);
    if (!table) return Number.NaN;
    table.values ??= unpackRows(table.section.us, table.tokens.length, this.#step);
    const full = tokens + prefix;
    const { work, tokens: length, values } = table;
    length.locate(full);
    work.locate(shape.heads * batch);
    const columns = length.length;
    const below = length.square(values, work.index * columns);
    const above = work.share === 0 ? below : length.square(values, (work.index + 1) * columns);
    const window = shape.window ?? 0;
    const grown = window > 0 ? length.beyond : length.beyond * length.beyond;
    const whole = (below + (above - below) * work.share) * work.beyond * grown;
    if (prefix === 0) return whole;
    // What the cached part would have cost is left out: its triangle of the square.
    return whole * (1 - (prefix / full) ** 2);
  }

  generationMicros(kv: string, shape: AttentionShape, batch: number, context: number): number {
    const table = find(this.#generation.get(kv), shape);
    if (!table) return Number.NaN;
    table.values ??= unpackRows(table.section.us, table.tokens.length, this.#step);
    const { heads, batch: batches, tokens, values, section } = table;
    // More KV heads than measured read as many bytes as more sequences.
    const scale = section.kvHeads === 0 ? 1 : shape.kvHeads / section.kvHeads;
    heads.locate(shape.heads / scale);
    batches.locate(batch * scale);
    tokens.locate(context);
    const perHead = batches.length * tokens.length;
    const below = this.#plane(values, heads.index * perHead, batches, tokens);
    const above = heads.share === 0 ? below : this.#plane(values, (heads.index + 1) * perHead, batches, tokens);
    return (below + (above - below) * heads.share) * batches.beyond * tokens.beyond;
  }

  #plane(values: Float64Array, offset: number, rows: Axis, columns: Axis): number {
    const width = columns.length;
    const below = columns.straight(values, offset + rows.index * width);
    if (rows.share === 0) return below;
    const above = columns.straight(values, offset + (rows.index + 1) * width);
    return below + (above - below) * rows.share;
  }
}

function place<T extends { section: { kv: string; kvHeads: number } }>(
  shelf: Shelf<T>,
  { kv }: { kv: string },
  table: T,
): void {
  const tables = shelf.get(kv) ?? [];
  tables.push(table);
  tables.sort((a, b) => a.section.kvHeads - b.section.kvHeads);
  shelf.set(kv, tables);
}

/** The table of the shape: with as many KV heads, or else the next fewer; as many as query heads have a table of their own. */
function find<T extends { section: { head: number; window: number; kvHeads: number } }>(
  tables: readonly T[] | undefined,
  shape: AttentionShape,
): T | undefined {
  if (!tables) return undefined;
  const window = shape.window ?? 0;
  const everyHead = shape.heads === shape.kvHeads;
  let best: T | undefined;
  for (const table of tables) {
    const { section } = table;
    if (section.head !== shape.headSize || section.window !== window) continue;
    if (section.kvHeads === 0) {
      if (everyHead) return table;
    } else if (!best || section.kvHeads <= shape.kvHeads) {
      best = table;
    }
  }
  return best;
}
