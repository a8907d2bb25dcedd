import { Axis } from "./axis.ts";
import type { ExpertSection } from "./file.ts";
import { unpackRows } from "./packing.ts";
import type { ExpertShape } from "./types.ts";

interface ExpertTable {
  shape: ExpertShape;
  section: ExpertSection;
  tokens: Axis;
  values?: Float64Array;
}

/** Routed experts by block, format and split; straight between measured numbers of tokens. */
export class ExpertTables {
  readonly blocks: readonly { shape: ExpertShape; format: string }[];
  readonly #tables: readonly ExpertTable[];
  readonly #step: number;

  constructor(sections: readonly ExpertSection[], step: number) {
    this.#step = step;
    this.#tables = sections.map((section) => ({
      shape: {
        hiddenSize: section.hidden,
        intermediateSize: section.inter,
        experts: section.experts,
        expertsPerToken: section.topk,
      },
      section,
      tokens: new Axis(section.tokens),
    }));
    this.blocks = this.#tables.map(({ shape, section }) => ({ shape, format: section.format }));
  }

  micros(shape: ExpertShape, format: string, tokens: number, moeTp: number, moeEp: number): number {
    for (const table of this.#tables) {
      if (table.section.format !== format || !sameShape(table.shape, shape)) continue;
      const { splits } = table.section;
      for (let row = 0; row * 2 < splits.length; row++) {
        if (splits[2 * row] !== moeTp || splits[2 * row + 1] !== moeEp) continue;
        table.values ??= unpackRows(table.section.us, table.tokens.length, this.#step);
        table.tokens.locate(tokens);
        return table.tokens.straight(table.values, row * table.tokens.length) * table.tokens.beyond;
      }
      return Number.NaN;
    }
    return Number.NaN;
  }
}

function sameShape(a: ExpertShape, b: ExpertShape): boolean {
  return (
    a.hiddenSize === b.hiddenSize &&
    a.intermediateSize === b.intermediateSize &&
    a.experts === b.experts &&
    a.expertsPerToken === b.expertsPerToken
  );
}
