import { Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import type { FrontendContext } from "./http/context.ts";
import type { InFlight } from "./serving/in-flight.ts";

export interface DrainOptions {
  /** Real ms to go on taking new connections while `/health` answers 503, so that balancers look elsewhere. Default 0. */
  delayMs?: number;
  /** Real ms that requests have for their end; 0, the default: as long as they take. */
  graceMs?: number;
}

/** Connections that are idle get so long for a request that was on its way already. */
const LINGER_MS = 300;

/**
 * Takes no new connections, serves what comes on open ones (and tells them that the connection ends), and resolves when no
 * request is left. Idle connections are left open for a moment: closing them at once would lose what was on its way.
 */
export async function drained(app: FastifyInstance, context: FrontendContext, options: DrainOptions): Promise<void> {
  const { delayMs = 0, graceMs = 0 } = options;
  context.draining = true;
  if (delayMs > 0) await sleep(delayMs);
  const { server } = app;
  // http's own close would close idle connections, too.
  if (server.listening) Server.prototype.close.call(server);
  const late = graceMs > 0 ? sleep(graceMs, undefined, { ref: false }) : new Promise<void>(() => {});
  await Promise.race([late, settled(server, context.inFlight)]);
}

async function settled(server: Server, inFlight: InFlight): Promise<void> {
  await inFlight.whenIdle();
  if ((await connections(server)) > 0) await sleep(LINGER_MS);
  await inFlight.whenIdle();
}

function connections(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((error, count) => resolve(error === null ? count : 0));
  });
}
