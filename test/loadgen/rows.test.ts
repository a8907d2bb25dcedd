import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  DetailFile,
  type LoadPart,
  loadBlocks,
  loadRecord,
  mergeLoadParts,
  runLoad,
  runLoadOntoDisk,
  storedLoadRecord,
  writeArtifacts,
} from "#src/loadgen";
import { GapSketch, RequestStatus, RowFile } from "#src/record";
import { summarize, writeReports } from "#src/report";
import { requestsUnderWay } from "../../src/live/faults/under-way.ts";
import { copyRow } from "../../src/loadgen/columns.ts";
import { loadFacts } from "../../src/loadgen/result.ts";
import { LoadPages, PagedRows, requestsByPage } from "../../src/loadgen/rows.ts";
import { LoadTally } from "../../src/loadgen/tally.ts";
import { begin, chunk, type FakeServer, fakeServer, finish, streamTokens } from "./fake-server.ts";
import { closedLoop, madeRun, manualDriver, openLoop, until } from "./made-load.ts";

let folder: string;
let file: RowFile;
let details: DetailFile;
let server: FakeServer | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-load-rows-"));
  file = new RowFile(folder, 4);
  details = new DetailFile(folder, 4);
});
afterEach(async () => {
  file.close();
  details.close();
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

const SLA = { name: "rows", sla: { ttftMs: 500, itlMs: 20 } };

/** A file of pages that remembers which were written, in their order. */
class WatchedFile extends RowFile {
  readonly written: number[] = [];
  override write(...args: Parameters<RowFile["write"]>): void {
    this.written.push(args[0]);
    super.write(...args);
  }
}

describe("rows of a load run on disk", () => {
  const cases = fc.record({
    count: fc.integer({ min: 1, max: 40 }),
    values: fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 5, maxLength: 50 }),
    unsent: fc.array(fc.integer({ min: 0, max: 39 }), { maxLength: 12 }),
    unended: fc.array(fc.integer({ min: 0, max: 39 }), { maxLength: 4 }),
    reasons: fc.boolean(),
    cancels: fc.boolean(),
    writers: fc.integer({ min: 1, max: 3 }),
    named: fc.boolean(),
    order: fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 40, maxLength: 40 }),
  });

  it("make the very reports that rows in memory make, whatever came of the requests and in whatever order they ended", () => {
    fc.assert(
      fc.property(cases, ({ count, values, unsent, unended, reasons, cancels, writers, named, order }) => {
        const columns = madeRun(count, values);
        const { requests } = columns;
        if (!cancels) columns.details.cancelled.fill(0);
        if (!reasons) requests.reasoningTokens.fill(0);
        for (const row of unsent) if (row < count) requests.arrivalMs[row] = Number.NaN;
        const workload = {
          ...openLoop(Array.from({ length: count }, (_, i) => i)),
          ...(named
            ? { tenants: { names: ["a", "b"], of: Int32Array.from({ length: count }, (_, i) => (i % 3) - 1) } }
            : {}),
        };
        const options = { workload, target: { url: "http://x", model: "fake" } };
        const gaps = new GapSketch().state();
        const retries = { endedMs: [3], sentMs: [5] };
        const counts = { sent: count, done: count, failed: 0 };
        const driver = { gaps, lateness: gaps, failures: [], retries, counts, connections: 1, loopDelayMs: 0 };
        const part: LoadPart = {
          ...{ columns, drivers: [driver], model: "fake", runId: "run" },
          ...{ startMs: 0, startUnixMs: 1, timeScale: 1, aborted: false },
        };
        const kept = mergeLoadParts(options, [part]);

        const tally = new LoadTally(workload);
        const files = { rows: file, details };
        const own = Array.from({ length: writers }, (_, writer) =>
          requestsByPage(count, file.pageRows, (request) => request % writers === writer),
        );
        const writersOf = own[0]!.map((_, page) => own.filter((requests) => requests[page]! > 0).length);
        const pages = new LoadPages(files, count, writersOf, tally, { cancels });
        const rows = own.map((requests) => new PagedRows(pages, file.pageRows, requests));
        const sent = [...requests.arrivalMs.keys()].filter((row) => !Number.isNaN(requests.arrivalMs[row]!));
        for (const row of sent.sort((a, b) => order[a]! - order[b]!)) {
          const { [row % writers]: its } = rows;
          copyRow(columns, row, its!.columns(row), its!.place(row));
          if (!unended.includes(row)) its!.ended(row);
        }
        const stored = {
          ...{ files, pages: pages.store(), reasons: tally.reasons, cancelled: pages.cancelled },
          ...{ requests: { arrivalMs: pages.arrivalMs }, details: { endedMs: pages.endedMs } },
        };
        // What was never sent has no end.
        for (const row of unsent) if (row < count) columns.details.endedMs[row] = Number.NaN;
        const again = mergeLoadParts(options, [part]);
        const load = { ...loadFacts(options, [part], tally, pages.endedMs), ...stored };
        expect(load.counts).toEqual(kept.counts);
        expect(load.endMs).toBe(again.endMs);
        expect(load.warnings).toEqual(kept.warnings);

        const feasible = Uint8Array.from({ length: count }, (_, i) => (i % 4 === 0 ? 0 : 1));
        const record = loadRecord(again, { ...SLA, feasible });
        const onDisk = storedLoadRecord(load, { ...SLA, feasible });
        expect(summarize(onDisk)).toEqual(summarize(record));
        const [inMemory, fromDisk] = [record, onDisk].map((run, i) =>
          writeReports(run, join(folder, `${i}`), { summary: summarize(run), kinds: ["json", "csv"] }).map(({ path }) =>
            readFileSync(path, "utf8"),
          ),
        );
        expect(inMemory!.length).toBeGreaterThan(1);
        expect(fromDisk).toEqual(inMemory);
        const artifacts = [again, load].map((result, i) => {
          const options = { summary: summarize(record), goodput: null, inputConfig: {} };
          return writeArtifacts(result, join(folder, `load-${i}`), options).map((path) => readFileSync(path, "utf8"));
        });
        expect(artifacts[0]!.length).toBe(3);
        expect(artifacts[1]).toEqual(artifacts[0]);
        for (const role of ["prefill", null] as const) {
          const memory = { ...again, blocks: () => [again] };
          const disk = { ...load, blocks: () => loadBlocks(load) };
          expect(requestsUnderWay(disk, role, 500, 3000)).toBe(requestsUnderWay(memory, role, 500, 3000));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("come of a real run, and are in memory only while a request of their page has no end", async () => {
    server = await fakeServer((request) => {
      begin(request, { "x-worker-id": `decode/${request.index % 3}` });
      for (let i = 0; i < 4; i++) request.response.write(chunk(request, " word"));
      finish(request, 4, 8);
    });
    const target = { url: server.url, model: "fake" };
    const workload = closedLoop(2, 40);
    const watched = new WatchedFile(folder, 4);
    let writtenMeanwhile = 0;
    const onTokens = () => {
      writtenMeanwhile = watched.written.length;
    };
    const stored = await runLoadOntoDisk({ workload, target, onTokens }, { rows: watched, details: null });
    const kept = await runLoad({ workload, target });
    expect(stored.counts).toEqual(kept.counts);
    expect(stored.counts).toMatchObject({ sent: 40, completed: 40 });
    // Each page once, and all but the last ones before the run's end.
    expect(watched.written.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, page) => page));
    expect(writtenMeanwhile).toBeGreaterThan(7);
    const { rows } = storedLoadRecord(stored, SLA);
    const record = loadRecord(kept, SLA);
    for (const name of ["isl", "outputTokens", "cachedTokens", "attempts", "status"] as const) {
      expect([...rows].flatMap(({ requests }) => [...requests[name]])).toEqual([...record.requests[name]]);
    }
    watched.close();
  });

  it("stay open while a client tries again", async () => {
    server = await fakeServer((request) => {
      if (request.index === 2) streamTokens(request);
    });
    const patience = {
      timeoutMs: null,
      firstTokenTimeoutMs: 50,
      retries: 2,
      backoffMs: 100,
      backoffFactor: 2,
      jitter: 0,
    };
    const single = new WatchedFile(folder, 1);
    const workload = openLoop([0]);
    const one = Int32Array.of(1);
    const pages = new LoadPages({ rows: single, details: null }, 1, one, new LoadTally(workload));
    const rows = new PagedRows(pages, 1, one);
    const plan = { clients: { behaviour: patience, seed: 1 } };
    const { driver, time } = manualDriver(workload, server, plan, undefined, undefined, rows);
    const run = driver.run(0);
    for (const atMs of [0, 50, 150, 200, 400]) {
      time.advance(atMs);
      if (atMs % 100 === 50 && atMs > 100) await server.until(2);
      else await (atMs === 0 ? server.until(1) : until(() => driver.inFlight === 0 || server!.received.length === 3));
      expect(single.written).toEqual(atMs === 400 && driver.inFlight === 0 ? [0] : []);
    }
    await run;
    expect(single.written).toEqual([0]);
    const row = single.read(0, 1);
    expect([row.attempts[0], row.status[0], row.firstTokenMs[0]]).toEqual([3, RequestStatus.completed, 400]);
    single.close();
  });

  it("come from several threads into the same pages", async () => {
    server = await fakeServer((request) => {
      begin(request, { "x-worker-id": `decode/${request.index % 3}` });
      for (let i = 0; i < 4; i++) request.response.write(chunk(request, " word"));
      finish(request, 4, 8);
    });
    const workload = closedLoop(6, 50);
    const watched = new WatchedFile(folder, 4);
    const options = { workload, target: { url: server.url, model: "fake" }, threads: 3 };
    const stored = await runLoadOntoDisk(options, { rows: watched, details });
    expect(stored.counts).toMatchObject({ sent: 50, completed: 50, unfinished: 0 });
    expect(watched.written.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 13 }, (_, page) => page));
    const { rows } = storedLoadRecord(stored, SLA);
    const tables = [...rows].map(({ requests }) => requests);
    expect(tables.flatMap(({ isl }) => [...isl])).toEqual(Array(50).fill(20));
    expect(tables.flatMap(({ outputTokens }) => [...outputTokens])).toEqual(Array(50).fill(4));
    expect(stored.details.endedMs.every((ms) => ms > 0)).toBe(true);
    watched.close();
  });

  it.each([1, 2])("end a run of %i threads that they have no room for, and say why", async (threads) => {
    server = await fakeServer(streamTokens);
    class FullFile extends RowFile {
      override write(page: number): void {
        throw new Error(`no space left for page ${page}`);
      }
    }
    const full = new FullFile(folder, 4);
    const options = { workload: closedLoop(2, 4000), target: { url: server.url, model: "fake" }, threads };
    const run = runLoadOntoDisk(options, { rows: full, details: null });
    await expect(run).rejects.toThrow("no space left for page 0");
    expect(server.received.length).toBeLessThan(2000);
    full.close();
  });
});
