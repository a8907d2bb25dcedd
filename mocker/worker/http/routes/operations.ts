import type { FastifyInstance, FastifyReply } from "fastify";
import { PROMETHEUS_CONTENT_TYPE } from "#common/prometheus";
import { selfBenchmark } from "#mocker/engine";
import { type ApiKeys, invalidRequest, OpenAiError, serviceUnavailable, type WorkerLoad } from "#mocker/protocol";
import { contextOf } from "../context.ts";
import { benchmarkLines } from "../passes.ts";

/** Health, metrics, and what frontends and planners ask a worker. */
export function operationRoutes(app: FastifyInstance, keys: ApiKeys): void {
  const empty = (_: unknown, reply: FastifyReply) => reply.code(200).send();
  for (const path of ["/live", "/livez", "/ping"]) app.get(path, empty);
  app.post("/ping", empty);
  for (const path of ["/health", "/readyz"]) {
    app.get(path, (request, reply) => {
      const { state } = contextOf(request).running.worker;
      if (state !== "ready") throw serviceUnavailable(`The worker is ${state}.`, 1);
      return reply.code(200).send();
    });
  }

  app.get("/version", (request) => ({ version: contextOf(request).options.version }));

  app.get("/metrics", (request, reply) =>
    reply.header("content-type", PROMETHEUS_CONTENT_TYPE).send(contextOf(request).metrics.registry.text()),
  );

  app.get("/worker", (request) => contextOf(request).running.card());

  app.get("/worker/load", (request): WorkerLoad => {
    const { worker } = contextOf(request).running;
    const { prefillMs, preemptions } = worker.counters();
    return { ranks: worker.load(), prefillMs, preemptions };
  });

  // The passes after the one numbered `since`, the last `limit` of them, as JSON lines.
  app.get<{ Querystring: { since?: string; limit?: string } }>("/fpm", (request, reply) => {
    const { passes, clock, running } = contextOf(request);
    const since = wholeNumber("since", request.query.since, 0, 0);
    const limit = wholeNumber("limit", request.query.limit, 1, Number.MAX_SAFE_INTEGER);
    const { worker } = running;
    const loads = worker.load();
    passes.heartbeats(
      clock.toUnixMs(clock.nowMs()) / 1000,
      clock.timeScale,
      worker.batches().map((batch, rank) => ({ batch, usedBlocks: loads[rank]!.usedBlocks })),
    );
    return reply.header("content-type", "application/x-ndjson").send(passes.linesSince(running.id, since, limit));
  });

  // What the engine takes for passes of all sizes, in the same lines, before anybody asks it for anything.
  app.get("/fpm/benchmark", (request, reply) => {
    const { clock, running } = contextOf(request);
    const passes = selfBenchmark(running.worker.settings.engine);
    const lines = benchmarkLines(running.id, passes, clock.toUnixMs(clock.nowMs()) / 1000);
    return reply.header("content-type", "application/x-ndjson").send(lines);
  });

  app.get("/kv_events", (request, reply) => {
    const { kvEvents } = contextOf(request);
    if (kvEvents === null) {
      throw new OpenAiError({
        status: 404,
        type: "invalid_request_error",
        message: "This worker publishes no KV events.",
        code: "kv_events_off",
      });
    }
    reply.hijack();
    kvEvents.serve(request.raw, reply.raw);
  });

  app.post("/clear_kv_blocks", (request) => {
    keys.check(request.headers.authorization);
    contextOf(request).running.worker.clearKvBlocks();
    return { status: "ok" };
  });

  // Answers at once; `/health` says 503 from now on, and what is under way goes on to its end.
  app.post("/drain", (request) => {
    keys.check(request.headers.authorization);
    const { worker } = contextOf(request).running;
    worker.drain().catch((error: unknown) => request.log.error(error));
    return { state: worker.state };
  });
}

function wholeNumber(name: string, text: string | undefined, least: number, preset: number): number {
  const value = text === undefined ? preset : Number(text);
  if (text === "" || !Number.isSafeInteger(value) || value < least) {
    throw invalidRequest(`Invalid '${name}': expected a whole number of ${least} or more.`, name);
  }
  return value;
}
