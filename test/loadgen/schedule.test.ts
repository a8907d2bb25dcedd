import { afterEach, describe, expect, it } from "vitest";
import { parseTrace, type Workload } from "#scenarios";
import { split } from "#src/loadgen";
import { graphWorkload } from "../scenarios/graphs.ts";
import { begin, chunk, type FakeServer, fakeServer, finish, type Received, streamTokens } from "./fake-server.ts";
import { ManualTime, manualDriver, openLoop, until } from "./made-load.ts";

let server: FakeServer;
afterEach(() => server.close());

const ttfts = ({ columns }: Pick<ReturnType<typeof manualDriver>, "columns">) =>
  [...columns.requests.firstTokenMs].map((atMs, i) => atMs - columns.requests.arrivalMs[i]!);

describe("an open loop", () => {
  it("sends on schedule while the server answers nothing, and counts the stall in every request it delays", async () => {
    const stalled: Received[] = [];
    server = await fakeServer((request) => void stalled.push(request));
    const made = manualDriver(openLoop([0, 10, 20, 30]), server);
    const run = made.driver.run(0);
    made.time.advance(30);
    await server.until(4);
    made.time.advance(100);
    for (const request of stalled) streamTokens(request);
    await run;
    expect(ttfts(made)).toEqual([100, 90, 80, 70]);
    expect([...made.columns.details.sentMs]).toEqual([0, 10, 20, 30]);
    expect(made.driver.lateness.statistics().maxMs).toBe(0);
  });

  it("counts from the schedule when the generator itself stalls, and says how late it was", async () => {
    server = await fakeServer();
    const made = manualDriver(openLoop([0, 10, 20]), server);
    const run = made.driver.run(0);
    made.time.jump(50);
    await run;
    expect([...made.columns.requests.arrivalMs]).toEqual([0, 10, 20]);
    expect([...made.columns.details.sentMs]).toEqual([50, 50, 50]);
    expect(ttfts(made)).toEqual([50, 40, 30]);
    const { count, meanMs, maxMs } = made.driver.lateness.statistics();
    expect([count, meanMs, maxMs]).toEqual([3, 40, 50]);
  });

  it("sends a trace at its own times, divided by the speed-up, in its order", async () => {
    server = await fakeServer();
    const rows = [0, 40, 40, 100].map((timestamp, i) =>
      JSON.stringify({ timestamp, input_length: 10 + i, output_length: 2 + i }),
    );
    const trace = parseTrace(rows.join("\n"), "trace.jsonl", { speedup: 4 });
    const { driver, columns, time } = manualDriver(trace, server);
    const run = driver.run(0);
    time.advance(9);
    await server.until(1);
    time.advance(10);
    await server.until(3);
    time.advance(25);
    await run;
    expect([...columns.requests.arrivalMs]).toEqual([0, 10, 10, 25]);
    expect([...columns.details.sentMs]).toEqual([0, 10, 10, 25]);
    expect(server.received.map(({ maxTokens }) => maxTokens).sort()).toEqual([2, 3, 4, 5]);
    expect([...columns.requests.isl]).toEqual([10, 11, 12, 13]);
    expect([...columns.requests.outputTokens]).toEqual([2, 3, 4, 5]);
  });

  it("begins at its start time, from which all times count", async () => {
    server = await fakeServer();
    const made = manualDriver(openLoop([0, 5]), server);
    const run = made.driver.run(1000);
    made.time.advance(1004);
    await until(() => made.driver.counts.done === 1);
    made.time.advance(1005);
    await run;
    expect([...made.columns.details.sentMs]).toEqual([0, 5]);
    expect(ttfts(made)).toEqual([4, 0]);
  });

  it("tells trusting servers the scheduled time, as Unix seconds of the wall clock", async () => {
    server = await fakeServer();
    const time = new ManualTime(10, 1_700_000_000_000);
    const { driver } = manualDriver(openLoop([0, 2500]), server, { sendRequestStart: true }, time);
    const run = driver.run(500);
    time.jump(9000);
    await run;
    // Model time runs ten times as fast: 500 ms and 3000 ms are 50 ms and 300 ms after the epoch.
    const sent = server.received.map(({ headers }) => headers["x-request-start"]).sort();
    expect(sent).toEqual(["t=1700000000.050000", "t=1700000000.300000"]);
  });
});

describe("tokens", () => {
  it("are timed when they come: first, second, last, and every gap", async () => {
    server = await fakeServer(() => {});
    const { driver, columns, time } = manualDriver(openLoop([0], 20, 4), server);
    const run = driver.run(0);
    time.advance(0);
    await server.until(1);
    const request = server.received[0]!;
    begin(request);
    for (const [i, atMs] of [7, 12, 20, 21].entries()) {
      time.advance(atMs);
      request.response.write(chunk(request, " word"));
      await until(() => driver.gaps.state().count === i && (i > 0 || !Number.isNaN(columns.requests.firstTokenMs[0]!)));
    }
    finish(request, 4);
    await run;
    const { firstTokenMs, secondTokenMs, lastTokenMs } = columns.requests;
    expect([firstTokenMs[0], secondTokenMs[0], lastTokenMs[0]]).toEqual([7, 12, 21]);
    const { count, meanMs, minMs, maxMs } = driver.gaps.statistics();
    expect([count, minMs, maxMs]).toEqual([3, 1, 8]);
    expect(meanMs).toBeCloseTo(14 / 3, 12);
  });
});

describe("sessions", () => {
  /** Two turns, the second 30 ms after the end of the first; their shared content is the first prompt. */
  const session: Workload = {
    ...openLoop([0]),
    count: 2,
    isl: Int32Array.of(32, 64),
    osl: Int32Array.of(3, 5),
    arrivalMs: Float64Array.of(0, Number.NaN),
    nextTurn: Int32Array.of(1, -1),
    thinkMs: Float64Array.of(0, 30),
    turnIndex: Int32Array.of(0, 1),
    sessionIds: ["s", "s"],
    prompts: { blockTokens: 16, offset: Int32Array.of(0, 2, 4), ids: Int32Array.of(7, 8, 7, 8) },
  };

  it("send the next turn when the one before has ended and the think time is over, and no sooner", async () => {
    server = await fakeServer(() => {});
    const { driver, columns, time } = manualDriver(session, server);
    const run = driver.run(0);
    time.advance(0);
    await server.until(1);
    time.advance(50);
    expect(server.received).toHaveLength(1);
    streamTokens(server.received[0]!);
    await until(() => driver.counts.done === 1);
    time.advance(79);
    expect(driver.counts.sent).toBe(1);
    time.advance(80);
    await server.until(2);
    streamTokens(server.received[1]!);
    await run;
    expect([...columns.requests.arrivalMs]).toEqual([0, 80]);
  });

  it("have prompts of the workload's own contents: the second turn continues the first", async () => {
    server = await fakeServer();
    const { driver, time } = manualDriver(session, server);
    const run = driver.run(0);
    time.advance(0);
    await until(() => driver.counts.done === 1);
    time.advance(30);
    await run;
    const [first, second] = server.received.map(({ prompt }) => prompt as string);
    expect(first!.split(" ").slice(1)).toHaveLength(32);
    expect(second!.split(" ").slice(1)).toHaveLength(64);
    expect(second!.startsWith(`${first} `)).toBe(true);
  });
});

describe("the end of a run", () => {
  it("cuts off what is under way at the time limit; it counts as unfinished, its tokens so far are kept", async () => {
    server = await fakeServer((request) => {
      begin(request);
      request.response.write(chunk(request, " word"));
    });
    const { driver, columns, time } = manualDriver(openLoop([0, 40]), server, { endMs: 30 });
    const run = driver.run(0);
    time.advance(5);
    await until(() => !Number.isNaN(columns.requests.firstTokenMs[0]!));
    time.advance(30);
    await run;
    await server.received[0]!.closed;
    expect(columns.requests.status[0]).toBe(3);
    expect(columns.requests.outputTokens[0]).toBe(1);
    expect(columns.requests.arrivalMs[1]).toBeNaN();
    expect(driver.failures).toEqual([]);
  });
});

describe("requests with dependencies", () => {
  it("are sent when those they wait for have been answered and their wait is over", async () => {
    const waiting: Received[] = [];
    server = await fakeServer((request) => void waiting.push(request));
    const made = manualDriver(
      graphWorkload(4, [
        { parent: 0, child: 2, delayMs: 100, onStart: false },
        { parent: 1, child: 2, delayMs: 0, onStart: false },
        { parent: 1, child: 3, delayMs: 60, onStart: true },
      ]),
      server,
    );
    const run = made.driver.run(0);
    made.time.advance(10);
    await server.until(2);
    streamTokens(waiting[0]!);
    await until(() => made.driver.counts.done === 1);
    made.time.advance(50);
    streamTokens(waiting[1]!);
    await until(() => made.driver.counts.done === 2);
    expect(made.driver.counts.sent).toBe(2);
    made.time.advance(70);
    await server.until(3);
    streamTokens(waiting[2]!);
    await until(() => made.driver.counts.done === 3);
    made.time.advance(110);
    await server.until(4);
    streamTokens(waiting[3]!);
    await run;
    // 1 was sent at 10; 0 was answered at 10.
    expect([...made.columns.details.sentMs]).toEqual([0, 10, 110, 70]);
  });

  it("go on after one that failed", async () => {
    server = await fakeServer((request) => void request.response.writeHead(500).end("{}"));
    const made = manualDriver(graphWorkload(2, [{ parent: 0, child: 1, delayMs: 30, onStart: false }]), server);
    const run = made.driver.run(0);
    made.time.advance(0);
    await until(() => made.driver.counts.done === 1);
    made.time.advance(30);
    await run;
    expect([...made.columns.details.sentMs]).toEqual([0, 30]);
  });

  it("stay in one thread", () => {
    const made = graphWorkload(6, [
      { parent: 0, child: 5, delayMs: 0, onStart: false },
      { parent: 3, child: 5, delayMs: 0, onStart: false },
    ]);
    expect(split(made, 2).map((part) => [...part.openHeads])).toEqual([
      [0, 2, 3],
      [1, 4],
    ]);
  });
});
