import type { Component } from "../graph/component.ts";
import type { Graph } from "../graph/graph.ts";
import type { DataObjects } from "./objects.ts";

/** One component of a deployment with all that its translation may ask. */
export interface Scope {
  graph: Graph;
  component: Component;
  namespace: string;
  objects: DataObjects;
  /** `local`: the runner's own deployments; `kubernetes`: those of an API server. */
  store: "local" | "kubernetes";
  /** GPU system on which mockers play real engines, such as `h200_sxm`; null: they are refused. */
  playEngines: string | null;
  /** Something for the user to read; the component's name goes before it. */
  note(text: string): void;
}
