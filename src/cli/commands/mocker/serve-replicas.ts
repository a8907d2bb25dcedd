import { NONCE_VARIABLE, serveWorkerHost } from "#src/deployment";
import { adminNeedsNonce } from "./errors.ts";
import { nextSignal, SIGNAL_EXIT_CODES } from "./serve.ts";
import type { MockerSettings } from "./settings.ts";

/** Runs the workers that a runner asks for, until a signal ends them: the first drains, the second ends at once. */
export async function serveReplicas(settings: MockerSettings, adminPort: number): Promise<void> {
  const nonce = process.env[NONCE_VARIABLE];
  if (!nonce) throw adminNeedsNonce(NONCE_VARIABLE);
  const signalled = nextSignal();
  const { host, registerDir, drainTimeoutMs } = settings;
  const service = await serveWorkerHost({ host, registerDir, adminPort, nonce });
  await signalled;
  const again = nextSignal().then((signal) => process.exit(SIGNAL_EXIT_CODES[signal]));
  await Promise.race([again, service.close(drainTimeoutMs)]);
  process.exit(0);
}
