import { describe, expect, it } from "vitest";
import { type CliServer, freePort, loadOf, serverForTest, statusOf, waitFor, workersReady } from "./processes.ts";
import { TestStream } from "./streams.ts";

/** Four sequences at a time, one token each 10 ms, so that half of the requests of a test wait for their first token. */
const WORKER = ["--model-name", "llama", "--timing", "fixed:10ms,10ms", "--max-num-seqs", "4"];
const QUICK_HEALTH = ["--health-interval", "100ms", "--health-timeout", "1s"];
const TOKENS = 50;
const REQUESTS = 16;

interface Deployment {
  workers: CliServer[];
  frontend: CliServer;
  /** By the worker's address; workers name themselves by their port. */
  nameOf(worker: CliServer): string;
}

async function deployment(...flags: string[]): Promise<Deployment> {
  const workers = await Promise.all([serverForTest("mocker", WORKER), serverForTest("mocker", WORKER)]);
  const urls = workers.flatMap(({ url }) => ["--worker", url]);
  const frontend = await serverForTest("frontend", [...urls, ...QUICK_HEALTH, ...flags]);
  await workersReady(frontend, 2);
  return { workers, frontend, nameOf: ({ port }) => `worker-${port}` };
}

async function hasMetric({ url }: CliServer, line: RegExp): Promise<boolean> {
  return line.test(await (await fetch(`${url}/metrics`)).text());
}

function streams(url: string, count: number, body: Record<string, unknown> = {}): TestStream[] {
  return Array.from({ length: count }, (_, i) => new TestStream(url, { prompt: [7, i], max_tokens: TOKENS, ...body }));
}

const ends = (all: readonly TestStream[]) => Promise.all(all.map(({ ended }) => ended));

describe("a worker that is killed mid-stream", () => {
  it("takes down its streams alone, with an error event; what has no token yet is served by others", async () => {
    const { workers, frontend, nameOf } = await deployment();
    const [victim, survivor] = workers as [CliServer, CliServer];
    // They take turns: four of each worker's run, and as many short ones wait behind them.
    const long = streams(frontend.url, 8, { max_tokens: 100_000 });
    await waitFor("both workers to be full", () => long.every(({ tokens }) => tokens > 0));
    const waiting = streams(frontend.url, 8);
    await waitFor("requests to wait", async () => (await loadOf(victim)).waiting === 4);
    victim.process.kill("SIGKILL");

    const lost = long.filter(({ workerId }) => workerId === nameOf(victim));
    expect(lost).toHaveLength(4);
    expect(await ends(lost)).toEqual(["error", "error", "error", "error"]);
    for (const { error } of lost) {
      expect(error).toMatchObject({ message: expect.stringMatching(/worker/i), type: expect.any(String) });
    }
    const spared = long.filter((stream) => !lost.includes(stream));
    const tokensThen = spared.map(({ tokens }) => tokens);
    await waitFor("the survivor's streams to go on", () =>
      spared.every(({ tokens }, i) => tokens > tokensThen[i]! + 3),
    );
    for (const stream of spared) stream.abort();
    expect(new Set(await ends(waiting))).toEqual(new Set(["done"]));
    expect(waiting.map(({ tokens }) => tokens)).toEqual(waiting.map(() => TOKENS));
    expect(new Set(waiting.map(({ workerId }) => workerId))).toEqual(new Set([nameOf(survivor)]));
  });

  it("serves again when it returns", async () => {
    const { workers, frontend, nameOf } = await deployment();
    const [victim] = workers as [CliServer, CliServer];
    victim.process.kill("SIGKILL");
    await victim.process.exited;
    await workersReady(frontend, 1);
    await serverForTest("mocker", WORKER, victim.port);
    await workersReady(frontend, 2);
    const all = streams(frontend.url, 4, { max_tokens: 2 });
    expect(await ends(all)).toEqual(["done", "done", "done", "done"]);
    expect(new Set(all.map(({ workerId }) => workerId))).toEqual(new Set(workers.map(nameOf)));
  });

  it("breaks the connection of a client of its own", async () => {
    const worker = await serverForTest("mocker", WORKER);
    const stream = new TestStream(worker.url, { max_tokens: 10_000 });
    await waitFor("tokens", () => stream.tokens > 2);
    worker.process.kill("SIGKILL");
    expect(await stream.ended).toBe("broken");
  });
});

describe("a worker that is told to end (SIGTERM)", () => {
  it("finishes what it has, takes nothing new, and the frontend loses nothing", async () => {
    const { workers, frontend, nameOf } = await deployment();
    const [leaving, staying] = workers as [CliServer, CliServer];
    const before = streams(frontend.url, REQUESTS, { max_tokens: 100 });
    await waitFor("streams of both workers", () =>
      workers.every((worker) => before.some((stream) => stream.workerId === nameOf(worker) && stream.tokens > 0)),
    );
    leaving.process.kill("SIGTERM");
    await waitFor("the worker to drain", async () => (await statusOf(`${leaving.url}/health`)) !== 200);
    const after = streams(frontend.url, 6, { max_tokens: 5 });
    expect(new Set(await ends([...before, ...after]))).toEqual(new Set(["done"]));
    expect(before.map(({ tokens }) => tokens)).toEqual(before.map(() => 100));
    expect(new Set(after.map(({ workerId }) => workerId))).toEqual(new Set([nameOf(staying)]));
    expect(await leaving.process.exited).toEqual({ code: 0, signal: null });
    expect(leaving.process.output).not.toMatch(/error/i);
  });
});

describe("a frontend that is started first", () => {
  it("keeps requests until a worker is there", async () => {
    const port = await freePort();
    const frontend = await serverForTest("frontend", ["--worker", `http://127.0.0.1:${port}`, ...QUICK_HEALTH]);
    const [early] = streams(frontend.url, 1, { max_tokens: 4 });
    await waitFor("the request to wait", () => hasMetric(frontend, /^understudy_frontend_waiting_requests 1$/m));
    expect(early!.status).toBe(0);
    await serverForTest("mocker", WORKER, port);
    expect(await early!.ended).toBe("done");
    expect(early!.tokens).toBe(4);
  });
});

describe("a client that hangs up", () => {
  it.each(["worker", "frontend"])("at the %s frees the KV blocks of its stream", async (which) => {
    const worker = await serverForTest("mocker", ["--model-name", "llama", "--timing", "fixed:20ms,20ms"]);
    const frontend = await serverForTest("frontend", ["--worker", worker.url]);
    const url = which === "worker" ? worker.url : frontend.url;
    const stream = new TestStream(url, { prompt: Array.from({ length: 640 }, (_, i) => i), max_tokens: 10_000 });
    await waitFor("tokens", () => stream.tokens > 2);
    expect(await loadOf(worker)).toMatchObject({
      running: 1,
      usedBlocks: expect.toSatisfy((blocks: number) => blocks >= 10),
    });
    stream.abort();
    await waitFor("blocks to be freed", async () => {
      const { running, usedBlocks } = await loadOf(worker);
      return running === 0 && usedBlocks === 0;
    });
    expect(await stream.ended).toBe("broken");
  });
});
