import { workerData } from "node:worker_threads";
import { noneStrategy, type Observation } from "#planner/core";
import { openPlugins, PluggedPlanner, type Plugin } from "#planner/service";
import type { BridgeAnswer, BridgeData } from "./external.ts";
import { openStorePlugin } from "./store-plugin.ts";

/** The thread that speaks to a planner outside for one that sleeps (see external.ts). */
const { port, answered, planner, deployment } = workerData as BridgeData;

const schedule = {
  id: planner.name,
  stage: "propose" as const,
  priority: 1,
  protocolVersion: "1.0",
  version: "1",
  intervalMs: 0,
  holdPolicy: "ACCEPT_WHEN_IDLE" as const,
  // Forward passes are many in virtual time, and cost more to send than all else.
  needs: ["traffic" as const, "prefill_load" as const, "decode_load" as const],
  requires: [],
  observationWindowMs: 0,
};

async function pluginOf(): Promise<Plugin> {
  if (planner.kind === "store") return openStorePlugin(planner.store, deployment.mode);
  const [opened] = await openPlugins({
    configured: [{ ...schedule, transport: "http", endpoint: planner.url, authToken: null }],
    requestTimeoutMs: planner.timeoutMs,
    protocolVersions: { min: "1.0", max: "1.0" },
  });
  return opened!.plugin;
}

let failure: string | null = null;

async function open(): Promise<PluggedPlanner> {
  return new PluggedPlanner(noneStrategy(0), [{ schedule, plugin: await pluginOf() }], {
    deployment,
    registeredMs: 0,
    requestTimeoutMs: planner.timeoutMs,
    tickMaxDurationMs: planner.timeoutMs + 1000,
    onAudit: ({ evaluations }) => {
      const bad = evaluations.find(({ result }) => result === "failed" || result === "circuit_open");
      failure = bad?.reason ?? null;
    },
  });
}

let opened: Promise<PluggedPlanner> | null = null;

/** What can't be opened is said in answer to the first tick: who asked sleeps until then. */
async function answerTo(observation: Observation): Promise<BridgeAnswer> {
  try {
    failure = null;
    opened ??= open();
    const decision = await (await opened).tick(observation);
    return { decision, failure };
  } catch (error) {
    return { broken: (error as Error).message };
  }
}

port.on("message", (observation: Observation) => {
  void answerTo(observation).then((answer) => {
    port.postMessage(answer);
    Atomics.store(answered, 0, 1);
    Atomics.notify(answered, 0);
  });
});
