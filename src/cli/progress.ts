import { formatDuration } from "#common";

/** A line on stderr that overwrites itself on a terminal; plain lines, few of them, elsewhere. */
export interface Progress {
  update(text: string): void;
  done(): void;
}

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 10_000;

export function progress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const everyMs = stream.isTTY ? REDRAW_MS : PLAIN_LINE_MS;
  let last = performance.now();
  let shown = false;
  return {
    update(text) {
      const now = performance.now();
      if (now - last < everyMs) return;
      last = now;
      shown = true;
      stream.write(stream.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
    },
    done() {
      if (shown && stream.isTTY) stream.write("\r\x1b[K");
    },
  };
}

/** `12.5 min of 30 min (42 %), 31000 requests done`. */
export function virtualTime(nowMs: number, horizonMs: number, done: number): string {
  const share =
    horizonMs > 0 ? ` of ${formatDuration(horizonMs)} (${Math.min(100, Math.floor((nowMs / horizonMs) * 100))} %)` : "";
  return `simulated ${formatDuration(nowMs)}${share}, ${done} requests done`;
}
