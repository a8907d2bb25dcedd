import type { Backend, EngineLayout } from "#src/estimator";
import { Arguments } from "./engines/arguments.ts";
import { engineFlags, type ServedModel } from "./engines/engine.ts";
import type { Component } from "./graph/component.ts";
import type { DeploymentDialect } from "./types.ts";

/** Edits the arguments of a component's container; no arguments at the end leave none. */
export function editArguments(component: Component, edit: (args: Arguments) => void): void {
  const container = component.container();
  const args = new Arguments(component.command(), component.args());
  edit(args);
  const list = args.list();
  if (list.length > 0) container.args = list;
  else delete container.args;
}

/** Flags, GPUs of a node and nodes of one engine. */
export function setEngineLayout(
  worker: Component,
  backend: Backend,
  layout: EngineLayout,
  gpusPerNode: number,
  dialect: DeploymentDialect,
): void {
  worker.setGpus(Math.min(layout.gpus, gpusPerNode));
  worker.setNodeCount(Math.ceil(layout.gpus / gpusPerNode));
  editArguments(worker, (args) => engineFlags(backend).setLayout(args, layout, dialect));
}

export function setEngineModel(worker: Component, backend: Backend, model: ServedModel): void {
  editArguments(worker, (args) => engineFlags(backend).setModel(args, model));
}
