import type { FastifyInstance } from "fastify";
import { type ApiKeys, modelNotFound } from "#mocker/protocol";
import { contextOf, type WorkerContext } from "../context.ts";

/** The names a worker's model goes by, its own first. */
export function modelNames(context: WorkerContext): readonly string[] {
  return [context.running.worker.settings.model, ...context.options.modelAliases];
}

/** @throws OpenAiError 404 for a model that this worker does not serve */
export function requireModel(context: WorkerContext, model: string | null): string {
  const own = context.running.worker.settings.model;
  if (model === null || model === "" || model === own) return own;
  if (!context.options.modelAliases.includes(model)) throw modelNotFound(model);
  return model;
}

export function modelRoutes(app: FastifyInstance, keys: ApiKeys): void {
  app.get("/v1/models", (request) => {
    keys.check(request.headers.authorization);
    const context = contextOf(request);
    return { object: "list", data: modelNames(context).map((name) => modelCard(context, name)) };
  });

  // A name may hold slashes.
  app.get<{ Params: { "*": string } }>("/v1/models/*", (request) => {
    keys.check(request.headers.authorization);
    const context = contextOf(request);
    const name = request.params["*"];
    if (!modelNames(context).includes(name)) throw modelNotFound(name);
    return modelCard(context, name);
  });
}

function modelCard(context: WorkerContext, name: string) {
  const { model, engine } = context.running.worker.settings;
  return {
    id: name,
    object: "model",
    created: context.createdUnixS,
    owned_by: "understudy",
    root: model,
    parent: name === model ? null : model,
    max_model_len: engine.maxModelLen ?? engine.numGpuBlocks * engine.blockSize,
  };
}
