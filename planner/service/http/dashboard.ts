import type { FastifyInstance, FastifyReply } from "fastify";
import { type ServerOptions, serviceServer } from "./server.ts";

/** Draws what the planner saw and did; made where pages are made. */
export interface DashboardPage {
  /** The whole page, which asks for `/content` at every event of `/events`. */
  whole(): string;
  /** What of it changes. */
  content(): string;
  /** What an element of it opens to, by the name that it has for it; null: there is none such (any more). */
  fragment(name: string): string | null;
}

export interface DashboardOptions extends ServerOptions {
  page: DashboardPage;
}

const MOST_VIEWERS = 64;
/** Comments that keep a connection alive through proxies, ms. */
const KEEP_ALIVE_MS = 15_000;

/** The dashboard: a page, and an event at each tick. `tick` tells it of one. */
export function dashboardApp({ page, ...options }: DashboardOptions): {
  app: FastifyInstance;
  tick(number: number): void;
} {
  const app = serviceServer({ ...options, forBrowsers: true });
  const viewers = new Set<FastifyReply>();
  app.get("/", (_request, reply) => reply.type("text/html; charset=utf-8").send(page.whole()));
  app.get("/content", (_request, reply) => reply.type("text/html; charset=utf-8").send(page.content()));
  app.get<{ Params: { name: string } }>("/ticks/:name", (request, reply) => {
    const fragment = page.fragment(request.params.name);
    if (fragment === null) return reply.code(404).send({ error: "no such tick is remembered" });
    return reply.type("text/html; charset=utf-8").send(fragment);
  });
  app.get("/favicon.ico", (_request, reply) => reply.code(204).send());
  app.get("/events", (_request, reply) => {
    if (viewers.size >= MOST_VIEWERS) return reply.code(503).send({ error: "too many viewers" });
    reply.hijack();
    reply.raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    reply.raw.write(": the planner's ticks\n\n");
    viewers.add(reply);
    const alive = setInterval(() => reply.raw.write(":\n\n"), KEEP_ALIVE_MS);
    alive.unref();
    reply.raw.once("close", () => {
      clearInterval(alive);
      viewers.delete(reply);
    });
  });
  return {
    app,
    tick: (number) => {
      for (const { raw } of viewers) raw.write(`event: tick\ndata: ${number}\n\n`);
    },
  };
}
