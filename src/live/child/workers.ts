import { TimerQueue, wallClock } from "#common";
import { newPassCounters, type PassCounters, type TimingModel } from "#mocker/engine";
import { builtinTokenizer } from "#mocker/text";
import { type RunningWorker, startWorkerHost, type Worker, type WorkerHost } from "#mocker/worker";
import { loadProfile } from "#profiles";
import { poolSpec } from "#src/rehearsal";
import type { WorkerCalls, WorkerEvent } from "./protocol.ts";

/** What lies between a client and the engines of this machine: two hops, a body to parse twice, real ms. */
const SETTLE_MS = 5;
/** vLLM's and Dynamo's patience with a hand-off, model ms (Dynamo's handoff_session_timeout_ms). */
const HANDOFF_TIMEOUT_MS = 300_000;

/** The workers of one role in this process. */
export function workerCalls(say: (event: WorkerEvent) => void): WorkerCalls {
  let host: WorkerHost | null = null;
  let timers: TimerQueue | null = null;
  let timing: TimingModel | null = null;
  /** All that there ever were: what they counted is asked for at the end. */
  const everyone: Worker[] = [];
  const running = (): WorkerHost => {
    if (host === null) throw new Error("the workers have not been started");
    return host;
  };
  const named = (name: string): RunningWorker => {
    const found = running().workers.find((worker) => worker.id === name);
    if (found === undefined) throw new Error(`there is no worker ${name}`);
    return found;
  };
  return {
    async start({ clock, deployment, role, model, transfer }) {
      const pool = poolSpec(deployment, role, deployment.profile === null ? null : loadProfile(deployment.profile));
      timing = pool.engine.timing;
      const shared = wallClock(clock.timeScale, clock.epochUnixMs);
      timers = new TimerQueue(shared);
      host = await startWorkerHost({
        clock: shared,
        timers,
        count: 0,
        staggerMs: 0,
        settings: {
          model,
          engine: pool.engine,
          dpSize: pool.dpSize,
          transfer,
          startupMs: 0,
          tokenizer: builtinTokenizer(),
          handoffTimeoutMs: HANDOFF_TIMEOUT_MS,
          trustRequestStart: true,
          settleMs: SETTLE_MS,
        },
      });
    },
    async add({ name, readyUnixMs }) {
      const { clock } = running();
      const startupMs = Math.max(0, clock.fromUnixMs(readyUnixMs) - clock.nowMs());
      const [worker] = await running().addWorkers(1, { id: name, startupMs });
      everyone.push(worker!.worker);
      void worker!.worker.ready.then(() => say({ ready: name }));
      return worker!.card();
    },
    async cancel(name) {
      const { worker } = named(name);
      worker.stop();
      await running().drainWorker(name);
    },
    async drain(name) {
      const { worker } = named(name);
      await worker.drain();
      const { clock } = running();
      const goneUnixMs = clock.toUnixMs(clock.nowMs());
      await running().drainWorker(name);
      return goneUnixMs;
    },
    loads: () => running().workers.map(({ id, worker }) => ({ name: id, loads: worker.load() })),
    async close() {
      await running().close();
      const counters = newPassCounters();
      for (const worker of everyone) {
        const own = worker.counters();
        for (const name of Object.keys(counters) as (keyof PassCounters)[]) counters[name] += own[name];
      }
      return { counters, extrapolations: timing?.extrapolations() ?? 0, lag: timers!.lateness() };
    },
  };
}
