import { type ReportedRun, RequestStatus, type RequestTable, requestBlocks, requestCount } from "#src/record";
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

export function scatterData(record: ReportedRun): ScatterData {
  const { sla } = record;
  const flagsOf = (table: RequestTable, i: number) => {
    if (table.status[i] !== RequestStatus.completed) return 4;
    return (ttftMet(table, i, sla.ttftMs) ? 0 : 1) | (itlMet(table, i, sla.itlMs) ? 0 : 2);
  };
  const { missed, kept } = choices(record, flagsOf);
  const shown = missed.size + kept.size;
  const column = () => Buffer.alloc(shown * 2);
  const columns = {
    arrival: column(),
    ttft: column(),
    itl: column(),
    latency: column(),
    isl: column(),
    osl: column(),
    flags: column(),
  };
  let at = 0;
  const put = (name: keyof typeof columns, value: number) => columns[name].writeUInt16LE(value, at);
  for (const { requests: table } of requestBlocks(record)) {
    for (let i = 0; i < table.count; i++) {
      if (Number.isNaN(table.arrivalMs[i]!)) continue;
      const flags = flagsOf(table, i);
      if (!(flags === 0 ? kept : missed).takes()) continue;
      const time = (of: typeof ttftMs) => (isCompleted(table, i) ? logarithmic(of(table, i)) : 0);
      put("arrival", position(table.arrivalMs[i]!, record.endMs));
      put("ttft", time(ttftMs));
      put("itl", time(itlMs));
      put("latency", time(latencyMs));
      put("isl", logarithmic(table.isl[i]!));
      put("osl", logarithmic(table.outputTokens[i]!));
      put("flags", flags);
      at += 2;
    }
  }
  const texts = Object.entries(columns).map(([name, bytes]) => [name, bytes.toString("base64")]);
  return {
    shown,
    total: requestCount(record),
    endMs: record.endMs,
    stepsPerOctave: STEPS_PER_OCTAVE,
    ...(Object.fromEntries(texts) as Record<keyof typeof columns, string>),
  };
}

/** Within the run, whatever a row says. */
function position(arrivalMs: number, endMs: number): number {
  const share = endMs > 0 ? arrivalMs / endMs : 0;
  return Math.round(Math.min(1, Math.max(0, share)) * 65_535);
}

function logarithmic(value: number): number {
  return Number.isNaN(value)
    ? 0
    : Math.min(65_535, 1 + Math.round(Math.log2(1 + Math.max(0, value)) * STEPS_PER_OCTAVE));
}

/** Whom to show: all, or an even choice of the missed and of the kept ones. */
function choices(record: ReportedRun, flagsOf: (table: RequestTable, i: number) => number) {
  let missed = 0;
  let kept = 0;
  for (const { requests: table } of requestBlocks(record)) {
    for (let i = 0; i < table.count; i++) {
      if (Number.isNaN(table.arrivalMs[i]!)) continue;
      if (flagsOf(table, i) === 0) kept++;
      else missed++;
    }
  }
  const missedShown = new EvenChoice(missed, Math.max(MOST_POINTS / 2, MOST_POINTS - kept));
  return { missed: missedShown, kept: new EvenChoice(kept, MOST_POINTS - missedShown.size) };
}

/** Of so many that come one after the other: all, or `most` of them, evenly. */
class EvenChoice {
  readonly size: number;
  readonly #total: number;
  #seen = 0;
  #taken = 0;

  constructor(total: number, most: number) {
    this.#total = total;
    this.size = Math.min(total, most);
  }

  /** Whether the next one is chosen. */
  takes(): boolean {
    const isChosen = this.#seen++ === Math.floor((this.#taken * this.#total) / this.size);
    if (isChosen) this.#taken++;
    return isChosen;
  }
}
