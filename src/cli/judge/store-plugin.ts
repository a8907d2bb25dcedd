import { storeAddress } from "#planner/config";
import { openStore } from "#planner/connectors";
import type { Plugin, PluginRequest, PluginTarget } from "#planner/service";

/** Namespace of the deployment that a planner behind a store is judged on. */
const PREFIX = "v1/judge/planner/";
const KEYS = {
  prefill: `${PREFIX}num_prefill_workers`,
  decode: `${PREFIX}num_decode_workers`,
  decision: `${PREFIX}decision_id`,
  scaled: `${PREFIX}scaled_decision_id`,
  /** What is seen at a tick, JSON, and its number; the planner writes the number of what it has answered. */
  observation: `${PREFIX}observation`,
  observationId: `${PREFIX}observation_id`,
  observedId: `${PREFIX}observed_id`,
};
const WATCH_MS = 1000;

/**
 * A planner that writes its decisions to a store as the virtual connector does (docs/planner-virtual.md), seen as a plugin: the tick's
 * observation is laid out, its decision waited for and carried out at once, so that what starts and drains is the simulator's.
 * A planner that wants no change says that it has seen the observation.
 */
export function openStorePlugin(address: string, mode: PluginRequest["deployment"]["mode"]): Plugin {
  const store = openStore(storeAddress(address));
  const roles = mode === "agg" ? (["decode"] as const) : (["prefill", "decode"] as const);
  let observation = 0;

  async function layOut(request: PluginRequest): Promise<void> {
    if (request.tick === 0) {
      const { values } = await store.read(PREFIX);
      observation = Number(values.get(KEYS.observationId)?.value ?? 0);
    }
    observation++;
    const counts = (role: "prefill" | "decode") =>
      String(request.workers[role].active + request.workers[role].starting);
    const fresh: Record<string, string | null> =
      request.tick > 0
        ? {}
        : {
            ...Object.fromEntries(roles.map((role) => [KEYS[role], counts(role)])),
            [KEYS.decision]: null,
            [KEYS.scaled]: null,
          };
    await store.commit({
      write: { ...fresh, [KEYS.observation]: JSON.stringify(request), [KEYS.observationId]: String(observation) },
    });
  }

  return {
    async ask(request, signal) {
      await layOut(request);
      for (;;) {
        const view = await store.read(PREFIX);
        const value = (key: string) => view.values.get(key)?.value;
        const decision = Number(value(KEYS.decision) ?? -1);
        const hasDecided = decision > Number(value(KEYS.scaled) ?? -1);
        if (hasDecided) {
          await store.commit({ write: { [KEYS.scaled]: String(decision) } });
          const targets = roles.map((role): PluginTarget => {
            const wanted = value(KEYS[role]);
            return { role, replicas: wanted === undefined ? null : Number(wanted), type: "SET" };
          });
          return { kind: "override", targets, reason: `decision ${decision}` };
        }
        if (Number(value(KEYS.observedId) ?? -1) >= observation) return { kind: "accept" };
        if (signal.aborted) throw new Error(`no decision in time, and no ${KEYS.observedId}`);
        await store.changed(PREFIX, view.revision, WATCH_MS, signal);
      }
    },
    close: () => store.close(),
  };
}
