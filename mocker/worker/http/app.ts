import { createServer } from "node:http";
import fastify, { type FastifyInstance, LogController } from "fastify";
import { ApiKeys, answerErrors, answerFrameworkError, requestIdOf } from "#mocker/protocol";
import type { RunningWorker, WorkerHttpAppFactory } from "../core/host-types.ts";
import { markRequest, type WorkerContext, workerContext } from "./context.ts";
import { HeadSweep } from "./generation/head-sweep.ts";
import { resolveHttpOptions, type WorkerHttpOptions } from "./options.ts";
import { generationRoutes } from "./routes/generation.ts";
import { kvTransferRoutes } from "./routes/kv-transfer.ts";
import { modelRoutes } from "./routes/models.ts";
import { operationRoutes } from "./routes/operations.ts";
import { tokenizeRoutes } from "./routes/tokenize.ts";

/** The HTTP surface of all workers of a process: one application, whose requests say which worker they came to. */
export function workerHttpApp(options: WorkerHttpOptions = {}): WorkerHttpAppFactory {
  const resolved = resolveHttpOptions(options);
  return async ({ clock }) => {
    const contexts = new Map<RunningWorker, WorkerContext>();
    const heads = new HeadSweep(resolved.headAfterMs);
    const app = application(resolved.bodyLimitBytes, resolved.logLevel);
    const keys = new ApiKeys(resolved.apiKeys);
    operationRoutes(app, keys);
    kvTransferRoutes(app);
    modelRoutes(app, keys);
    tokenizeRoutes(app, keys);
    generationRoutes(app, keys, heads);
    await app.ready();
    return {
      async attach(running) {
        const context = workerContext(running, clock, resolved);
        contexts.set(running, context);
        await context.publish((error) => app.log.error(error));
      },
      detach(running) {
        contexts.get(running)?.close();
        contexts.delete(running);
      },
      handle(running, request, response) {
        const context = contexts.get(running);
        if (context === undefined) {
          response.destroy();
          return;
        }
        markRequest(request, context);
        app.routing(request, response);
      },
      async close() {
        heads.close();
        for (const context of contexts.values()) context.close();
        contexts.clear();
        await app.close();
      },
    };
  };
}

/** A fastify application that answers every error in OpenAI's shape; its own server never listens. */
function application(bodyLimitBytes: number, logLevel: string): FastifyInstance {
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    logController: new LogController({ disableRequestLogging: true }),
    logger: { level: logLevel, stream: process.stderr },
    requestIdHeader: false,
    genReqId: ({ headers }) => requestIdOf(headers),
    exposeHeadRoutes: false,
    serverFactory: (handler) => createServer(handler),
    frameworkErrors: answerFrameworkError,
  });
  // Of JSON alone; the parser of plain text would let bodies through that nobody reads.
  app.removeContentTypeParser("text/plain");
  answerErrors(app, bodyLimitBytes);
  return app;
}
