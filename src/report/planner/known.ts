import type { Decision } from "#planner/core";
import { formatClock, formatPlain, formatSignificant } from "../format.ts";
import { escapeHtml, table } from "../page/html.ts";
import { rolesOf } from "./figures.ts";
import type { PlannerPageInput, PlannerTick } from "./input.ts";

type Observed = NonNullable<PlannerTick["observed"]>;

interface Quantity {
  name: string;
  unit: string;
  read: (observed: Observed) => number | null | undefined;
  /** It is a mean over requests that ended: of none there is none. */
  isMean?: true;
  /** No strategy waits for it. */
  isOptional?: true;
}

const QUANTITIES: readonly Quantity[] = [
  { name: "requests that arrived", unit: "", read: ({ startedRequests }) => startedRequests },
  { name: "requests that ended", unit: "", read: ({ completedRequests }) => completedRequests },
  { name: "mean input length", unit: "tokens", isMean: true, read: ({ meanIsl }) => meanIsl },
  { name: "mean output length", unit: "tokens", isMean: true, read: ({ meanOsl }) => meanOsl },
  { name: "mean TTFT", unit: "ms", isMean: true, read: ({ meanTtftMs }) => meanTtftMs },
  { name: "mean ITL", unit: "ms", isMean: true, read: ({ meanItlMs }) => meanItlMs },
  {
    name: "mean request duration",
    unit: "ms",
    isMean: true,
    read: ({ meanRequestDurationMs }) => meanRequestDurationMs,
  },
  { name: "KV hit rate", unit: "", isOptional: true, read: ({ kvHitRate }) => kvHitRate },
  { name: "accepted tokens a pass", unit: "", isOptional: true, read: ({ acceptLength }) => acceptLength },
];

const total = (loads: Record<string, number> | null | undefined) =>
  loads == null ? null : Object.values(loads).reduce((sum, tokens) => sum + tokens, 0);

/** Of all engines together. */
const LOADS: readonly Quantity[] = [
  { name: "queued prompts", unit: "tokens", read: ({ queuedTokens }) => total(queuedTokens) },
  { name: "KV in flight", unit: "tokens", read: ({ kvTokens }) => total(kvTokens) },
  { name: "KV queued", unit: "tokens", read: ({ queuedKvTokens }) => total(queuedKvTokens) },
];

/** Each input at the last tick: its value, zero, that there was nothing to measure, or since when it is missing. */
export function knownSection({ ticks, mode }: PlannerPageInput): string {
  const rows = [...QUANTITIES, ...engineQuantities(mode)].map((quantity) => rowOf(quantity, ticks));
  const missing = rows.filter(({ isMissing }) => isMissing).length;
  const said =
    missing === 0
      ? "Everything that is decided by is known."
      : `${missing === 1 ? "One input is" : `${missing} inputs are`} missing: what needs them decides nothing until they are back.`;
  return `<section id="data-known" aria-labelledby="data-known-title"><h2 id="data-known-title">What is known</h2>
<p class="note">${said} Missing is not zero: a value of 0 was measured.</p>
${table(
  "Inputs at the last tick",
  [{ heading: "input" }, { heading: "value", numeric: true }, { heading: "" }],
  rows.map(({ cells }) => cells),
)}</section>`;
}

/** What was observed at the tick of a decision: the values that there were, and what engines had to do all together. */
export function inputsOf({ ticks, mode }: PlannerPageInput): (made: Decision) => [name: string, value: string][] {
  const observedAt = new Map(ticks.flatMap((tick) => (tick.decision === null ? [] : [[tick.decision.tick, tick]])));
  const quantities = [...QUANTITIES, ...LOADS, ...engineQuantities(mode)];
  return ({ tick }) => {
    const at = observedAt.get(tick);
    if (at === undefined) return [];
    return quantities.flatMap((quantity): [string, string][] => {
      const value = valueAt(quantity, at);
      return value === null ? [] : [[quantity.name, shown(value, quantity.unit)]];
    });
  };
}

/** Whether there was nothing to measure, rather than nobody who did. */
export function hasNoTraffic({ observed }: PlannerTick): boolean {
  return observed !== null && observed.completedRequests === 0;
}

function engineQuantities(mode: PlannerPageInput["mode"]): Quantity[] {
  const size = (values: object | null | undefined) => (values == null ? null : Object.keys(values).length);
  return rolesOf(mode).flatMap((role): Quantity[] => [
    {
      name: `${role} engines that tell their load`,
      unit: "",
      isOptional: true,
      read: ({ queuedTokens, kvTokens }) => size(role === "prefill" ? queuedTokens : kvTokens),
    },
    {
      name: `forward passes of ${role} engines`,
      unit: "",
      isOptional: true,
      read: ({ passes }) => passes?.[role],
    },
  ]);
}

function rowOf(quantity: Quantity, ticks: readonly PlannerTick[]): { cells: string[]; isMissing: boolean } {
  const { name, unit, isMean, isOptional } = quantity;
  const last = ticks.at(-1)!;
  const value = valueAt(quantity, last);
  if (value !== null) {
    return { cells: [name, shown(value, unit), value === 0 ? "measured: none" : ""], isMissing: false };
  }
  const before = lastKnown(quantity, ticks);
  if (isMean && hasNoTraffic(last)) {
    const earlier = before === null ? "" : `; last ${shown(before.value, unit)} at ${formatClock(before.atMs)}`;
    return { cells: [name, "–", `no request ended${earlier}`], isMissing: false };
  }
  if (isOptional && before === null) return { cells: [name, "–", "not reported"], isMissing: false };
  const since =
    before === null ? "never known" : `since ${formatClock(before.atMs)}, when it was ${shown(before.value, unit)}`;
  return { cells: [name, '<span class="warn">no data</span>', escapeHtml(since)], isMissing: true };
}

function valueAt({ read }: Quantity, { observed }: PlannerTick): number | null {
  const value = observed === null ? null : read(observed);
  return value === null || value === undefined || Number.isNaN(value) ? null : value;
}

function lastKnown(quantity: Quantity, ticks: readonly PlannerTick[]): { value: number; atMs: number } | null {
  for (let i = ticks.length - 1; i >= 0; i--) {
    const value = valueAt(quantity, ticks[i]!);
    if (value !== null) return { value, atMs: ticks[i]!.atMs };
  }
  return null;
}

function shown(value: number, unit: string): string {
  return `${Number.isInteger(value) ? formatPlain(value) : formatSignificant(value)} ${unit}`.trim();
}
