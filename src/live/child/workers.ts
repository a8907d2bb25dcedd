import { TimerQueue, wallClock } from "#common";
import { newPassCounters, type PassCounters, type TimingModel } from "#mocker/engine";
import { builtinTokenizer } from "#mocker/text";
import { startWorkerHost, type Worker, type WorkerHost, type WorkerSettings } from "#mocker/worker";
import { loadProfile } from "#profiles";
import { poolSpec } from "#src/rehearsal";
import type { Census, WorkerCalls, WorkerEvent, WorkersStart } from "./protocol.ts";
import { type NetworkDelay, SlowNetwork } from "./slow-network.ts";
import { TransferLosses } from "./transfer-losses.ts";

/** What lies between a client and the engines of this machine: two hops, a body to parse twice, real ms. */
const SETTLE_MS = 5;
/** vLLM's and Dynamo's patience with a hand-off, model ms (Dynamo's handoff_session_timeout_ms). */
const HANDOFF_TIMEOUT_MS = 300_000;
/** Warm-up is for the process, not for the engines: they are so much faster in it. */
const WARM_UP_SPEEDUP = 10;

const NOBODY: Census = { withToken: 0, withoutToken: 0, taken: 0 };

/** The workers of one role in this process. */
export function workerCalls(say: (event: WorkerEvent) => void): WorkerCalls {
  let host: WorkerHost | null = null;
  let warmUp: WorkerHost | null = null;
  let options: WorkersStart | null = null;
  let timers: TimerQueue | null = null;
  let timing: TimingModel | null = null;
  /** All that there ever were: what they counted is asked for at the end. */
  const everyone: Worker[] = [];
  const losses = new TransferLosses();
  const delay: NetworkDelay = { byMs: 0, jitterMs: 0 };
  /** Ways to workers that can be made slower, by the worker's name. */
  const ways = new Map<string, SlowNetwork>();
  const running = (): WorkerHost => {
    if (host === null) throw new Error("the workers have not been started");
    return host;
  };
  /** Undefined once it is gone: who asks may not know yet. */
  const named = (name: string): Worker | undefined => running().workers.find(({ id }) => id === name)?.worker;
  /** @param whatIsOnIt what becomes of the bytes that it holds back: those of a worker that leaves in good order still arrive */
  const closeWay = (name: string, whatIsOnIt: "arrives" | "is lost") => {
    const way = ways.get(name);
    if (whatIsOnIt === "arrives") way?.closeWhenEmpty();
    else way?.close();
  };
  return {
    async start(given) {
      options = given;
      const { timeScale, epochUnixMs } = given.clock;
      const clock = wallClock(timeScale, epochUnixMs);
      timers = new TimerQueue(clock);
      losses.seed(given.seed);
      const settings = {
        ...settingsOf(given),
        losesTransfer: (requestId: string) => losses.next(requestId, clock.nowMs()),
      };
      timing = settings.engine.timing;
      host = await startWorkerHost({ clock, timers, count: 0, staggerMs: 0, settings });
    },
    async openWarmUp() {
      const settings = settingsOf(options!);
      const engine = { ...settings.engine, speedupRatio: settings.engine.speedupRatio * WARM_UP_SPEEDUP };
      warmUp = await startWorkerHost({ settings: { ...settings, engine } });
      return warmUp.workers[0]!.card();
    },
    async closeWarmUp() {
      await warmUp?.close();
      warmUp = null;
    },
    async add({ name, readyUnixMs }) {
      const { clock } = running();
      const startupMs = Math.max(0, clock.fromUnixMs(readyUnixMs) - clock.nowMs());
      const [worker] = await running().addWorkers(1, { id: name, startupMs });
      everyone.push(worker!.worker);
      void worker!.worker.ready.then(() => say({ ready: name }));
      const card = worker!.card();
      if (!options!.slowNetwork) return card;
      const way = await SlowNetwork.open(Number(new URL(card.url).port), timers!, name, () => delay);
      ways.set(name, way);
      return { ...card, url: `http://127.0.0.1:${way.port}` };
    },
    async cancel(name) {
      named(name)?.stop();
      closeWay(name, "is lost");
      await running().drainWorker(name);
    },
    async drain(name) {
      await named(name)?.drain();
      const { clock } = running();
      const goneUnixMs = clock.toUnixMs(clock.nowMs());
      closeWay(name, "arrives");
      await running().drainWorker(name);
      return goneUnixMs;
    },
    async kill(name) {
      const census = named(name)?.census() ?? NOBODY;
      closeWay(name, "is lost");
      await running().killWorker(name);
      return census;
    },
    setPace({ name, factor }) {
      const worker = named(name);
      worker?.setPace(factor ?? Number.POSITIVE_INFINITY);
      return worker?.census() ?? NOBODY;
    },
    loseTransfers: ({ fault, loss }) => losses.set(fault, loss),
    lostTransfers: () => losses.report((atMs) => running().clock.toUnixMs(atMs)),
    delayNetwork({ byMs, jitterMs }) {
      delay.byMs += byMs;
      delay.jitterMs += jitterMs;
    },
    loads: () => running().workers.map(({ id, worker }) => ({ name: id, loads: worker.load() })),
    async close() {
      await running().close();
      for (const way of ways.values()) way.close();
      const counters = newPassCounters();
      for (const worker of everyone) {
        const own = worker.counters();
        for (const name of Object.keys(counters) as (keyof PassCounters)[]) counters[name] += own[name];
      }
      return { counters, extrapolations: timing?.extrapolations() ?? 0, lag: timers!.lateness() };
    },
  };
}

function settingsOf({ deployment, role, model, transfer, slowNetwork }: WorkersStart): Omit<WorkerSettings, "id"> {
  const { mode, kvEvents } = deployment.router;
  const pool = poolSpec(deployment, role, deployment.profile === null ? null : loadProfile(deployment.profile));
  return {
    model,
    // A router that follows caches is told of them.
    engine: { ...pool.engine, kvEvents: mode === "kv" && kvEvents !== false && pool.engine.role !== "decode" },
    dpSize: pool.dpSize,
    transfer,
    startupMs: 0,
    tokenizer: builtinTokenizer(),
    handoffTimeoutMs: HANDOFF_TIMEOUT_MS,
    // What is late on its way has not come when it was sent.
    trustRequestStart: !slowNetwork,
    settleMs: SETTLE_MS,
  };
}
