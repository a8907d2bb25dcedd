import { columnsSource, ownBlocksSource } from "./content.ts";
import { SkippingSglangEngine } from "./sglang/skipping.ts";
import { SglangEngine } from "./sglang/stepping.ts";
import { SequenceStore } from "./skipping/sequence-store.ts";
import { SkippingEngine } from "./skipping/skipping.ts";
import { SteppingEngine } from "./stepping.ts";
import type { Engine, EngineConfig, EngineListener, LiveEngine, RequestColumns, RequestSource } from "./types.ts";

/** Makes the engines of one pool, each of the family its configuration names. */
export type EngineFactory<Made extends Engine = Engine> = (config: EngineConfig, listener: EngineListener) => Made;

/** Engines that go pass by pass. */
export function steppingEngines(requests: RequestSource): EngineFactory<LiveEngine> {
  return (config, listener) =>
    config.family === "sglang"
      ? new SglangEngine(config, requests, listener)
      : new SteppingEngine(config, requests, listener);
}

/** Engines for simulations, which share the state of their pool's requests in columns. */
export function skippingEngines(columns: RequestColumns): EngineFactory {
  let store: SequenceStore | null = null;
  const requests = ownBlocksSource(columns);
  return (config, listener) => {
    if (config.family === "sglang") return new SkippingSglangEngine(config, requests, listener);
    store ??= new SequenceStore(columns);
    return new SkippingEngine(config, store, listener);
  };
}

/** The engines of a pool by kind: `skipping` for speed, `stepping` its readable twin. */
export function engineFactory(kind: "stepping" | "skipping", columns: RequestColumns): EngineFactory {
  return kind === "stepping" ? steppingEngines(columnsSource(columns)) : skippingEngines(columns);
}
