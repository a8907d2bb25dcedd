import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { RequestOrigin } from "#common/http";
import {
  foreignOrigin,
  invalidSelection,
  malformed,
  notFound,
  notJson,
  Refused,
  tooLarge,
  wrongMethod,
} from "../errors.ts";
import type { SelectionReply, WebUiSession } from "../types.ts";
import { checkHost, checkOrigin } from "./guard.ts";
import type { PageFile } from "./page-files.ts";

const BODY_LIMIT_BYTES = 1024;
const REQUEST_TIMEOUT_MS = 10_000;

/** The page runs its own scripts and styles, talks to its own server, and stands in no frame. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
} as const;

export interface AppOptions {
  files: ReadonlyMap<string, PageFile>;
  /** `webui_data.json` */
  data: string;
  /** What else this server is called. */
  names: readonly string[];
  session: () => WebUiSession;
  /** YAML of a prefill and a decode row; undefined where there are no such rows. */
  preview: (prefill: number, decode: number) => string | undefined;
  pick: (request: unknown) => SelectionReply;
  /** After the answer to a pick left; with it the server may go. */
  picked: () => void;
}

/** The WebUI's HTTP application: the page, its data, and the selection. */
export function webUiApp(options: AppOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    exposeHeadRoutes: true,
    forceCloseConnections: true,
    frameworkErrors: (error, _request, reply) => answerError(error, reply),
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(HEADERS);
    checkHost(originOf(request), options.names);
  });

  for (const [path, { type, body }] of options.files) {
    app.get(path, (_request, reply) => reply.type(type).send(body));
  }
  app.get("/favicon.ico", (_request, reply) => reply.code(204).send());
  app.get("/webui_data.json", (_request, reply) => reply.type("application/json; charset=utf-8").send(options.data));
  app.get("/session", async () => options.session());
  app.get("/config", (request, reply) => {
    const { prefill, decode } = request.query as Record<string, unknown>;
    const yaml = options.preview(rowNumber(prefill, "prefill"), rowNumber(decode, "decode"));
    if (yaml === undefined) throw notFound();
    return reply.type("text/plain; charset=utf-8").send(yaml);
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, JSON.parse(body as string));
    } catch {
      done(invalidSelection("the body is not JSON"));
    }
  });
  app.post("/selection", {
    onRequest: async (request) => checkOrigin(originOf(request)),
    handler: async (request, reply) => {
      if (request.headers["content-type"] === undefined) throw notJson();
      const answer = options.pick(request.body);
      if (answer.complete) {
        reply.header("connection", "close");
        reply.raw.once("close", options.picked);
      }
      return answer;
    },
  });

  app.setErrorHandler((error: Error, _request, reply) => answerError(error, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?")[0]!;
    const known = (["GET", "POST"] as const).some((method) => app.findRoute({ method, url: path }) !== null);
    return answerError(known ? wrongMethod() : notFound(), reply);
  });
  return app;
}

function originOf({ headers }: FastifyRequest): RequestOrigin {
  const fetchSite = headers["sec-fetch-site"];
  if (Array.isArray(fetchSite)) throw foreignOrigin();
  return { host: headers.host, origin: headers.origin, fetchSite };
}

function rowNumber(value: unknown, name: string): number {
  if (typeof value !== "string" || !/^\d{1,9}$/.test(value)) throw malformed(`expected a row number as ${name}`);
  return Number(value);
}

function answerError(error: Error, reply: FastifyReply) {
  const refused = asRefused(error);
  return reply
    .code(refused.status)
    .headers({ ...HEADERS, connection: "close" })
    .send(refused.body());
}

function asRefused(error: Error): Refused {
  if (error instanceof Refused) return error;
  const { code, statusCode = 500 } = error as FastifyError;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") return tooLarge(BODY_LIMIT_BYTES);
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") return notJson();
  if (statusCode < 500) return malformed("The request is not well formed.");
  return new Refused(500, "internal", "The server failed.");
}
