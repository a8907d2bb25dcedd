import type { EventEmitter } from "node:events";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Resolves at the first SIGTERM or SIGINT; whichever of them comes second ends the process at once. */
export function toldToEnd(source: Pick<EventEmitter, "on" | "off"> = process): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      for (const signal of SIGNALS) source.off(signal, end);
      resolve();
    };
    for (const signal of SIGNALS) source.on(signal, end);
  });
}
