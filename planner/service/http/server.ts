import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type BearerTokens, hostPort, isOwnHost, isOwnOrigin, type RequestOrigin } from "#common/http";
import { ControlRefused } from "../minimum.ts";

const BODY_LIMIT_BYTES = 16_384;
const REQUEST_TIMEOUT_MS = 10_000;
const BASIC_CHALLENGE = 'Basic realm="understudy planner", charset="UTF-8"';

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; font-src data:; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
} as const;

export interface ServerOptions {
  tokens: BearerTokens;
  /** What else this server is called: the host that it listens on. */
  names: readonly string[];
  /** Paths that need no token. */
  open?: readonly string[];
  /** Whether people open it in a browser, which asks them for a password and can send no other header: the token is the password. Default false. */
  forBrowsers?: boolean;
}

/** An HTTP application of the service: judges who asks, answers every fault as `{"error": …}`. */
export function serviceServer({ tokens, names, open = [], forBrowsers = false }: ServerOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    exposeHeadRoutes: true,
    forceCloseConnections: true,
    frameworkErrors: (error, _request, reply) => void answer(reply, refusedBy(error)),
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(HEADERS);
    const origin = originOf(request);
    if (!isOwnHost(origin, names)) throw new ControlRefused(403, "this server has another name");
    if (request.method !== "GET" && request.method !== "HEAD" && !isOwnOrigin(origin)) {
      throw new ControlRefused(403, "requests of other pages are refused");
    }
    if (open.includes(request.url.split("?")[0]!)) return;
    const { authorization } = request.headers;
    if (tokens.judge(forBrowsers ? bearerOf(authorization) : authorization) !== "ok") {
      reply.header("www-authenticate", forBrowsers ? ["Bearer", BASIC_CHALLENGE] : "Bearer");
      throw new ControlRefused(
        401,
        `a bearer token is needed: Authorization: Bearer …${forBrowsers ? ", or as the password of any user" : ""}`,
      );
    }
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, JSON.parse(body as string));
    } catch {
      done(new ControlRefused(400, "the body is not JSON"));
    }
  });
  app.setErrorHandler((error: Error, _request, reply) => answer(reply, refusedBy(error)));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?")[0]!;
    const isKnown = (["GET", "PATCH", "POST"] as const).some((method) => app.findRoute({ method, url: path }) !== null);
    return answer(
      reply,
      isKnown
        ? new ControlRefused(405, `${request.method} is not allowed here`)
        : new ControlRefused(404, "there is nothing here"),
    );
  });
  return app;
}

/** Listens, and tells the address as a user can open it. */
export async function listenAt(app: FastifyInstance, host: string, port: number): Promise<string> {
  await app.listen({ host, port });
  const address = app.server.address();
  const actual = typeof address === "object" && address !== null ? address.port : port;
  return `http://${hostPort(host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host, actual)}`;
}

/** What a browser sends (RFC 7617), as a bearer token; anything else as it is. */
function bearerOf(authorization: string | undefined): string | undefined {
  const credentials = /^Basic +(\S+) *$/i.exec(authorization ?? "")?.[1];
  if (credentials === undefined) return authorization;
  const text = Buffer.from(credentials, "base64").toString("utf8");
  return `Bearer ${text.slice(text.indexOf(":") + 1)}`;
}

function originOf({ headers }: FastifyRequest): RequestOrigin {
  const fetchSite = headers["sec-fetch-site"];
  return { host: headers.host, origin: headers.origin, fetchSite: Array.isArray(fetchSite) ? "cross-site" : fetchSite };
}

function answer(reply: FastifyReply, refused: ControlRefused) {
  return reply.code(refused.status).headers(HEADERS).send({ error: refused.message });
}

function refusedBy(error: Error): ControlRefused {
  if (error instanceof ControlRefused) return error;
  const { code, statusCode = 500 } = error as FastifyError;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return new ControlRefused(413, `the body is larger than ${BODY_LIMIT_BYTES} bytes`);
  }
  if (statusCode < 500) return new ControlRefused(400, "the request is not well formed");
  return new ControlRefused(500, "the planner failed to answer");
}
