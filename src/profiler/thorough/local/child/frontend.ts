import { startFrontend } from "#mocker/frontend";
import type { LocalFrontendCalls } from "./protocol.ts";

/** A burst of thousands of requests waits for the engines, not here; and as long as it takes. */
const NO_LIMIT = 1e9;
const MAX_BODY_BYTES = 64 << 20;

/** The frontend component of a candidate. */
export function localFrontendCalls(): LocalFrontendCalls {
  return {
    async start(cards) {
      const frontend = await startFrontend({
        discovery: { kind: "manual" },
        limits: {
          maxInFlight: NO_LIMIT,
          maxQueued: NO_LIMIT,
          queueTimeoutMs: NO_LIMIT,
          workerTimeoutMs: 0,
          maxBodyBytes: MAX_BODY_BYTES,
        },
      });
      for (const card of cards) frontend.discovery.add({ ...card, state: "ready" });
      await frontend.whenReady(cards.length);
      process.stdout.write(
        `${new Date().toISOString()} INFO frontend listens at ${frontend.url}, ${cards.length} worker(s)\n`,
      );
      return frontend.url;
    },
  };
}
