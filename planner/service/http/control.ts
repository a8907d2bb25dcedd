import type { FastifyInstance } from "fastify";
import { PROMETHEUS_CONTENT_TYPE } from "#common/prometheus";
import type { PlannerMetrics } from "../metrics.ts";
import { ControlRefused, type MinimumEndpoints } from "../minimum.ts";
import type { PlannerService } from "../service.ts";
import { type ServerOptions, serviceServer } from "./server.ts";

export interface ControlOptions extends ServerOptions {
  service: PlannerService;
  minimum: MinimumEndpoints;
  metrics: PlannerMetrics;
  /** How long a change waits for a decision under way, ms. Default 1000. */
  lockTimeoutMs?: number;
}

const LOCK_TIMEOUT_MS = 1000;
const LOCK_POLL_MS = 20;
const MOST_SNAPSHOTS = 1000;

/** The control API: limits that can be changed, what the planner does and has done, its health. */
export function controlApp(options: ControlOptions): FastifyInstance {
  const { service, minimum, metrics, lockTimeoutMs = LOCK_TIMEOUT_MS } = options;
  const app = serviceServer({ ...options, open: ["/health", "/ready"] });

  app.get("/health", async () => ({ status: "ok" }));
  app.get("/ready", async (_request, reply) => {
    const last = service.snapshots.last;
    const isReady = last !== undefined && last.state !== null && last.observed !== null;
    return reply.code(isReady ? 200 : 503).send({ ready: isReady, leader: service.isLeader });
  });
  app.get("/metrics", (_request, reply) => reply.type(PROMETHEUS_CONTENT_TYPE).send(metrics.registry.text()));

  app.get("/v1/min-endpoints", async () => minimum.read());
  app.patch("/v1/min-endpoints", async (request) => {
    // A change in the middle of a decision would count for one half of it.
    for (let waitedMs = 0; service.isTicking; waitedMs += LOCK_POLL_MS) {
      if (waitedMs >= lockTimeoutMs) throw new ControlRefused(503, "a decision is in progress, try again");
      await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
    }
    return minimum.change(request.body);
  });

  app.get("/v1/status", async () => {
    const { counters, isLeader, gpuHours, snapshots } = service;
    return { leader: isLeader, gpu_hours: gpuHours, ...counters, last: snapshots.last ?? null };
  });
  app.get("/v1/snapshots", async (request) => {
    const { after = "0", limit = "100" } = request.query as Record<string, string>;
    const [from, most] = [wholeNumber("after", after), wholeNumber("limit", limit)];
    return {
      dropped: service.snapshots.dropped,
      snapshots: service.snapshots.since(from, Math.min(most, MOST_SNAPSHOTS)),
    };
  });
  return app;
}

/** Metrics alone, for a port that many may read. */
export function metricsApp({ metrics, ...options }: ServerOptions & { metrics: PlannerMetrics }): FastifyInstance {
  const app = serviceServer(options);
  app.get("/health", async () => ({ status: "ok" }));
  app.get("/metrics", (_request, reply) => reply.type(PROMETHEUS_CONTENT_TYPE).send(metrics.registry.text()));
  return app;
}

function wholeNumber(name: string, text: unknown): number {
  if (typeof text === "string" && /^\d{1,12}$/.test(text)) return Number(text);
  throw new ControlRefused(400, `${name}: found ${JSON.stringify(text)}, expected a whole number`);
}
