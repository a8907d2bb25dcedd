import { afterEach, describe, expect, it } from "vitest";
import type { ClientBehaviour, Fault } from "#scenarios";
import { RequestStatus } from "#src/record";
import { simulate } from "#src/simulator";
import { madePool, madeSpec } from "../simulator/hand-made.ts";
import { type Answer, begin, chunk, type FakeServer, fakeServer, finish, streamTokens } from "./fake-server.ts";
import { closedLoop, manualDriver, openLoop, until } from "./made-load.ts";

const BEHAVIOUR: ClientBehaviour = {
  timeoutMs: null,
  firstTokenTimeoutMs: null,
  retries: 2,
  backoffMs: 100,
  backoffFactor: 2,
  jitter: 0,
};
const { rejected: REJECTED, failed: FAILED } = RequestStatus;
const SILENT: Answer = () => {};

let server: FakeServer;
afterEach(() => server.close());

function made(workload: ReturnType<typeof openLoop>, behaviour: Partial<ClientBehaviour>, seed = 1) {
  return manualDriver(workload, server, { clients: { behaviour: { ...BEHAVIOUR, ...behaviour }, seed } });
}

type Made = ReturnType<typeof manualDriver>;

/** Moves on from deadline to deadline, as soon as all that is under way has had the time to come to something. */
async function playThrough({ time }: Made, run: Promise<void>): Promise<void> {
  let isOver = false;
  void run.then(() => {
    isOver = true;
  });
  while (!isOver) {
    // Sockets of one machine need a few turns of the event loop.
    for (let turn = 0; turn < 50 && !isOver; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (!isOver && Number.isFinite(time.timers.nextMs)) time.advance(time.timers.nextMs);
  }
}

describe("impatient clients", () => {
  it("give up on an answer that does not come, and try again, each wait twice as long", async () => {
    server = await fakeServer((request) => {
      if (request.index === 2) streamTokens(request);
    });
    const { driver, columns, time } = made(openLoop([0]), { firstTokenTimeoutMs: 50 });
    const run = driver.run(0);
    time.advance(0);
    await server.until(1);
    time.advance(50);
    await until(() => driver.inFlight === 0);
    time.advance(149);
    expect(driver.inFlight).toBe(0);
    time.advance(150);
    await server.until(2);
    time.advance(200);
    await until(() => driver.inFlight === 0);
    time.advance(400);
    await run;
    // As in virtual time: attempts at 0, 50 + 100 and 200 + 200.
    expect(driver.retries).toEqual({ endedMs: [50, 200], sentMs: [150, 400] });
    const { requests, details } = columns;
    expect(requests.attempts[0]).toBe(3);
    expect([requests.arrivalMs[0], details.sentMs[0], requests.firstTokenMs[0]]).toEqual([0, 400, 400]);
    expect(requests.status[0]).toBe(RequestStatus.completed);
    expect(driver.failures).toEqual([]);
    expect(driver.counts).toEqual({ sent: 1, done: 1, failed: 0 });
    expect(server.received.map(({ headers }) => headers["x-request-id"])).toEqual(["run-0", "run-0.2", "run-0.3"]);
    expect(new Set(server.received.map(({ prompt }) => prompt)).size).toBe(1);
  });

  it("wait for the end where the first token has come, but not for ever", async () => {
    server = await fakeServer((request) => {
      begin(request);
      request.response.write(chunk(request, " word"));
    });
    const { driver, columns, time } = made(openLoop([0]), { firstTokenTimeoutMs: 50, timeoutMs: 90, retries: 0 });
    const run = driver.run(0);
    time.advance(0);
    await until(() => columns.requests.firstTokenMs[0] === 0);
    time.advance(89);
    expect(driver.inFlight).toBe(1);
    time.advance(90);
    await run;
    expect(columns.requests.status[0]).toBe(RequestStatus.failed);
    expect(columns.requests.attempts[0]).toBe(1);
    expect(driver.failures).toMatchObject([{ request: 0, kind: "timeout" }]);
  });

  it("count from when an attempt was due, however late the generator is", async () => {
    server = await fakeServer(SILENT);
    const one = made(openLoop([0]), { timeoutMs: 50, retries: 1 });
    const run = one.driver.run(0);
    one.time.jump(20);
    await server.until(1);
    one.time.jump(70);
    await until(() => one.driver.inFlight === 0);
    one.time.advance(150);
    await server.until(2);
    one.time.advance(200);
    await run;
    expect(one.driver.retries).toEqual({ endedMs: [70], sentMs: [150] });
    expect(one.columns.requests.status[0]).toBe(RequestStatus.failed);
  });

  it("send what those of the simulator send, at the same times, whatever is drawn", async () => {
    const arrivals = [0, 30, 70, 260, 900];
    const behaviour = { ...BEHAVIOUR, firstTokenTimeoutMs: 80, retries: 4, backoffMs: 40, jitter: 0.7 };
    const freeze: Fault = { kind: "freeze", atMs: 0, worker: { pool: "agg", index: 0 }, forMs: 1e6 };
    const virtual = simulate(
      madeSpec(
        { requests: arrivals.map((atMs) => ({ atMs, isl: 20, osl: 4 })) },
        {
          decode: madePool("aggregated"),
          faults: [freeze],
          clients: behaviour,
          seed: 9,
          timelineWindowMs: 10,
          endMs: 5000,
        },
      ),
    );
    server = await fakeServer(SILENT);
    const live = made(openLoop(arrivals), behaviour, 9);
    await playThrough(live, live.driver.run(0));
    expect([...live.columns.requests.attempts]).toEqual([...virtual.requests.attempts]);
    expect([...live.columns.requests.status]).toEqual([...virtual.requests.status]);
    expect([...virtual.requests.attempts]).toEqual([5, 5, 5, 5, 5]);
    const sentIn = new Map<number, number>();
    for (const atMs of [...arrivals, ...live.driver.retries.sentMs]) {
      const window = Math.floor(atMs / 10);
      sentIn.set(window, (sentIn.get(window) ?? 0) + 1);
    }
    const { requestRate } = virtual.timeline;
    requestRate.forEach((rate, i) => {
      expect(Math.round(rate / 100), `arrivals from ${i * 10} ms`).toBe(sentIn.get(i) ?? 0);
    });
  });
});

describe("clients whose answer is bad", () => {
  const answers: [string, Answer, number][] = [
    ["no worker could take it", ({ response }) => response.writeHead(503).end("{}"), 3],
    ["too many requests", ({ response }) => response.writeHead(429).end("{}"), 3],
    ["the request can never be taken", ({ response }) => response.writeHead(400).end("{}"), 1],
    ["the connection broke", ({ response }) => response.destroy(), 3],
    [
      "the stream ended with an error",
      (request) => {
        begin(request);
        request.response.end(`data: ${JSON.stringify({ error: { message: "the worker died" } })}\n\n`);
      },
      3,
    ],
  ];
  it.each(answers)("try again, unless there is no use: %s", async (_, answer, attempts) => {
    server = await fakeServer(answer);
    const one = made(openLoop([0]), {});
    await playThrough(one, one.driver.run(0));
    expect(server.received).toHaveLength(attempts);
    expect(one.columns.requests.attempts[0]).toBe(attempts);
    expect(one.columns.requests.status[0]).toBe(attempts === 1 || answer === answers[1]![1] ? REJECTED : FAILED);
    expect(one.driver.failures).toHaveLength(1);
    expect(one.driver.counts).toEqual({ sent: 1, done: 1, failed: 1 });
  });

  it("count what the frontend gave to another worker, too", async () => {
    server = await fakeServer((request) => {
      if (request.index === 0) request.response.writeHead(502, { "x-worker-attempts": "4" }).end("{}");
      else streamTokens(request);
    });
    const one = made(openLoop([0]), {});
    await playThrough(one, one.driver.run(0));
    expect(server.received).toHaveLength(2);
    expect(one.columns.requests.attempts[0]).toBe(5);
    expect(server.received[1]!.headers["x-request-id"]).not.toBe(server.received[0]!.headers["x-request-id"]);
  });

  it("keep nothing of an attempt that came to nothing", async () => {
    server = await fakeServer((request) => {
      if (request.index === 1) {
        request.response.writeHead(200, { "content-type": "application/json" });
        request.response.end(JSON.stringify({ choices: [{ text: "whole" }] }));
        return;
      }
      begin(request);
      for (let i = 0; i < 2; i++) request.response.write(chunk(request, " word"));
      request.response.destroy();
    });
    const one = made(openLoop([0]), {});
    await playThrough(one, one.driver.run(0));
    const { requests, details } = one.columns;
    expect(requests.status[0]).toBe(RequestStatus.completed);
    expect([requests.firstTokenMs[0], requests.secondTokenMs[0], details.chunks[0]]).toEqual([
      Number.NaN,
      Number.NaN,
      0,
    ]);
  });

  it("keep their place in a closed loop until they are done", async () => {
    server = await fakeServer((request) => {
      if (request.index === 0) request.response.writeHead(500).end("{}");
      else {
        begin(request);
        request.response.write(chunk(request, " word", "length"));
        finish(request, 1);
      }
    });
    const one = made(closedLoop(1, 3), {});
    await playThrough(one, one.driver.run(0));
    expect([...one.columns.requests.attempts]).toEqual([2, 1, 1]);
    expect(server.received.map(({ headers }) => headers["x-request-id"])).toEqual([
      "run-0",
      "run-0.2",
      "run-1",
      "run-2",
    ]);
  });

  it("have not ended where the run is cut off between two attempts", async () => {
    server = await fakeServer(({ response }) => void response.writeHead(500).end("{}"));
    const one = made(openLoop([0]), {});
    const run = one.driver.run(0);
    one.time.advance(0);
    await until(() => one.driver.retries.endedMs.length === 1);
    one.driver.cut();
    await run;
    expect(one.columns.requests.status[0]).toBe(RequestStatus.unfinished);
    expect(one.columns.requests.attempts[0]).toBe(2);
    expect(one.columns.details.endedMs[0]).toBeNaN();
    expect(one.driver.counts).toEqual({ sent: 1, done: 0, failed: 0 });
  });
});
