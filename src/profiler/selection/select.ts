import { type Note, note, warning } from "../space/note.ts";
import type { DecodeResult, Dialect, PrefillResult } from "../types.ts";
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
 * and the one of the lowest latency.
 */
export function selectEngines(
  prefill: readonly PrefillResult[],
  decode: readonly DecodeResult[],
  sla: SlaTargets,
  dialect: Dialect,
): Selection {
  const notes: Note[] = [];
  const bestPrefill = bestWithin(prefill, (row) => row.ttftMs, sla.ttftMs);
  const bestDecode = bestWithin(decode, (row) => row.itlMs, sla.itlMs);
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

function unmet(what: "TTFT" | "ITL", bestMs: number, targetMs: number, dialect: Dialect): Note {
  if (dialect === "0.3" || dialect === "0.6") {
    return note(`No TP size satisfies the ${what} requirement, please try a smaller model or a more powerful GPU SKU`);
  }
  return warning(
    `No engine configuration satisfies the ${what} requirement, please try a smaller model or more powerful hardware ` +
      `(best is ${bestMs.toFixed(2)} ms, wanted ${targetMs} ms)`,
  );
}
