import type { FastifyInstance } from "fastify";
import { wallClock } from "#common";
import type { EngineRole } from "#mocker/engine";
import type { WorkerCard } from "#mocker/protocol";
import { createRouter, FRONTEND_MAX_ATTEMPTS, kvRouterIn, type Router, type RouterSettings } from "#mocker/router";
import { builtinTokenizer } from "#mocker/text";
import { FileDiscovery } from "./discovery/file.ts";
import { ManualDiscovery } from "./discovery/manual.ts";
import { StaticDiscovery } from "./discovery/static.ts";
import type { Discovery } from "./discovery/types.ts";
import { drained } from "./draining.ts";
import { cannotListen, portTaken } from "./errors.ts";
import type { Backend } from "./fleet/backend.ts";
import { Fleet } from "./fleet/fleet.ts";
import { Health } from "./fleet/health.ts";
import { KvFollowers } from "./fleet/kv-followers.ts";
import { frontendApp } from "./http/app.ts";
import type { FrontendContext } from "./http/context.ts";
import { FrontendMetrics } from "./metrics/metrics.ts";
import { RequestEvents } from "./metrics/request-events.ts";
import { RequestDispatcher } from "./serving/dispatcher.ts";
import { InFlight } from "./serving/in-flight.ts";
import { WaitingRoom } from "./serving/waiting-room.ts";
import type { DiscoveryOptions, Frontend, FrontendLimits, FrontendOptions, WorkerView } from "./types.ts";

export const DEFAULT_LIMITS: Readonly<FrontendLimits> = {
  maxInFlight: 100_000,
  maxQueued: 20_000,
  queueTimeoutMs: 300_000,
  maxBodyBytes: 16 << 20,
  requestTimeoutMs: 60_000,
  workerTimeoutMs: 600_000,
  maxAttempts: FRONTEND_MAX_ATTEMPTS,
};
const CONNECT_TIMEOUT_MS = 3000;
const HEALTH_INTERVAL_MS = 5000;
const HEALTH_TIMEOUT_MS = 2000;
const EVENT_CAPACITY = 100_000;

/** Starts the gateway in front of workers; it listens when the promise resolves. */
export async function startFrontend(options: FrontendOptions): Promise<Frontend> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const clock = options.clock ?? wallClock();
  const { router = "round-robin" } = options;
  const settings = typeof router === "string" ? { mode: router } : router;
  const workerHeaders: Record<string, string> =
    options.workerApiKey === undefined ? {} : { authorization: `Bearer ${options.workerApiKey}` };
  const fleet = new Fleet({
    timeouts: { connectMs: CONNECT_TIMEOUT_MS, answerMs: limits.workerTimeoutMs },
    router: (role, card) => routerOf(settings, role, card, options.seed ?? 0),
  });
  const health = new Health(fleet, {
    intervalMs: options.healthIntervalMs ?? HEALTH_INTERVAL_MS,
    timeoutMs: options.healthTimeoutMs ?? HEALTH_TIMEOUT_MS,
    headers: workerHeaders,
  });
  const metrics = new FrontendMetrics(clock);
  const room = new WaitingRoom({ limit: limits.maxQueued, timeoutMs: limits.queueTimeoutMs, clock });
  metrics.watch(fleet, () => room.count, limits.maxAttempts - 1);
  const context: FrontendContext = {
    clock,
    fleet,
    room,
    inFlight: new InFlight(limits.maxInFlight, room),
    dispatcher: new RequestDispatcher({
      fleet,
      health,
      room,
      metrics,
      maxAttempts: limits.maxAttempts,
      workerHeaders,
      nowMs: () => clock.nowMs(),
    }),
    metrics,
    events: new RequestEvents(options.eventCapacity ?? EVENT_CAPACITY),
    sla: { ttftMs: options.sla?.ttftMs ?? null, itlMs: options.sla?.itlMs ?? null },
    tokenizer: options.tokenizer ?? builtinTokenizer(),
    namesBlocks: settings.mode === "kv",
    workerHeaders,
    apiKeys: options.apiKeys ?? [],
    draining: false,
  };
  const workers = () => [...fleet.backends()].map((backend) => viewOf(fleet, backend));
  const app = frontendApp(context, { limits, logLevel: options.logLevel ?? "warn", workers });
  const followers = new KvFollowers(fleet, workerHeaders);
  const discovery = await discoveryOf(options.discovery, (problem) => {
    if (problem === null) app.log.info("workers are discovered again");
    else app.log.warn(`workers can't be discovered now: ${problem}`);
  });
  const url = await listen(app, options.host ?? "127.0.0.1", options.port ?? 0);

  let ending: Promise<void> | null = null;
  const end = async () => {
    health.stop();
    await discovery.stop();
    followers.close();
    await fleet.close();
    app.server.closeAllConnections();
    await app.close();
  };
  try {
    await discovery.start(fleet);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    url,
    clock,
    discovery: manualControls(discovery),
    workers,
    whenReady: (count) => whenReady(fleet, count),
    drain: async (how = {}) => {
      await drained(app, context, how);
      ending ??= end();
      await ending;
    },
    close: async () => {
      ending ??= end();
      await ending;
    },
  };
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    await app.close();
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") throw portTaken(host, port, error);
    throw cannotListen(host, port, error as Error);
  }
}

function routerOf(settings: RouterSettings, role: EngineRole, card: WorkerCard, seed: number): Router {
  return createRouter(settings, seed, {
    role,
    blockSize: Math.max(1, card.blockSize),
    // A server that has no card does not say.
    maxBatchedTokens: card.maxNumBatchedTokens > 0 ? card.maxNumBatchedTokens : null,
    tellsEvents: card.kvEvents,
    model: card.model,
  });
}

async function discoveryOf(options: DiscoveryOptions, told: (problem: string | null) => void): Promise<Discovery> {
  switch (options.kind) {
    case "static":
      return new StaticDiscovery(options.workers);
    case "manual":
      return new ManualDiscovery();
    case "custom":
      return options.discovery;
    case "file":
      return new FileDiscovery({ folder: options.folder });
    case "kubernetes": {
      // Its client takes half a second to load.
      const { KubernetesDiscovery } = await import("./discovery/kubernetes.ts");
      return new KubernetesDiscovery(options.kubernetes, told);
    }
  }
}

function manualControls(discovery: Discovery): Frontend["discovery"] {
  if (discovery instanceof ManualDiscovery) {
    return { add: (worker) => discovery.add(worker), remove: (url) => discovery.remove(url) };
  }
  const refuse = () => {
    throw new Error("workers are added by hand with discovery of kind manual alone");
  };
  return { add: refuse, remove: refuse };
}

function viewOf(fleet: Fleet, backend: Backend): WorkerView {
  const { id, url, state, role, models, foreign, requests, totalRequests, outstanding, failures, lastError, card } =
    backend;
  const router = kvRouterIn(fleet.pools(models[0] ?? "")?.get(role)?.router);
  const cachedBlocks = router?.index.cachedBlocks(id) ?? null;
  const load = { requests, totalRequests, outstanding, failures, cachedBlocks };
  return { id, url, state, role, models, foreign, ...load, lastError, card };
}

function whenReady(fleet: Fleet, count: number): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      let ready = 0;
      for (const { state } of fleet.backends()) if (state === "ready") ready++;
      if (ready >= count) resolve();
    };
    fleet.listen({ changed: look });
    look();
  });
}
