import { RequestStatus, type RunRecord } from "#src/record";
import { isCompleted, itlMet, itlMs, latencyMs, ttftMet, ttftMs } from "../summary/request-times.ts";

/** Points a page carries at most; of more requests it keeps every missed one (up to half of this) and an even sample of the rest. */
export const MOST_POINTS = 120_000;

/** Values are written as 1 + log₂(1 + ms) × this, so that 16 bits hold 0 to 2^30 ms to about 0.03 %; 0 stands for none. */
const STEPS_PER_OCTAVE = 2184;

/** Requests as columns of 16-bit numbers in base64 (little endian), for the page's scatter plot. */
export interface ScatterData {
  shown: number;
  total: number;
  endMs: number;
  stepsPerOctave: number;
  /** Position in the run, 0..65535 of `endMs`. */
  arrival: string;
  /** Logarithmic, see above. */
  ttft: string;
  itl: string;
  latency: string;
  isl: string;
  osl: string;
  /** Bits: 1 TTFT missed, 2 ITL missed, 4 no answer (rejected, failed, unfinished). */
  flags: string;
}

export function scatterData(record: RunRecord): ScatterData {
  const { requests: table, sla } = record;
  const flagsOf = (i: number) => {
    if (table.status[i] !== RequestStatus.completed) return 4;
    return (ttftMet(table, i, sla.ttftMs) ? 0 : 1) | (itlMet(table, i, sla.itlMs) ? 0 : 2);
  };
  const chosen = choose(record, flagsOf);
  const column = (value: (i: number) => number) => encode(chosen, value);
  const completed = (value: (i: number) => number) => (i: number) =>
    isCompleted(table, i) ? logarithmic(value(i)) : 0;
  return {
    shown: chosen.length,
    total: table.count,
    endMs: record.endMs,
    stepsPerOctave: STEPS_PER_OCTAVE,
    arrival: column((i) => Math.round((Math.max(0, table.arrivalMs[i]!) / record.endMs) * 65_535)),
    ttft: column(completed((i) => ttftMs(table, i))),
    itl: column(completed((i) => itlMs(table, i))),
    latency: column(completed((i) => latencyMs(table, i))),
    isl: column((i) => logarithmic(table.isl[i]!)),
    osl: column((i) => logarithmic(table.outputTokens[i]!)),
    flags: column(flagsOf),
  };
}

function logarithmic(value: number): number {
  return Number.isNaN(value)
    ? 0
    : Math.min(65_535, 1 + Math.round(Math.log2(1 + Math.max(0, value)) * STEPS_PER_OCTAVE));
}

/** Indices to show, ascending: all, or an even choice of the missed and of the kept ones. */
function choose(record: RunRecord, flagsOf: (i: number) => number): Int32Array {
  const { count, arrivalMs } = record.requests;
  const missed: number[] = [];
  const kept: number[] = [];
  for (let i = 0; i < count; i++) {
    if (Number.isNaN(arrivalMs[i]!)) continue;
    (flagsOf(i) === 0 ? kept : missed).push(i);
  }
  const missedShown = evenly(missed, Math.max(MOST_POINTS / 2, MOST_POINTS - kept.length));
  const keptShown = evenly(kept, MOST_POINTS - missedShown.length);
  return Int32Array.from([...missedShown, ...keptShown]).sort();
}

function evenly(indices: number[], most: number): number[] {
  if (indices.length <= most) return indices;
  return Array.from({ length: most }, (_, k) => indices[Math.floor((k * indices.length) / most)]!);
}

function encode(indices: Int32Array, value: (i: number) => number): string {
  const bytes = Buffer.alloc(indices.length * 2);
  for (let k = 0; k < indices.length; k++) bytes.writeUInt16LE(value(indices[k]!), 2 * k);
  return bytes.toString("base64");
}
