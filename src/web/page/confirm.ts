import type { SelectionRequest, SelectionState } from "../types.ts";

/** Halves as the page has them, before or after the server was told. */
export interface Halves {
  prefill: number | null;
  decode: number | null;
}

/**
 * What to send so that the server, which was told `pending` so far, ends with these halves and with no other: the second half it
 * hears of ends the selection, so a half it has wrongly must be replaced first.
 * @param costRow row of the cost table that is this pair, if there is one
 */
export function requestsFor(
  halves: { prefill: number; decode: number },
  pending: SelectionState,
  costRow: number | undefined,
): SelectionRequest[] {
  if (costRow !== undefined) return [{ plotType: "cost", rowIndex: costRow }];
  const prefill: SelectionRequest = { plotType: "prefill", rowIndex: halves.prefill };
  const decode: SelectionRequest = { plotType: "decode", rowIndex: halves.decode };
  if (pending.decode !== null) return pending.decode === halves.decode ? [prefill] : [decode, prefill];
  return pending.prefill === halves.prefill ? [decode] : [prefill, decode];
}
