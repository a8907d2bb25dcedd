import { selectEngines } from "../selection/select.ts";
import type { DecodeResult, PrefillResult, SweepResults } from "../types.ts";
import { choiceOutOfRange, nothingToPick } from "./errors.ts";
import type { Run } from "./run-context.ts";
import type { ChoiceContent } from "./types.ts";

/** Rows of the sweep that were chosen, and by what. */
export interface Chosen {
  prefill?: PrefillResult;
  decode?: DecodeResult;
  by?: "sweep" | "user";
}

/**
 * Chooses engines of a sweep: by the rule of highest throughput within the targets, or by a person on a page where the request
 * wants one.
 * @throws UserError where a phase has no result
 */
export async function choose(run: Run, sweep: SweepResults, content: ChoiceContent): Promise<Required<Chosen>> {
  const { request, log, services } = run;
  const selection = selectEngines(
    sweep.prefill,
    sweep.decode,
    request.sla,
    request.dialect,
    request.hardware.totalGpus,
  );
  for (const { level, text } of selection.notes) log[level](text);
  const { prefill, decode } = selection;
  if (prefill === undefined || decode === undefined) {
    const missing = [prefill === undefined ? "prefill" : [], decode === undefined ? "decode" : []].flat();
    throw nothingToPick(missing, sweep.skipped);
  }
  if (request.webui === undefined || services.page === undefined) return { prefill, decode, by: "sweep" };
  const picked = await services.page.choose(content, {
    ...request.webui,
    signal: services.signal,
    log: (level, text) => log[level](text),
  });
  return {
    prefill: rowOf("prefill", sweep.prefill, picked.prefill),
    decode: rowOf("decode", sweep.decode, picked.decode),
    by: "user",
  };
}

function rowOf<Row>(phase: string, rows: readonly Row[], index: number): Row {
  const row = rows[index];
  if (row === undefined) throw choiceOutOfRange(phase, index, rows.length);
  return row;
}
