/** Runs clients against a server process, and what both and the machine did meanwhile. */
import { Child, type Usage } from "./child.ts";
import type { Lag } from "./lag-process.ts";
import { busyCpuSeconds } from "./proc-usage.ts";
import type { StreamsPlan, StreamsResult } from "./streams-process.ts";

/** What a plan has unless a row says otherwise. */
export const PLAN: Omit<StreamsPlan, "urls"> = {
  path: "/v1/completions",
  connections: 500,
  requestsPerConnection: 1,
  isl: 8,
  osl: 500,
  model: "bench",
  warmUpRequests: 0,
  staggerMs: 0,
  primerIsl: 0,
  timeoutMs: 60_000,
  salt: 1,
};

/** A process whose cost is read: a child of ours, or any other. */
export interface Measurable {
  usage(): Promise<Usage>;
}

export interface Measured extends StreamsResult {
  /** Of each server process, while the clients ran. */
  cpuSeconds: number[];
  clientCpuSeconds: number;
  /** Of each server process, since it began. */
  peakRssBytes: number[];
  machine: Machine;
}

/** What the machine did beside a row. */
export interface Machine extends Lag {
  /** CPU time of processes that are not the row's, in cores; NaN where the system does not tell. */
  otherCores: number;
}

/** Runs a plan, shared out over `clients` processes, and reads what `servers` used meanwhile. */
export async function measure(servers: readonly Measurable[], plan: StreamsPlan, clients = 1): Promise<Measured> {
  const probe = new Child("lag-process.ts");
  const processes = Array.from({ length: clients }, () => new Child("streams-process.ts"));
  try {
    const usages = () => Promise.all([...servers, ...processes].map((child) => child.usage()));
    const before = await usages();
    await probe.call("start");
    const [busyBefore, startMs] = [busyCpuSeconds(), performance.now()];
    const share = plan.connections / clients;
    const results = await Promise.all(
      processes.map((child, i) =>
        child.call<StreamsResult>("run", {
          ...plan,
          connections: Math.floor((i + 1) * share) - Math.floor(i * share),
          staggerMs: plan.staggerMs * clients,
          primerIsl: i === 0 ? plan.primerIsl : 0,
          salt: plan.salt + i,
        }),
      ),
    );
    const lag = await probe.call<Lag>("stop");
    const after = await usages();
    const busy = busyCpuSeconds() - busyBefore;
    const spent = after.map((usage, i) => usage.cpuSeconds - before[i]!.cpuSeconds);
    const otherCores = Math.max(0, busy - sum(spent)) / ((performance.now() - startMs) / 1000);
    return {
      ...merge(results),
      cpuSeconds: spent.slice(0, servers.length),
      clientCpuSeconds: sum(spent.slice(servers.length)),
      peakRssBytes: after.slice(0, servers.length).map((usage: Usage) => usage.peakRssBytes),
      machine: { ...lag, otherCores },
    };
  } finally {
    await Promise.all([probe, ...processes].map((child) => child.stop()));
  }
}

function merge(results: readonly StreamsResult[]): StreamsResult {
  return {
    ttftMs: joined(results.map((result) => result.ttftMs)),
    itlMs: joined(results.map((result) => result.itlMs)),
    gapsMs: joined(results.map((result) => result.gapsMs)),
    tokens: sum(results.map((result) => result.tokens)),
    completed: sum(results.map((result) => result.completed)),
    failed: sum(results.map((result) => result.failed)),
    hung: sum(results.map((result) => result.hung)),
    problems: results.flatMap((result) => result.problems),
    wallMs: Math.max(...results.map((result) => result.wallMs)),
  };
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(sum(parts.map((part) => part.length)));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

export function mean(values: ArrayLike<number>): number {
  return sum(values) / values.length;
}

/** Nearest rank. @param share 0..1 */
export function quantile(values: Float64Array, share: number): number {
  const sorted = values.slice().sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

/** How far values lie from what they should be, in % of it. */
export function errorPercent(values: Float64Array, wanted: number): { mean: number; p99: number } {
  const errors = values.map((value) => (100 * Math.abs(value - wanted)) / wanted);
  return { mean: mean(errors), p99: quantile(errors, 0.99) };
}
