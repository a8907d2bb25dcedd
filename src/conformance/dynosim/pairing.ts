import type { DynosimRecord } from "./case.ts";

/** By what the records of two runs belong together. */
export type PairingMode = "uuid" | "session" | "multiset";

type Pair = [found: DynosimRecord | null, expected: DynosimRecord | null];

/** Pairs the records of two runs; what finds no partner is paired with null. */
export function pairRecords(found: DynosimRecord[], expected: DynosimRecord[], mode: PairingMode): Pair[] {
  if (mode === "uuid") return pairByKey(found, expected, (record) => record.uuid);
  if (mode === "session") return pairByKey(found, expected, (record) => `${record.session_id}\n${record.turn_index}`);
  return pairAsMultiset(found, expected);
}

function pairByKey(found: DynosimRecord[], expected: DynosimRecord[], key: (record: DynosimRecord) => string): Pair[] {
  const left = new Map(found.map((record) => [key(record), record]));
  const pairs: Pair[] = expected.map((record) => {
    const own = left.get(key(record)) ?? null;
    left.delete(key(record));
    return [own, record];
  });
  for (const record of left.values()) pairs.push([record, null]);
  return pairs;
}

/**
 * Sessions (single requests where there are none) that agree to the ns are partners. What is left is paired in order of
 * arrival and size, so that a difference is reported where it begins.
 */
function pairAsMultiset(found: DynosimRecord[], expected: DynosimRecord[]): Pair[] {
  const own = new Map<string, DynosimRecord[][]>();
  for (const session of sessions(found)) {
    const key = fingerprint(session);
    const same = own.get(key);
    if (same) same.push(session);
    else own.set(key, [session]);
  }
  const pairs: Pair[] = [];
  const unmatched: DynosimRecord[][] = [];
  for (const session of sessions(expected)) {
    const partner = own.get(fingerprint(session))?.pop();
    if (partner === undefined) unmatched.push(session);
    else for (const [turn, record] of session.entries()) pairs.push([partner[turn]!, record]);
  }
  const left = [...own.values()].flat().sort(byTime);
  unmatched.sort(byTime);
  for (let i = 0; i < Math.max(left.length, unmatched.length); i++) {
    const a = left[i] ?? [];
    const b = unmatched[i] ?? [];
    for (let turn = 0; turn < Math.max(a.length, b.length); turn++) pairs.push([a[turn] ?? null, b[turn] ?? null]);
  }
  return pairs;
}

function sessions(records: DynosimRecord[]): DynosimRecord[][] {
  const byLabel = new Map<string, DynosimRecord[]>();
  const all: DynosimRecord[][] = [];
  for (const record of records) {
    const turns = record.session_id === null ? undefined : byLabel.get(record.session_id);
    if (turns) {
      turns.push(record);
      continue;
    }
    const session = [record];
    all.push(session);
    if (record.session_id !== null) byLabel.set(record.session_id, session);
  }
  for (const session of all) session.sort((a, b) => (a.turn_index ?? 0) - (b.turn_index ?? 0));
  return all;
}

function fingerprint(session: DynosimRecord[]): string {
  return JSON.stringify(session, (key, value: unknown) => {
    if (key === "uuid" || key === "session_id" || key === "routing_history") return undefined;
    return typeof value === "number" && key.endsWith("_ms") ? Math.round(value * 1e6) : value;
  });
}

const ORDER = [
  "arrival_time_ms",
  "input_length",
  "requested_output_length",
  "first_admit_ms",
  "last_token_ms",
] as const;

function byTime([a]: DynosimRecord[], [b]: DynosimRecord[]): number {
  for (const key of ORDER) {
    const difference = (a![key] ?? 0) - (b![key] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
