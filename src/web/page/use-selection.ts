import { useEffect, useState } from "preact/hooks";
import type { SelectionState, WebUiSession } from "../types.ts";
import { select } from "./api.ts";
import { type Halves, requestsFor } from "./confirm.ts";
import { costRowOf, type Rows } from "./rows.ts";

export const TIME_IS_OVER = "The time to pick is over: the profiler went on with the first row of each table.";

/**
 * What is selected here, and what of it the server knows. A single half is told at once; both halves, which end the selection,
 * when the user confirms.
 */
export function useSelection(session: WebUiSession, rows: Rows) {
  const [halves, setHalves] = useState<Halves>(session.selection);
  const [pending, setPending] = useState<SelectionState>(session.selection);
  const [message, say] = useState(firstMessage(session));
  const [busy, setBusy] = useState(false);
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), session.remainingMs);
    return () => clearTimeout(timer);
  }, [session]);

  const over = pending.complete || late;
  const disabled = over || busy;

  const send = async (work: () => Promise<void>) => {
    setBusy(true);
    try {
      await work();
    } catch (error) {
      say((error as Error).message);
    } finally {
      setBusy(false);
    }
  };

  const choose = (choice: Partial<Halves>) => {
    if (disabled) return;
    const next = { ...halves, ...choice };
    setHalves(next);
    if (next.prefill !== null && next.decode !== null) {
      say("Prefill and decode are selected. Confirm to use them.");
      return;
    }
    const [plotType, rowIndex] =
      next.prefill !== null ? (["prefill", next.prefill] as const) : (["decode", next.decode!] as const);
    // The server may know another half from before a "Clear"; telling it this one would end the selection.
    const other = plotType === "prefill" ? pending.decode : pending.prefill;
    if (other !== null) {
      const missing = plotType === "prefill" ? "a decode" : "a prefill";
      say(`Please select ${missing} configuration.`);
      return;
    }
    void send(async () => {
      const reply = await select({ plotType, rowIndex });
      setPending(reply);
      say(reply.message);
    });
  };

  const confirm = () => {
    const { prefill, decode } = halves;
    if (disabled || prefill === null || decode === null) return;
    void send(async () => {
      for (const request of requestsFor({ prefill, decode }, pending, costRowOf(rows, prefill, decode)?.index)) {
        const reply = await select(request);
        setPending(reply);
        say(reply.message);
      }
    });
  };

  const clear = () => {
    setHalves({ prefill: null, decode: null });
    say("Nothing is selected.");
  };

  return {
    halves,
    message: late && !pending.complete ? TIME_IS_OVER : message,
    busy,
    over,
    disabled,
    choose,
    confirm,
    clear,
    say,
  };
}

function firstMessage({ selection }: WebUiSession): string {
  if (selection.complete) return "The selection was made.";
  if (selection.prefill !== null) return "A prefill configuration is selected. Please select a decode configuration.";
  if (selection.decode !== null) return "A decode configuration is selected. Please select a prefill configuration.";
  return "Select a pair, or one row of Prefill and one of Decode.";
}
