import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { UserError, wallClock } from "#common";
import { engineConfig } from "#mocker/engine";
import { builtinTokenizer } from "#mocker/text";
import { startHost } from "../../../../mocker/worker/core/host.ts";
import type {
  RunningWorker,
  WorkerHost,
  WorkerHostOptions,
  WorkerHttpApp,
} from "../../../../mocker/worker/core/host-types.ts";
import { HAND_TIMING } from "../../../simulator/hand-made.ts";
import { send } from "./live-worker.ts";
import { ManualTime, settle } from "./manual-time.ts";

const SETTINGS: WorkerHostOptions["settings"] = {
  model: "mock",
  engine: engineConfig({ timing: HAND_TIMING, maxModelLen: 4096, kvEvents: true }),
  dpSize: 2,
  transfer: null,
  startupMs: 0,
  tokenizer: builtinTokenizer(),
  handoffTimeoutMs: 1000,
  trustRequestStart: false,
};

/** Answers with the worker's id; keeps `/open` open. */
class IdApp implements WorkerHttpApp {
  readonly attached: RunningWorker[] = [];
  readonly detached: string[] = [];
  closed = false;

  attach(worker: RunningWorker): void {
    this.attached.push(worker);
  }

  detach(worker: RunningWorker): void {
    this.detached.push(worker.id);
  }

  handle(worker: RunningWorker, request: IncomingMessage, response: ServerResponse): void {
    if (request.url === "/open") {
      response.writeHead(200).write("…");
      return;
    }
    response.end(worker.id);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

const hosts: WorkerHost[] = [];

async function start(options: Partial<WorkerHostOptions> = {}): Promise<{ host: WorkerHost; app: IdApp }> {
  const app = new IdApp();
  const host = await startHost({ settings: SETTINGS, ...options }, async () => app);
  hosts.push(host);
  return { host, app };
}

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
});

const ask = async (url: string) => (await fetch(url)).text();

describe("a host of workers", () => {
  it("gives each its own port, which knows whom it serves", async () => {
    const { host, app } = await start({ count: 3 });
    expect(host.workers).toHaveLength(3);
    expect(new Set(host.workers.map(({ url }) => url)).size).toBe(3);
    for (const { url, id } of host.workers) {
      expect(await ask(url)).toBe(id);
      expect(id).toBe(`worker-${new URL(url).port}`);
    }
    expect(app.attached).toEqual(host.workers);
  });

  it("names workers as it is told, and gives them ports in a row", async () => {
    const { host: probe } = await start({ count: 1 });
    const free = Number(new URL(probe.workers[0]!.url).port);
    await probe.close();
    const { host } = await start({ count: 1, port: free, workerId: (index) => `decode/${index}` });
    expect(host.workers[0]).toMatchObject({ id: "decode/0", url: `http://127.0.0.1:${free}` });
  });

  it("describes each worker by a card", async () => {
    const { host } = await start({
      workerId: (index) => `w${index}`,
      kvEventsZmq: (index) => `tcp://127.0.0.1:${index}`,
    });
    const [running] = host.workers;
    expect(running!.card()).toEqual({
      id: "w0",
      url: running!.url,
      model: "mock",
      role: "aggregated",
      state: "ready",
      engine: "vllm",
      blockSize: 64,
      totalKvBlocks: 16384,
      maxNumSeqs: 256,
      maxNumBatchedTokens: 8192,
      contextLength: 4096,
      dataParallelSize: 2,
      tokenizer: "builtin",
      kvEvents: true,
      kvEventsZmq: "tcp://127.0.0.1:0",
      timeScale: 1,
    });
    expect(running!.worker.settings.address).toEqual({ host: "127.0.0.1", port: Number(new URL(running!.url).port) });
  });

  it("names the host that others should use", async () => {
    const { host } = await start({ advertiseHost: "worker.example" });
    expect(host.workers[0]!.url).toMatch(/^http:\/\/worker\.example:\d+$/);
  });

  it("takes more workers later, with settings of their own", async () => {
    const { host } = await start();
    const [added] = await host.addWorkers(1, { model: "other", id: "late" });
    expect(host.workers).toHaveLength(2);
    expect(added!.card()).toMatchObject({ id: "late", model: "other" });
    expect(await ask(added!.url)).toBe("late");
    const [small] = await host.addWorkers(1, { engine: { ...SETTINGS.engine, maxNumSeqs: 7 } });
    expect(small!.card()).toMatchObject({ model: "mock", maxNumSeqs: 7 });
  });

  it("refuses a port that is taken, and leaves nothing behind", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const app = new IdApp();
    const error = await startHost({ settings: SETTINGS, port }, async () => app).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ code: "WORKER_PORT_TAKEN", where: `127.0.0.1:${port}` });
    expect(app.closed).toBe(true);
    other.close();
  });

  it("drains a worker: its generations end, then its port closes, the others go on", async () => {
    const { host, app } = await start({ count: 2, clock: wallClock(50) });
    const [first, second] = host.workers;
    const sent = send(first!.worker, 5, 20);
    await ask(first!.url);
    await host.drainWorker(first!.id);
    expect(sent.events.at(-1)![0]).toBe("finished");
    expect(host.workers).toEqual([second]);
    expect(app.detached).toEqual([first!.id]);
    await expect(ask(first!.url)).rejects.toThrow();
    expect(await ask(second!.url)).toBe(second!.id);
    await host.drainWorker("unknown");
  });

  it("closes at once, whatever is under way", async () => {
    const { host, app } = await start();
    const { url, worker } = host.workers[0]!;
    const sent = send(worker, 5, 100_000);
    const answer = await fetch(`${url}/open`);
    await host.close();
    await expect(answer.text()).rejects.toThrow();
    expect(sent.events.at(-1)![0]).toBe("stopped: the worker was stopped");
    expect([app.closed, host.workers.length]).toEqual([true, 0]);
    await host.close();
  });

  it("lets generations end while it closes, as long as it may wait", async () => {
    const { host } = await start({ count: 2, clock: wallClock(50) });
    const short = send(host.workers[0]!.worker, 5, 20);
    const endless = send(host.workers[1]!.worker, 5, 1_000_000);
    await host.close({ graceMs: 300 });
    expect(short.events.at(-1)![0]).toBe("finished");
    expect(endless.events.at(-1)![0]).toMatch(/^stopped/);
  });

  it("staggers the starts of many workers as it is told, in model time", async () => {
    const time = new ManualTime(10);
    const app = new IdApp();
    const starting = startHost(
      { settings: SETTINGS, count: 34, staggerMs: 100, clock: time.clock, timers: time.timers },
      async () => app,
    );
    const startedBy: number[] = [];
    while (app.attached.length < 34) {
      await new Promise(setImmediate);
      while (startedBy.length < app.attached.length) startedBy.push(time.nowMs);
      if (time.timers.nextMs < Number.POSITIVE_INFINITY) time.advanceTo(time.timers.nextMs);
    }
    hosts.push(await starting);
    await settle();
    expect(startedBy.slice(0, 3)).toEqual([0, 100, 200]);
    expect(startedBy[31]).toBe(3100);
    // After each 32nd it pauses for two seconds.
    expect(startedBy.slice(32)).toEqual([5200, 5300]);
  });
});
