import type { GpuSystem } from "../systems/types.ts";
import { Axis } from "./axis.ts";
import type { CommunicationSection } from "./file.ts";
import { unpackRows } from "./packing.ts";

interface CommunicationTable {
  gpus: number;
  elements: Axis;
  text: string;
  values?: Float64Array;
}

/** Collectives by kind and number of GPUs; straight between measured sizes. */
export class CommunicationTables {
  readonly #tables = new Map<string, CommunicationTable[]>();
  readonly #system: GpuSystem;
  readonly #step: number;

  constructor(sections: readonly CommunicationSection[], system: GpuSystem, step: number) {
    this.#system = system;
    this.#step = step;
    for (const { kind, gpus, elements, us } of sections) {
      const tables = this.#tables.get(kind) ?? [];
      tables.push({ gpus, elements: new Axis(elements), text: us });
      tables.sort((a, b) => a.gpus - b.gpus);
      this.#tables.set(kind, tables);
    }
  }

  micros(kind: string, gpus: number, elements: number): number {
    if (gpus <= 1) return 0;
    const tables = this.#tables.get(kind);
    if (!tables) return Number.NaN;
    let table = tables[tables.length - 1]!;
    for (const candidate of tables) {
      if (candidate.gpus >= gpus) {
        table = candidate;
        break;
      }
    }
    table.values ??= unpackRows(table.text, table.elements.length, this.#step);
    table.elements.locate(elements);
    const us = table.elements.straight(table.values, 0) * table.elements.beyond;
    return gpus > table.gpus ? us * this.#wider(gpus, table.gpus) : us;
  }

  /** What more GPUs than were measured cost: the share that moves, over the link that carries it. */
  #wider(gpus: number, measured: number): number {
    const moving = (gpus - 1) / gpus / ((measured - 1) / measured);
    return (moving * this.#link(measured)) / this.#link(gpus);
  }

  #link(gpus: number): number {
    const { fabricGpus, intraNodeBytesPerSecond, interNodeBytesPerSecond, rackBytesPerSecond } = this.#system;
    return gpus <= fabricGpus ? intraNodeBytesPerSecond : (rackBytesPerSecond ?? interNodeBytesPerSecond);
  }
}
