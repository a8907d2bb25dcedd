import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { PROMETHEUS_CONTENT_TYPE } from "#common/prometheus";
import {
  ApiKeys,
  answerClientError,
  answerErrors,
  answerFrameworkError,
  HEADERS,
  invalidRequest,
  modelNotFound,
  requestIdOf,
  unsupportedMediaType,
} from "#mocker/protocol";
import type { FrontendLimits, FrontendOptions, WorkerView } from "../types.ts";
import { clearKvBlocks } from "./clear-kv-blocks.ts";
import type { FrontendContext } from "./context.ts";
import { embed } from "./embed.ts";
import { generate } from "./generate.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Model ms at which its head was there. */
    arrivalMs: number;
  }
}

/** Longer than load balancers keep theirs (60 s), so that it is never the server that hangs up in between. */
const KEEP_ALIVE_MS = 75_000;
const HEADERS_TIMEOUT_MS = 60_000;
/** Asked by probes and scrapers that have no key. */
const OPEN_PATHS = new Set(["/health", "/live", "/metrics"]);

export interface AppOptions {
  limits: Pick<FrontendLimits, "maxBodyBytes" | "requestTimeoutMs">;
  logLevel: NonNullable<FrontendOptions["logLevel"]>;
  workers(): WorkerView[];
}

/** The frontend's HTTP surface. */
export function frontendApp(context: FrontendContext, options: AppOptions): FastifyInstance {
  const { maxBodyBytes, requestTimeoutMs } = options.limits;
  const app = fastify({
    logger: options.logLevel === "silent" ? false : { level: options.logLevel, stream: process.stderr },
    logController: new fastify.LogController({ disableRequestLogging: true }),
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Draining ends when requests have ended; fastify must not hurry it.
    return503OnClosing: false,
    forceCloseConnections: false,
    exposeHeadRoutes: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: answerFrameworkError,
    genReqId: (request) => requestIdOf(request.headers),
    http: {
      // Node takes the longer of the two for the whole request, whichever it is.
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
      connectionsCheckingInterval: Math.min(5000, Math.max(100, requestTimeoutMs / 4)),
    },
  });
  const keys = new ApiKeys(context.apiKeys);

  app.decorateRequest("arrivalMs", 0);
  app.addHook("onRequest", async (request, reply) => {
    request.arrivalMs = context.clock.nowMs();
    reply.header(HEADERS.requestId, request.id);
    if (context.draining) reply.header("connection", "close");
    if (!OPEN_PATHS.has(request.url.split("?")[0]!)) keys.check(request.headers.authorization);
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (request, body, done) => {
    const type = request.headers["content-type"] ?? "";
    if (/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) done(null, body);
    else done(unsupportedMediaType(type), undefined);
  });
  answerErrors(app, maxBodyBytes, ({ method, url }, { status }) => {
    if (status < 500 && method === "POST") context.metrics.refused(url.split("?")[0]!, status);
  });

  app.post("/v1/chat/completions", (request, reply) => generate(context, "chat_completions", request, reply));
  app.post("/v1/completions", (request, reply) => generate(context, "completions", request, reply));
  app.post("/v1/responses", (request, reply) => generate(context, "responses", request, reply));
  app.post("/v1/embeddings", (request, reply) => embed(context, request, reply));
  inspection(app, context, options);
  return app;
}

/** What operators, planners and probes read. */
function inspection(app: FastifyInstance, context: FrontendContext, options: AppOptions): void {
  const { fleet, metrics, events } = context;
  const models = () => fleet.models().map(modelCard);
  app.get("/v1/models", () => ({ object: "list", data: models() }));
  // A name may hold slashes.
  app.get<{ Params: { "*": string } }>("/v1/models/*", (request) => {
    const name = request.params["*"];
    const card = models().find(({ id }) => id === name);
    if (card === undefined) throw modelNotFound(name);
    return card;
  });
  app.get("/live", () => ({ status: "live" }));
  app.get("/health", (_, reply) => {
    const models = fleet.models().map(({ name }) => name);
    if (context.draining) return reply.code(503).send({ status: "draining", models });
    return { status: "healthy", models, workers: options.workers().filter(({ state }) => state === "ready").length };
  });
  app.get("/metrics", (_, reply) => reply.type(PROMETHEUS_CONTENT_TYPE).send(metrics.registry.text()));
  app.get("/workers", () => ({ workers: options.workers() }));
  app.get("/requests", (request: FastifyRequest, reply: FastifyReply) => {
    const since = Number((request.query as Record<string, string>).since ?? 0);
    if (!Number.isSafeInteger(since) || since < 0)
      throw invalidRequest("'since' takes a whole number of 0 or more.", "since");
    const lines = events.since(since).map((event) => `${JSON.stringify(event)}\n`);
    return reply.type("application/x-ndjson").send(lines.join(""));
  });
  app.post("/clear_kv_blocks", () => clearKvBlocks(context));
}

function modelCard({ name, since, pools }: ReturnType<FrontendContext["fleet"]["models"]>[number]) {
  const card = [...pools.values()].flatMap(({ members }) => [...members])[0]?.card;
  return {
    id: name,
    object: "model",
    created: since,
    owned_by: "understudy",
    ...(card && card.contextLength > 0 ? { max_model_len: card.contextLength } : {}),
  };
}
