import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { wallClock } from "#common";
import { buildWorkload, type TrafficEntry } from "#scenarios";
import { decodeLoadPart, encodeLoadPart, type LoadPart, mergeLoadParts, runLoadPart, split } from "#src/loadgen";
import { GapSketch, RequestStatus } from "#src/record";
import { copyRow, loadColumns } from "../../src/loadgen/columns.ts";
import { type FakeServer, fakeServer } from "./fake-server.ts";
import { closedLoop, madeContent, madeRun, openLoop } from "./made-load.ts";

let server: FakeServer | undefined;
afterEach(() => server?.close());

describe("a workload's parts", () => {
  it("are the stream of one generator, each arrival once and in its order, for any number of generators", () => {
    const traffic = fc.record({
      seed: fc.integer({ min: 0, max: 1000 }),
      rate: fc.double({ min: 0.5, max: 40, noNaN: true }),
      concurrency: fc.integer({ min: 1, max: 9 }),
      requests: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(traffic, fc.integer({ min: 1, max: 12 }), ({ seed, rate, concurrency, requests }, generators) => {
        const shared = { startMs: 0, content: madeContent(20, 4) };
        const entries: TrafficEntry[] = [
          {
            ...shared,
            kind: "open",
            durationMs: 5000,
            rate: { kind: "constant", rate },
            arrivals: { kind: "poisson" },
          },
          { ...shared, kind: "closed", durationMs: null, requests, concurrency },
        ];
        const workload = buildWorkload(entries, { seed });
        const parts = split(workload, generators);
        const open = parts.flatMap(({ openHeads }) => [...openHeads]);
        expect(open.sort((a, b) => a - b)).toEqual([...workload.openHeads].sort((a, b) => a - b));
        parts.forEach(({ openHeads }, i) => {
          expect([...openHeads]).toEqual([...workload.openHeads].filter((_, k) => k % generators === i));
        });
        const [loop] = workload.closedLoops;
        const loops = parts.flatMap(({ closedLoops }) => closedLoops);
        expect(loops.reduce((sum, one) => sum + one.concurrency, 0)).toBe(loop!.concurrency);
        const heads = loops.flatMap((one) => [...one.heads]);
        expect(heads.sort((a, b) => a - b)).toEqual([...loop!.heads].sort((a, b) => a - b));
      }),
      { numRuns: 200 },
    );
  });
});

function partOf(columns: ReturnType<typeof loadColumns>, rows: readonly number[]): LoadPart {
  const own = loadColumns(columns.requests.count, false);
  const gaps = new GapSketch();
  for (const row of rows) {
    copyRow(columns, row, own, row);
    gaps.add(columns.requests.arrivalMs[row]!, 1);
  }
  const failures = rows.map((request) => ({ request, kind: "server" as const, status: 500, message: "no" }));
  const counts = { sent: rows.length, done: rows.length, failed: rows.length };
  const lateness = new GapSketch().state();
  const sentMs = rows.map((row) => columns.requests.arrivalMs[row]! + 7);
  const retries = { endedMs: sentMs.map((atMs) => atMs - 2), sentMs };
  const driver = { gaps: gaps.state(), lateness, failures, retries, counts, connections: 1, loopDelayMs: 0 };
  const when = { startMs: 0, startUnixMs: 1, timeScale: 1, aborted: false };
  return { columns: own, drivers: [driver], model: "fake", runId: "run", ...when };
}

describe("what several generators measured", () => {
  it("merges into what one would have, record for record, through the bytes that it travels as", () => {
    const cases = fc.record({
      count: fc.integer({ min: 1, max: 60 }),
      generators: fc.integer({ min: 1, max: 7 }),
      values: fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 5, maxLength: 50 }),
    });
    fc.assert(
      fc.property(cases, ({ count, generators, values }) => {
        const columns = madeRun(count, values);
        const workload = openLoop(Array.from({ length: count }, (_, i) => i));
        const rows = Array.from({ length: count }, (_, i) => i);
        const options = { workload, target: { url: "http://x", model: "fake" } };
        const whole = mergeLoadParts(options, [partOf(columns, rows)]);
        const parts = Array.from({ length: generators }, (_, g) =>
          decodeLoadPart(
            encodeLoadPart(
              partOf(
                columns,
                rows.filter((row) => row % generators === g),
              ),
            ),
            count,
          ),
        );
        const merged = mergeLoadParts(options, parts as [LoadPart, ...LoadPart[]]);
        expect(merged.requests).toEqual(whole.requests);
        expect(merged.details).toEqual(whole.details);
        expect(merged.counts).toEqual(whole.counts);
        expect(merged.warnings).toEqual(whole.warnings);
        expect(merged.failures.map(({ request }) => request).sort()).toEqual(
          whole.failures.map(({ request }) => request).sort(),
        );
        expect(merged.gaps.count).toBe(whole.gaps.count);
        for (const q of [0, 0.5, 0.9, 0.99, 1]) expect(merged.gaps.quantileMs(q)).toBe(whole.gaps.quantileMs(q));
      }),
      { numRuns: 60 },
    );
  });

  it("is refused where it is of another workload, or no part at all", () => {
    const part = partOf(madeRun(3, [1, 2, 3, 4, 5]), [0, 1, 2]);
    expect(() => decodeLoadPart(encodeLoadPart(part), 4)).toThrow(/a part of 3 requests where the workload has 4/);
    expect(() => decodeLoadPart(Buffer.from("nothing"), 3)).toThrow(/another format/);
  });

  it("has every request of the stream once, due when one generator would have sent it", async () => {
    const asked = await fakeServer();
    server = asked;
    const timesMs = Array.from({ length: 30 }, (_, i) => i * 5.5);
    const workload = openLoop(timesMs);
    const options = { workload, target: { url: asked.url, model: "fake" }, runId: "run" };
    const clock = wallClock();
    const startMs = clock.nowMs() + 50;
    const parts = await Promise.all([0, 1, 2].map((index) => runLoadPart({ ...options, clock, startMs }, index, 3)));
    const result = mergeLoadParts(options, parts as [LoadPart, ...LoadPart[]]);
    expect(result.counts).toMatchObject({ sent: 30, completed: 30, failed: 0 });
    expect([...result.requests.arrivalMs]).toEqual(timesMs);
    expect(result.requests.status.every((status) => status === RequestStatus.completed)).toBe(true);
    const ids = asked.received.map(({ headers }) => headers["x-request-id"]);
    expect(new Set(ids)).toEqual(new Set(timesMs.map((_, i) => `run-${i}`)));
    expect(ids).toHaveLength(30);
    // Prompts are those of one generator, too: contents follow the request's number in the whole.
    expect(new Set(asked.received.map(({ prompt }) => String(prompt))).size).toBe(30);
  });

  it("never has more in flight than the closed loop allows", async () => {
    const asked = await fakeServer();
    server = asked;
    const workload = closedLoop(5, 40);
    const options = { workload, target: { url: asked.url, model: "fake" }, runId: "run" };
    const clock = wallClock();
    const startMs = clock.nowMs() + 20;
    const parts = await Promise.all([0, 1].map((index) => runLoadPart({ ...options, clock, startMs }, index, 2)));
    const result = mergeLoadParts(options, parts as [LoadPart, ...LoadPart[]]);
    expect(result.counts).toMatchObject({ sent: 40, completed: 40 });
    expect(asked.mostInFlight).toBeLessThanOrEqual(5);
  });
});
