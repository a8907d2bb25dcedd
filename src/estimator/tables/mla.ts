import { Axis } from "./axis.ts";
import type { MlaSection } from "./file.ts";
import { unpackRows } from "./packing.ts";

interface MlaTable {
  section: MlaSection;
  heads: Axis;
  batch: Axis;
  tokens: Axis;
  values?: Float64Array;
}

/** Whole blocks of multi-head latent attention, projections included. */
export class MlaTables {
  readonly #context: readonly MlaTable[];
  readonly #generation: readonly MlaTable[];
  readonly #step: number;

  constructor({ context, generation }: { context: MlaSection[]; generation: MlaSection[] }, step: number) {
    this.#context = context.map(tableOf);
    this.#generation = generation.map(tableOf);
    this.#step = step;
  }

  contextMicros(
    fmha: string,
    kv: string,
    gemm: string,
    heads: number,
    batch: number,
    tokens: number,
    prefix: number,
    modelHeads: number,
  ): number {
    const table = find(this.#context, fmha, kv, gemm, modelHeads);
    if (!table) return Number.NaN;
    const full = tokens + prefix;
    const whole = this.#micros(table, heads, batch, full, true);
    return prefix === 0 ? whole : whole * (1 - (prefix / full) ** 2);
  }

  generationMicros(
    kv: string,
    gemm: string,
    heads: number,
    batch: number,
    context: number,
    modelHeads: number,
  ): number {
    const table = find(this.#generation, undefined, kv, gemm, modelHeads);
    return table ? this.#micros(table, heads, batch, context, false) : Number.NaN;
  }

  #micros(table: MlaTable, heads: number, batch: number, length: number, square: boolean): number {
    table.values ??= unpackRows(table.section.us, table.tokens.length, this.#step);
    const { values, tokens } = table;
    tokens.locate(length);
    table.batch.locate(batch);
    table.heads.locate(heads);
    const perHead = table.batch.length * tokens.length;
    const below = plane(values, table.heads.index * perHead, table.batch, tokens, square);
    const above =
      table.heads.share === 0 ? below : plane(values, (table.heads.index + 1) * perHead, table.batch, tokens, square);
    const grown = square ? tokens.beyond * tokens.beyond : tokens.beyond;
    return (below + (above - below) * table.heads.share) * table.heads.beyond * table.batch.beyond * grown;
  }
}

function tableOf(section: MlaSection): MlaTable {
  return {
    section,
    heads: new Axis(section.heads),
    batch: new Axis(section.batch),
    tokens: new Axis(section.tokens),
  };
}

function plane(values: Float64Array, offset: number, rows: Axis, columns: Axis, square: boolean): number {
  const width = columns.length;
  const at = offset + rows.index * width;
  const below = square ? columns.square(values, at) : columns.straight(values, at);
  if (rows.share === 0) return below;
  const above = square ? columns.square(values, at + width) : columns.straight(values, at + width);
  return below + (above - below) * rows.share;
}

function find(
  tables: readonly MlaTable[],
  fmha: string | undefined,
  kv: string,
  gemm: string,
  modelHeads: number,
): MlaTable | undefined {
  for (const table of tables) {
    const { section } = table;
    if (section.kv === kv && section.gemm === gemm && section.modelHeads === modelHeads && section.fmha === fmha) {
      return table;
    }
  }
  return undefined;
}
