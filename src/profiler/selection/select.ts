import { type Note, note, warning } from "../space/note.ts";
import type { DecodeResult, Dialect, Mapping, PrefillResult } from "../types.ts";
import { bestWithin } from "./trade-off.ts";

/** What the sweep recommends; absent where it gave nothing to choose from. */
export interface Selection {
  prefill?: PrefillResult;
  decode?: DecodeResult;
  /** Whether a candidate keeps the target. */
  meets: { ttft: boolean; itl: boolean };
  notes: Note[];
}

export interface SlaTargets {
  ttftMs: number;
  itlMs: number;
}

/**
 * Of the candidates that keep the target the one of the highest throughput per GPU, the first of equals; where none does, a warning
 * and the one of the lowest latency. Prefill is chosen first; engines that leave no room for one of the other kind are left out.
 * @param totalGpus GPUs that there are; absent: not known
 */
export function selectEngines(
  prefill: readonly PrefillResult[],
  decode: readonly DecodeResult[],
  sla: SlaTargets,
  dialect: Dialect,
  totalGpus = Number.POSITIVE_INFINITY,
): Selection {
  const notes: Note[] = [];
  const smallestDecode = Math.min(...decode.map(gpusOf));
  const bestPrefill = bestWithin(roomFor(prefill, totalGpus - smallestDecode), (row) => row.ttftMs, sla.ttftMs);
  const left = totalGpus - (bestPrefill === undefined ? 0 : gpusOf(bestPrefill.row));
  const bestDecode = bestWithin(roomFor(decode, left), (row) => row.itlMs, sla.itlMs);
  if (bestPrefill === undefined) notes.push(warning("No prefill results produced; skipping recommendations."));
  else if (!bestPrefill.meets) notes.push(unmet("TTFT", bestPrefill.row.ttftMs, sla.ttftMs, dialect));
  if (bestDecode === undefined) notes.push(warning("No decode results produced; skipping recommendations."));
  else if (!bestDecode.meets) notes.push(unmet("ITL", bestDecode.row.itlMs, sla.itlMs, dialect));
  return {
    ...(bestPrefill === undefined ? {} : { prefill: bestPrefill.row }),
    ...(bestDecode === undefined ? {} : { decode: bestDecode.row }),
    meets: { ttft: bestPrefill?.meets ?? false, itl: bestDecode?.meets ?? false },
    notes,
  };
}

function gpusOf({ mapping }: { mapping: Mapping }): number {
  return mapping.layout.gpus;
}

/** All of them, where none has room: whoever makes the deployment refuses it. */
function roomFor<Row extends { mapping: Mapping }>(rows: readonly Row[], gpus: number): readonly Row[] {
  const fitting = rows.filter((row) => gpusOf(row) <= gpus);
  return fitting.length > 0 ? fitting : rows;
}

function unmet(what: "TTFT" | "ITL", bestMs: number, targetMs: number, dialect: Dialect): Note {
  if (dialect === "0.3" || dialect === "0.6") {
    return note(`No TP size satisfies the ${what} requirement, please try a smaller model or a more powerful GPU SKU`);
  }
  return warning(
    `No engine configuration satisfies the ${what} requirement, please try a smaller model or more powerful hardware ` +
      `(best is ${bestMs.toFixed(2)} ms, wanted ${targetMs} ms)`,
  );
}
