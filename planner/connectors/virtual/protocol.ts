/**
 * The decision protocol of Dynamo's virtual connector: a planner writes how many workers it wants and numbers its decision, the
 * environment carries the decision out and writes its number back. All values are decimal numbers under one prefix.
 */
import type { Role } from "#planner/core";
import { badNamespace, badStoredCounts } from "../errors.ts";
import type { KeyValueStore, StoreView } from "../stores/types.ts";

/** The protocol's keys of one deployment. */
export interface ProtocolKeys {
  prefix: string;
  workers: Record<Role, string>;
  decision: string;
  /** Number of the last decision that the environment has carried out. */
  scaled: string;
}

/** @throws UserError for a namespace that would break a key */
export function protocolKeys(namespace: string): ProtocolKeys {
  if (!/^[A-Za-z0-9][\w.-]*$/.test(namespace)) throw badNamespace(namespace);
  const prefix = `v1/${namespace}/planner/`;
  return {
    prefix,
    workers: { prefill: `${prefix}num_prefill_workers`, decode: `${prefix}num_decode_workers` },
    decision: `${prefix}decision_id`,
    scaled: `${prefix}scaled_decision_id`,
  };
}

/** What stands in the store; null: unset. */
export interface ProtocolState {
  workers: Record<Role, number | null>;
  decisionId: number | null;
  scaledDecisionId: number | null;
  /** Whether the environment has carried out all that was decided. */
  isCarriedOut: boolean;
  /** Revisions of the planner's own keys, for transactions. */
  revisions: Record<string, number>;
  storeRevision: number;
}

/** @throws UserError for values that are no whole numbers, all in one */
export async function readProtocol(store: KeyValueStore, keys: ProtocolKeys): Promise<ProtocolState> {
  const view = await store.read(keys.prefix);
  const faults: { key: string; value: string }[] = [];
  const count = (key: string) => numberAt(view, key, faults);
  const workers = { prefill: count(keys.workers.prefill), decode: count(keys.workers.decode) };
  const decisionId = count(keys.decision);
  const scaledDecisionId = count(keys.scaled);
  if (faults.length > 0) throw badStoredCounts(store.place, faults);
  const planners = [keys.workers.prefill, keys.workers.decode, keys.decision];
  return {
    workers,
    decisionId,
    scaledDecisionId,
    isCarriedOut: decisionId === null || (scaledDecisionId !== null && scaledDecisionId >= decisionId),
    revisions: Object.fromEntries(planners.map((key) => [key, view.values.get(key)?.revision ?? 0])),
    storeRevision: view.revision,
  };
}

/** −1 is how the protocol writes "unset". */
function numberAt(view: StoreView, key: string, faults: { key: string; value: string }[]): number | null {
  const value = view.values.get(key)?.value;
  if (value === undefined) return null;
  if (!/^-?\d{1,15}$/.test(value.trim())) faults.push({ key, value });
  const number = Number(value);
  return number < 0 ? null : number;
}
