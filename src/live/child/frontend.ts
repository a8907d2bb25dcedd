import { wallClock } from "#common";
import { type Frontend, startFrontend } from "#mocker/frontend";
import { LagWatch } from "../lag.ts";
import type { FrontendCalls } from "./protocol.ts";

/** As long as the simulator lets requests wait: for ever. */
const NO_LIMIT = 1e9;

/** The frontend of a live run. */
export function frontendCalls(): FrontendCalls {
  let frontend: Frontend | null = null;
  let warmUp: Frontend | null = null;
  let lag: LagWatch | null = null;
  const running = (): Frontend => {
    if (frontend === null) throw new Error("the frontend has not been started");
    return frontend;
  };
  return {
    async start({ clock, router, seed, sla }) {
      const shared = wallClock(clock.timeScale, clock.epochUnixMs);
      lag = new LagWatch(shared);
      frontend = await startFrontend({
        clock: shared,
        discovery: { kind: "manual" },
        router,
        seed,
        sla,
        limits: { maxInFlight: NO_LIMIT, maxQueued: NO_LIMIT, queueTimeoutMs: NO_LIMIT, workerTimeoutMs: 0 },
      });
      return frontend.url;
    },
    add: (card) => running().discovery.add(card),
    remove: (url) => running().discovery.remove(url),
    outstanding: () =>
      running()
        .workers()
        .map(({ id, outstanding }) => ({ name: id, outstanding })),
    async openWarmUp(cards) {
      warmUp = await startFrontend({ discovery: { kind: "manual" } });
      for (const card of cards) warmUp.discovery.add({ ...card, state: "ready" });
      return warmUp.url;
    },
    async closeWarmUp() {
      await warmUp?.close();
      warmUp = null;
      // How late the process was while it warmed up says nothing about the run.
      lag?.close();
      lag = new LagWatch(running().clock);
    },
    async close() {
      const lateness = lag!.lateness();
      lag!.close();
      await running().close();
      return lateness;
    },
  };
}
