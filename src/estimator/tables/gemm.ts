import { formatFlops, weightBytes } from "../native/formats.ts";
import type { GpuSystem } from "../systems/types.ts";
import { Axis } from "./axis.ts";
import type { GemmSection } from "./file.ts";
import { unpackRows } from "./packing.ts";

const NEIGHBOURS = 4;
/** Above any matrix width, so that (n, k) makes one number. */
const WIDTHS = 2 ** 24;

/** The measured weights that a product is interpolated from, with their shares. */
interface Neighbourhood {
  rows: Int32Array;
  shares: Float64Array;
}

interface GemmTable {
  m: Axis;
  nodes: readonly number[];
  text: string;
  values?: Float64Array;
  neighbourhoods: Map<number, Neighbourhood>;
}

/**
 * Products by format. Along m latencies are joined by straight lines; across (n, k) the share of the roofline that the four nearest
 * measured weights reach is weighed by the inverse square of their distance in logarithms (as aiconfigurator 0.12.0 does it).
 */
export class GemmTables {
  readonly formats: readonly string[];
  readonly #tables = new Map<string, GemmTable>();
  readonly #system: GpuSystem;
  readonly #step: number;
  readonly #scales: { m: Axis; k: Axis; us: Float64Array }[];

  constructor(section: GemmSection, system: GpuSystem, step: number) {
    this.#system = system;
    this.#step = step;
    for (const { m, nodes, formats } of section.groups) {
      for (const [format, text] of Object.entries(formats)) {
        this.#tables.set(format, { m: new Axis(m), nodes, text, neighbourhoods: new Map() });
      }
    }
    this.#scales = [section.scales.quantise, section.scales.transform].map((scale) => ({
      m: new Axis(scale?.m ?? [1]),
      k: new Axis(scale?.k ?? [1]),
      us: scale ? unpackRows(scale.us, scale.m.length, step) : new Float64Array(1),
    }));
    const measured = [...this.#tables.keys()];
    this.formats = measured.includes("fp8") ? [...measured, "fp8_static"] : measured;
  }

  /** Microseconds; `quantised`: the input comes in the format already. */
  micros(format: string, m: number, n: number, k: number, quantised: boolean): number {
    if (format !== "fp8_static") return this.#measured(format, m, n, k);
    // Static scales save looking for them; an input that comes in FP8 saves its conversion, too.
    const whole = this.#measured("fp8", m, n, k);
    const saved = this.#scale(0, m, k) + (quantised ? this.#scale(1, m, k) : 0);
    return Math.max(whole - saved, this.roofline("fp8", m, n, k));
  }

  /** The least time that compute and memory allow, microseconds. */
  roofline(format: string, m: number, n: number, k: number): number {
    const compute = (2 * m * n * k) / formatFlops(format, this.#system);
    const reading = (weightBytes(format) * (m * n + m * k + n * k)) / this.#system.memoryBytesPerSecond;
    return Math.max(compute, reading) * 1e6;
  }

  #measured(format: string, m: number, n: number, k: number): number {
    const table = this.#tables.get(format);
    if (!table) return Number.NaN;
    table.values ??= unpackRows(table.text, table.m.length, this.#step);
    const key = n * WIDTHS + k;
    let near = table.neighbourhoods.get(key);
    if (!near) {
      near = neighbourhoodOf(table.nodes, n, k);
      table.neighbourhoods.set(key, near);
    }
    const axis = table.m;
    axis.locate(m);
    // Beyond the last row the share of the roofline stays what it is there.
    const rows = axis.beyond > 1 ? axis.places[axis.length - 1]! : Math.max(m, axis.places[0]!);
    let reached = 0;
    for (let i = 0; i < near.rows.length; i++) {
      const row = near.rows[i]!;
      const us = axis.straight(table.values, row * axis.length);
      reached += near.shares[i]! * (this.roofline(format, rows, table.nodes[2 * row]!, table.nodes[2 * row + 1]!) / us);
    }
    return this.roofline(format, axis.beyond > 1 ? m : rows, n, k) / reached;
  }

  #scale(index: number, m: number, k: number): number {
    const { m: rows, k: widths, us } = this.#scales[index]!;
    rows.locate(m);
    widths.locate(k);
    const below = rows.straight(us, widths.index * rows.length);
    const above = widths.share === 0 ? below : rows.straight(us, (widths.index + 1) * rows.length);
    return (below + (above - below) * widths.share) * rows.beyond * widths.beyond;
  }
}

function neighbourhoodOf(nodes: readonly number[], n: number, k: number): Neighbourhood {
  const x = Math.log(n);
  const y = Math.log(k);
  const all = Array.from({ length: nodes.length / 2 }, (_, row) => {
    const dx = Math.log(nodes[2 * row]!) - x;
    const dy = Math.log(nodes[2 * row + 1]!) - y;
    return { row, squared: dx * dx + dy * dy };
  }).sort((a, b) => a.squared - b.squared);
  const nearest = all[0]!.squared < 1e-18 ? all.slice(0, 1) : all.slice(0, NEIGHBOURS);
  const weights = nearest.map(({ squared }) => 1 / Math.max(squared, 1e-18));
  const sum = weights.reduce((a, b) => a + b, 0);
  return {
    rows: Int32Array.from(nearest, ({ row }) => row),
    shares: Float64Array.from(weights, (weight) => weight / sum),
  };
}
