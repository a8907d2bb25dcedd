import { formatDuration } from "#common";
import type { LoadFacts, LoadFailure } from "../types.ts";

const KINDS_SHOWN = 6;

export interface Goodput {
  /** Good requests. */
  good: number;
  /** Per second of the benchmark's duration. */
  perSecond: number;
}

/** What the table does not say: how many requests there were, what went wrong, how late the generator was. */
export function outcomeText(result: LoadFacts, goodput: Goodput | null): string {
  const { counts, lateness, connections, retries, timeScale } = result;
  const some = (count: number, name: string) => (count === 0 ? [] : [`${count} ${name}`]);
  const requests = [
    `${counts.sent} sent`,
    `${counts.completed} completed`,
    ...some(counts.failed, "failed"),
    ...some(counts.rejected, "rejected"),
    ...some(counts.cancelled, "cancelled by the client"),
    ...some(counts.unfinished, "unfinished"),
    ...some(retries.sentMs.length, "sent once more"),
  ];
  const lines = [`Requests  ${requests.join(" · ")}`];
  if (goodput !== null) {
    const share = counts.sent === 0 ? "" : ` (${((100 * goodput.good) / counts.sent).toFixed(2)} % of those sent)`;
    lines.push(`Goodput   ${goodput.perSecond.toFixed(2)} good req/s · ${goodput.good} good${share}`);
  }
  const late =
    lateness.count === 0
      ? "no schedule to be late for"
      : `late by ${formatDuration(lateness.meanMs)} on average, p99 ${formatDuration(lateness.p99Ms)}, at most ${formatDuration(lateness.maxMs)}`;
  const scale = timeScale === 1 ? "" : ` · time scale ${timeScale}`;
  lines.push(`Generator ${late} · ${connections} connections${scale}`);
  lines.push(...failureLines(result.failures));
  return lines.map((line) => `${line}\n`).join("");
}

/** Failures by kind and message, the most frequent first. */
function failureLines(failures: readonly LoadFailure[]): string[] {
  const byMessage = new Map<string, number>();
  for (const { kind, message } of failures) {
    const key = `${kind}: ${message}`;
    byMessage.set(key, (byMessage.get(key) ?? 0) + 1);
  }
  const sorted = [...byMessage].sort(([, a], [, b]) => b - a);
  const lines = sorted.slice(0, KINDS_SHOWN).map(([key, count]) => `Failed    ${count} × ${key}`);
  if (sorted.length > KINDS_SHOWN) lines.push(`          and ${sorted.length - KINDS_SHOWN} more kinds`);
  return lines;
}
