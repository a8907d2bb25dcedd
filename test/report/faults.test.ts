import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { type FaultRecord, RequestStatus, type RunRecord } from "#src/record";
import { formatRun, measuredValues, reportPage, STUDY_MEASURES, studyMeasures, summarize } from "#src/report";
import { type RequestRow, recordOf } from "./record.ts";

const AT_MS = 20_000;

function fault(more: Partial<FaultRecord> = {}): FaultRecord {
  const nothing = { workers: 0, requests: 0, retried: 0, failed: 0, ticks: 0 };
  return { atMs: AT_MS, untilMs: AT_MS, kind: "kill", text: "decode/0 is killed", ...nothing, ...more };
}

/** Ten requests a second for three minutes; those that arrive within one of the spans (s) miss the TTFT. */
function run(bad: [number, number][], faults = [fault()], more: Partial<RunRecord> = {}): RunRecord {
  const rows = Array.from({ length: 1800 }, (_, i): RequestRow => {
    const arrivalMs = i * 100;
    const misses = bad.some(([from, to]) => arrivalMs >= from * 1000 && arrivalMs < to * 1000);
    return { arrivalMs, ttftMs: misses ? 500 : 100, itlMs: 8, osl: 3 };
  });
  return recordOf(rows, { endMs: 180_000, faults, ...more });
}

const recovery = (bad: [number, number][], faults?: FaultRecord[]) =>
  summarize(run(bad, faults)).faults.map(({ recoveryMs }) => recoveryMs);

describe("recovery from a fault", () => {
  it("takes no time where the SLA was kept throughout, or was missed before", () => {
    expect(recovery([])).toEqual([0]);
    expect(recovery([[10, 20]])).toEqual([0]);
  });

  it("lasts until requests keep the SLA again, by 5 s of arrivals", () => {
    expect(recovery([[20, 31]])).toEqual([15_000]);
    expect(recovery([[24, 31]])).toEqual([15_000]);
    // Less than one in ten of a window.
    expect(recovery([[20, 20.4]])).toEqual([0]);
  });

  it("is not over while it is kept for less than 20 s on end, nor while the fault or the minute after it brings more", () => {
    expect(
      recovery([
        [20, 25],
        [40, 45],
      ]),
    ).toEqual([25_000]);
    expect(
      recovery([
        [20, 25],
        [70, 75],
      ]),
    ).toEqual([55_000]);
    // That late it has another cause, unless the fault goes on.
    const late: [number, number][] = [
      [20, 25],
      [110, 115],
    ];
    expect(recovery(late)).toEqual([5000]);
    expect(recovery(late, [fault({ untilMs: 60_000 })])).toEqual([95_000]);
    expect(recovery(late, [fault({ untilMs: null })])).toEqual([95_000]);
  });

  it("goes by arrivals, in whichever order requests stand", () => {
    const inOrder = run([[20, 31]], [fault(), fault({ atMs: 100_000, untilMs: null })]);
    const { requests: table } = inOrder;
    const rows = Array.from({ length: table.count }, (_, i): RequestRow => {
      const at = (i * 7) % table.count;
      return {
        arrivalMs: table.arrivalMs[at]!,
        ttftMs: table.firstTokenMs[at]! - table.arrivalMs[at]!,
        itlMs: 8,
        osl: 3,
      };
    });
    const mixed = recordOf(rows, { endMs: inOrder.endMs, faults: inOrder.faults! });
    expect(summarize(mixed).faults).toEqual(summarize(inOrder).faults);
    expect(summarize(mixed).faults.map(({ recoveryMs }) => recoveryMs)).toEqual([15_000, 0]);
  });

  it("is not measured where the run ended before the fault, and fails whoever asks for it", () => {
    const late = run([], [fault(), fault({ atMs: 200_000, untilMs: 200_000 })]);
    const summary = summarize(late);
    expect(summary.faults.map(({ recoveryMs }) => recoveryMs)).toEqual([0, Number.NaN]);
    expect(measuredValues(late, summary).values.recoversWithin).toBeNaN();
    expect(formatRun(late, summary, { colour: false, width: 120 })).toMatch(/3:20 .*the run ended before/);
  });

  it("never comes where the run ends before", () => {
    const record = run([[20, 181]]);
    const summary = summarize(record);
    expect(summary.faults[0]!.recoveryMs).toBe(Number.POSITIVE_INFINITY);
    expect(measuredValues(record, summary).values.recoversWithin).toBe(Number.POSITIVE_INFINITY);
  });

  it("is judged by the longest of all faults", () => {
    const record = run([[20, 31]], [fault({ atMs: 5000, untilMs: 5000 }), fault()]);
    expect(measuredValues(record, summarize(record)).values.recoversWithin).toBe(30_000);
  });
});

describe("requests that were tried again", () => {
  it("are counted once, with their attempts", () => {
    const record = recordOf([
      { arrivalMs: 0, ttftMs: 100, itlMs: 8, osl: 3 },
      { arrivalMs: 0, ttftMs: 100, itlMs: 8, osl: 3 },
      { arrivalMs: 0, ttftMs: 100, itlMs: 8, osl: 3, status: RequestStatus.failed },
    ]);
    record.requests.attempts.set([1, 3, 4]);
    const summary = summarize(record);
    expect(summary.requests).toMatchObject({ total: 3, completed: 2, failed: 1, retried: 2, attempts: 8 });
    expect(measuredValues(record, summary).values).toMatchObject({ failed: 1, rejected: 0, retried: 2, attempts: 8 });
  });
});

describe("measures of studies", () => {
  it("are all that expect: may ask of a run, those of faults and retries as well", () => {
    const record = run([[20, 31]]);
    const summary = summarize(record);
    const { values } = measuredValues(record, summary);
    expect(STUDY_MEASURES).toEqual(expect.arrayContaining(Object.keys(values)));
    expect(studyMeasures(record, summary)).toMatchObject({
      rejected: 0,
      failed: 0,
      retried: 0,
      attempts: 1800,
      recoversWithin: 15_000,
    });
  });
});

describe("faults in reports", () => {
  const faults = [
    fault({ workers: 1, requests: 12, retried: 9, failed: 3 }),
    fault({ atMs: 60_000, untilMs: 90_000, kind: "loseMetrics", text: "no metrics <at all>", ticks: 6 }),
    fault({ atMs: 100_000, untilMs: null, text: "decode/9 is killed" }),
  ];
  const record = run([[20, 31]], faults);

  it("stand on the terminal with what came of them", () => {
    const text = stripVTControlCharacters(formatRun(record, summarize(record), { colour: true, width: 120 }));
    expect(text).toContain("decode/0 is killed");
    expect(text).toMatch(/0:20 .*1 worker, 12 requests \(9 retried, 3 broken off\) +SLA kept again after 15 s/);
    expect(text).toMatch(/1:00 +–1:30 +no metrics <at all> +6 ticks +SLA kept throughout/);
    expect(text).toMatch(/1:40 .*struck nobody/);
    const without = run([], []);
    expect(formatRun(without, summarize(without), { colour: false, width: 120 })).not.toContain("Faults");
  });

  it("stand in the page as a table, and as numbered marks in every chart over time", () => {
    const page = reportPage(record);
    expect(page).toContain('<a href="#faults">');
    expect(page).toContain("no metrics &lt;at all&gt;");
    const charts = page.split('<figure class="card time"').slice(1);
    expect(charts.length).toBeGreaterThan(5);
    for (const chart of charts) {
      for (const number of ["1", "2", "3"]) expect(chart).toMatch(new RegExp(`text-anchor="middle">${number}</text>`));
    }
    const plain = reportPage(run([], []));
    expect(plain).not.toContain("#faults");
  });
});
