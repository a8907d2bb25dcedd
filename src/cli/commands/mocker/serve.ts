import { type HeldLease, holdLease } from "#mocker/protocol";
import { type RunningWorker, startWorkerHost, type WorkerHost } from "#mocker/worker";
import type { MockerSettings } from "./settings.ts";

/** How shells see a process that a signal ended. */
export const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type EndSignal = keyof typeof SIGNAL_EXIT_CODES;

/** Runs the workers until a signal ends them: the first drains, the second ends at once. */
export async function serve(settings: MockerSettings): Promise<void> {
  const { startupMs } = settings.host.settings;
  if (startupMs > 0) process.stderr.write(`Simulating engine startup time: ${(startupMs / 1000).toFixed(2)}s\n`);
  const failure = firstFailure();
  const leases: Promise<HeldLease | null>[] = [];
  const welcome = (running: RunningWorker) => {
    const lease = register(running, settings);
    leases.push(lease);
    failure.watch(lease);
    void announce(running, lease, settings.json);
  };
  const signalled = nextSignal();
  const host = await startWorkerHost({ ...settings.host, count: 0, onWorker: welcome });
  // Starts may be staggered over minutes: a signal ends them, too.
  failure.watch(host.addWorkers(settings.host.count ?? 1));
  try {
    await Promise.race([signalled, failure.promise]);
  } catch (error) {
    await host.close();
    throw error;
  }
  const again = nextSignal().then((signal) => process.exit(SIGNAL_EXIT_CODES[signal]));
  await Promise.race([again, drained(host, leases, settings)]);
  process.exit(0);
}

/** Rejects with what the first of the promises that it is given rejects with. */
function firstFailure(): { promise: Promise<never>; watch(other: Promise<unknown>): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  return { promise, watch: (other) => void other.catch(reject) };
}

async function announce(running: RunningWorker, lease: Promise<HeldLease | null>, json: boolean): Promise<void> {
  await running.worker.ready;
  if (running.worker.state !== "ready") return;
  await (await lease.catch(() => null))?.renew();
  process.stdout.write(`${readyLine(running, json)}\n`);
}

/** Resolves at the next SIGINT or SIGTERM. */
export function nextSignal(): Promise<EndSignal> {
  return new Promise((resolve) => {
    const signals = Object.keys(SIGNAL_EXIT_CODES) as EndSignal[];
    const onSignal = (signal: NodeJS.Signals) => {
      for (const name of signals) process.off(name, onSignal);
      resolve(signal as EndSignal);
    };
    for (const name of signals) process.on(name, onSignal);
  });
}

async function register(running: RunningWorker, settings: MockerSettings): Promise<HeldLease | null> {
  return settings.registerDir === null ? null : await holdLease(settings.registerDir, () => running.card());
}

async function drained(
  host: WorkerHost,
  leases: readonly Promise<HeldLease | null>[],
  { drainTimeoutMs }: MockerSettings,
): Promise<void> {
  const underWay = host.workers
    .flatMap(({ worker }) => worker.load())
    .reduce((sum, { running, waiting }) => sum + running + waiting, 0);
  if (underWay > 0) process.stderr.write(`draining ${underWay} sequences; a second signal ends them\n`);
  const closed = host.close({ graceMs: drainTimeoutMs });
  // Frontends that watch the folder are told at once; others see it from /health.
  await Promise.all(leases.map(async (lease) => (await lease)?.release()));
  await closed;
}

function readyLine(running: RunningWorker, json: boolean): string {
  const card = running.card();
  if (json) return JSON.stringify(card);
  return `ready  ${card.url}  ${card.id}  ${card.role}  ${card.model}`;
}
