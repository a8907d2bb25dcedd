import { Readable } from "node:stream";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type BearerTokens, isOwnHost, isOwnOrigin, type RequestOrigin } from "#common/http";
import {
  type ControlFault,
  DEPLOYMENTS_PATH,
  type DeploymentKey,
  LONGEST_WAIT_S,
  type LocalDeployment,
  scaleBodySchema,
} from "#planner/connectors";
import { planFromJson } from "../plan/plan-json.ts";
import { readLog } from "../runner/logs.ts";
import type { Runner } from "../runner/runner.ts";
import { ScaleRefused, UNKNOWN_COMPONENT } from "../runner/scale.ts";

const BODY_LIMIT_BYTES = 262_144;
/** A plan carries its files: ConfigMaps have 1 MiB at most each. */
const PLAN_LIMIT_BYTES = 64 * 2 ** 20;
const REQUEST_TIMEOUT_MS = 10_000;
const MOST_TAIL_LINES = 1_000_000;

export interface ControlAppOptions {
  runner: Runner;
  tokens: BearerTokens;
  /** Told when somebody has asked for the end of a deployment, once nothing of it is left. */
  onRemoved?: () => void;
}

class Refused extends Error {
  readonly status: number;
  readonly fault: ControlFault["error"];

  constructor(status: number, code: string, message: string, hint?: string) {
    super(message);
    this.status = status;
    this.fault = { code, message, ...(hint === undefined ? {} : { hint }) };
  }
}

interface Key {
  Params: { ns: string; name: string };
}
const ONE = `${DEPLOYMENTS_PATH.replace(/\/deployments$/, "")}/namespaces/:ns/deployments/:name`;

/** The control API over a runner, for loopback: who asks must have the token, and mean this server. */
export function controlApp({ runner, tokens, onRemoved }: ControlAppOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 300 },
    frameworkErrors: (error, _request, reply) => void answer(reply, faultOf(error)),
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.header("cache-control", "no-store").header("x-content-type-options", "nosniff");
    const origin = originOf(request);
    if (!isOwnHost(origin, [])) throw new Refused(403, "wrong-host", "this server has another name");
    if (request.method !== "GET" && !isOwnOrigin(origin)) {
      throw new Refused(403, "wrong-origin", "requests of other pages are refused");
    }
    if (tokens.judge(request.headers.authorization) !== "ok") {
      reply.header("www-authenticate", "Bearer");
      throw new Refused(401, "unauthorized", "a bearer token is needed", "control.json names the file that holds it");
    }
  });
  app.setErrorHandler((error: Error, _request, reply) => answer(reply, faultOf(error)));
  app.setNotFoundHandler((_request, reply) => answer(reply, new Refused(404, "not-found", "there is nothing here")));

  app.get(DEPLOYMENTS_PATH, () => ({ items: runner.views() }));

  app.get<Key & { Querystring: { resourceVersion?: string; wait?: string } }>(ONE, async (request, reply) => {
    const { resourceVersion, wait = "0" } = request.query;
    const key = keyOf(request.params);
    const now = found(runner.view(key), key);
    if (resourceVersion === undefined) return now;
    const version = wholeNumber("resourceVersion", resourceVersion, Number.MAX_SAFE_INTEGER);
    const waitS = wholeNumber("wait", wait, LONGEST_WAIT_S);
    if (now.resourceVersion > version || waitS === 0) return now;
    await changeAbove(runner, key, version, waitS * 1000, reply);
    return found(runner.view(key), key);
  });

  app.patch<Key>(`${ONE}/scale`, (request) => {
    const key = keyOf(request.params);
    const body = scaleBodySchema.safeParse(request.body);
    if (!body.success) {
      const [issue] = body.error.issues;
      const where = issue?.path.join(".") || "body";
      throw new Refused(422, "bad-scale", `${where}: ${issue?.message}`, 'expected {"replicas": {"<component>": <n>}}');
    }
    const { replicas, reason = "", resourceVersion } = body.data;
    return found(runner.scale(key, { replicas, reason, resourceVersion }), key);
  });

  // Of our own command line: a manifest is planned where its files are.
  app.put<Key>(ONE, { bodyLimit: PLAN_LIMIT_BYTES }, async (request) => {
    const key = keyOf(request.params);
    const plan = planFromJson(request.body);
    if (plan === null || plan.namespace !== key.namespace || plan.name !== key.name) {
      throw new Refused(422, "bad-plan", "the body is no plan of this deployment", "`understudy up FILE` makes one");
    }
    await runner.apply(plan);
    return found(runner.view(key), key);
  });

  app.get<Key & { Querystring: { since?: string } }>(`${ONE}/events`, (request) => {
    const since = wholeNumber("since", request.query.since ?? "0", Number.MAX_SAFE_INTEGER);
    const key = keyOf(request.params);
    return found(runner.events(key, since), key);
  });

  app.get<Key & { Params: { replica: string }; Querystring: { tail?: string; follow?: string } }>(
    `${ONE}/logs/:replica`,
    (request, reply) => {
      const { tail, follow } = request.query;
      const key = keyOf(request.params);
      found(runner.view(key), key);
      const { replica } = request.params as Key["Params"] & { replica: string };
      const path = runner.logOf(key, replica);
      if (path === null) throw new Refused(404, "not-found", `${key.name} has no replica "${replica}"`);
      const lines = tail === undefined ? undefined : wholeNumber("tail", tail, MOST_TAIL_LINES);
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      const unsubscribe = runner.subscribe(() => {
        if (runner.logOf(key, replica) === null) gone.abort();
      });
      gone.signal.addEventListener("abort", unsubscribe, { once: true });
      const text = readLog(path, { tail: lines, follow: follow === "true" ? gone.signal : undefined });
      return reply.type("text/plain; charset=utf-8").send(Readable.from(text));
    },
  );

  app.delete<Key>(ONE, (request, reply) => {
    const key = keyOf(request.params);
    found(runner.view(key), key);
    void runner.remove(key).then(onRemoved);
    return reply.code(202).send(runner.view(key));
  });
  return app;
}

function changeAbove(
  runner: Runner,
  key: DeploymentKey,
  version: number,
  waitMs: number,
  reply: FastifyReply,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      unsubscribe();
      reply.raw.off("close", done);
      resolve();
    };
    const timer = setTimeout(done, waitMs);
    const unsubscribe = runner.subscribe(() => {
      if ((runner.view(key)?.resourceVersion ?? Number.POSITIVE_INFINITY) > version) done();
    });
    reply.raw.once("close", done);
  });
}

function keyOf({ ns, name }: Key["Params"]): DeploymentKey {
  return { namespace: ns, name };
}

function found<Value extends LocalDeployment | object>(value: Value | null, { namespace, name }: DeploymentKey): Value {
  if (value !== null) return value;
  throw new Refused(404, "not-found", `there is no deployment "${name}" in namespace "${namespace}"`);
}

function wholeNumber(name: string, text: string, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  throw new Refused(400, "bad-query", `${name}: found ${JSON.stringify(text)}, expected a whole number up to ${most}`);
}

function originOf({ headers }: FastifyRequest): RequestOrigin {
  const fetchSite = headers["sec-fetch-site"];
  return { host: headers.host, origin: headers.origin, fetchSite: Array.isArray(fetchSite) ? "cross-site" : fetchSite };
}

function answer(reply: FastifyReply, { status, fault }: Refused) {
  return reply.code(status).send({ error: fault });
}

function faultOf(error: Error): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof ScaleRefused) {
    return new Refused(error.code === UNKNOWN_COMPONENT ? 422 : 409, error.code, error.message, error.hint);
  }
  const { code, statusCode = 500 } = error as FastifyError;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return new Refused(413, "too-large", "the body is too large");
  }
  if (statusCode < 500) return new Refused(statusCode, "bad-request", "the request is not well formed");
  return new Refused(500, "internal", "the runner failed to answer");
}
