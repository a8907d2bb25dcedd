import { invalidSelection, selectionMade } from "./errors.ts";
import type { PlotType, SelectionReply, SelectionState, WebUiData } from "./types.ts";

const PLOT_TYPES: readonly string[] = ["prefill", "decode", "cost"] satisfies PlotType[];

/** What was picked so far: one half after the other, or both at once with a row of the cost table. */
export class Selection {
  readonly #data: WebUiData;
  #prefill: number | null = null;
  #decode: number | null = null;

  constructor(data: WebUiData) {
    this.#data = data;
  }

  get state(): SelectionState {
    const complete = this.#prefill !== null && this.#decode !== null;
    return { prefill: this.#prefill, decode: this.#decode, complete };
  }

  /**
   * Takes a row; a row of the other half before it stays, one of the same half is replaced.
   * @param request `{"plotType": "prefill" | "decode" | "cost", "rowIndex": n}`
   * @throws Refused where it is none, names no row, or both halves were picked before
   */
  pick(request: unknown): SelectionReply {
    if (this.state.complete) throw selectionMade();
    const [plotType, rowIndex] = this.#row(request);
    if (plotType === "cost") [this.#prefill, this.#decode] = this.#data.cost.index_mapping[rowIndex]!;
    else if (plotType === "prefill") this.#prefill = rowIndex;
    else this.#decode = rowIndex;
    return { ...this.state, message: this.#message() };
  }

  #row(request: unknown): [PlotType, number] {
    const { plotType, rowIndex } = (request ?? {}) as Record<string, unknown>;
    if (typeof plotType !== "string" || !PLOT_TYPES.includes(plotType)) {
      throw invalidSelection(`found plotType ${JSON.stringify(plotType)}, expected "prefill", "decode" or "cost"`);
    }
    const rows = this.#data[plotType as PlotType].table.data.length;
    if (typeof rowIndex !== "number" || !Number.isInteger(rowIndex) || rowIndex < 0 || rowIndex >= rows) {
      const range = rows === 0 ? "but the table is empty" : `expected a whole number from 0 to ${rows - 1}`;
      throw invalidSelection(`found rowIndex ${JSON.stringify(rowIndex)}, ${range}`);
    }
    return [plotType as PlotType, rowIndex];
  }

  #message(): string {
    if (this.#decode === null) {
      return `Prefill config #${this.#prefill} selected. Please select a Decode configuration.`;
    }
    if (this.#prefill === null) {
      return `Decode config #${this.#decode} selected. Please select a Prefill configuration.`;
    }
    return `Configuration selected! Prefill config #${this.#prefill}, Decode config #${this.#decode}. Processing...`;
  }
}
