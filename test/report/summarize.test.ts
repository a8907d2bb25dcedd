import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestStatus, type WorkerLife } from "#src/record";
import { measuredValues, metricRows, summarize } from "#src/report";
import { type RequestRow, recordOf, worker } from "./record.ts";
import { syntheticRun } from "./synthetic-run.ts";

const GOOD: RequestRow = { arrivalMs: 0, ttftMs: 100, itlMs: 8, osl: 101 };

describe("request metrics", () => {
  it("have AIPerf's definitions: ITL = (latency − TTFT) ÷ (OSL − 1), throughput per user = 1 ÷ ITL", () => {
    const { metrics, throughput } = summarize(
      recordOf([
        { arrivalMs: 1000, ttftMs: 100, itlMs: 8, osl: 101 },
        { arrivalMs: 2000, ttftMs: 300, itlMs: 10, osl: 11 },
      ]),
    );
    expect(metrics.ttftMs.mean).toBe(200);
    expect(metrics.latencyMs.max).toBe(900);
    expect(metrics.itlMs.mean).toBe(9);
    expect(metrics.itlMs.p50).toBe(9);
    expect(metrics.perUserThroughput.mean).toBe((125 + 100) / 2);
    expect(metrics.perUserThroughput.min).toBe(100);
    expect(metrics.ttstMs.max).toBe(10);
    // From the first arrival (1000) to the last token (2400).
    expect(throughput.durationMs).toBe(1400);
    expect(throughput.requestsPerSecond).toBeCloseTo(2 / 1.4, 12);
    expect(throughput.outputTokensPerSecond).toBeCloseTo(112 / 1.4, 12);
  });

  it("tell when the answer began, of requests where it did, only where the model reasons", () => {
    const record = recordOf([GOOD, GOOD, { ...GOOD, ttftMs: 300 }, { ...GOOD, status: RequestStatus.failed }]);
    const reasoning = (tokens: number[]) => ({
      ...record,
      requests: {
        ...record.requests,
        firstOutputTokenMs: Float64Array.of(500, Number.NaN, 300, 700),
        reasoningTokens: Int32Array.from(tokens),
      },
    });
    const { metrics } = summarize(reasoning([50, 101, 0, 0]));
    expect(metrics.ttfoMs).toMatchObject({ count: 2, mean: 400, max: 500 });
    expect(metrics.reasoningTokens).toMatchObject({ count: 3, min: 0, max: 101 });
    const rows = metricRows(summarize(reasoning([50, 101, 0, 0])));
    const row = (tag: string) => rows.find((one) => one.tag === tag)?.value;
    expect(row("time_to_first_output_token")).toMatchObject({ mean: 400 });
    expect(row("reasoning_token_count")).toMatchObject({ max: 101 });
    for (const none of [record, reasoning([0, 0, 0, 9])]) {
      const summary = summarize(none);
      expect(Object.keys(summary.metrics)).not.toContain("ttfoMs");
      expect(metricRows(summary).map(({ tag }) => tag)).not.toContain("reasoning_token_count");
      expect(measuredValues(none, summary).values["ttfo.mean"]).toBe(summary.metrics.ttftMs.mean);
    }
  });

  it("leave requests of one token out of ITL and TTST", () => {
    const { metrics } = summarize(recordOf([GOOD, { ...GOOD, osl: 1 }]));
    expect([metrics.ttftMs.count, metrics.itlMs.count, metrics.ttstMs.count]).toEqual([2, 1, 1]);
  });

  it("count completed requests alone", () => {
    const { metrics, requests } = summarize(recordOf([GOOD, { ...GOOD, status: RequestStatus.failed }]));
    expect(metrics.ttftMs.count).toBe(1);
    expect(requests).toMatchObject({ total: 2, completed: 1, failed: 1 });
  });

  it("are absent, not zero, when nothing completed", () => {
    const summary = summarize(recordOf([{ ...GOOD, status: RequestStatus.rejected }]));
    expect(summary.metrics.ttftMs.p50).toBeNaN();
    expect(summary.throughput.requestsPerSecond).toBeNaN();
    expect(summary.attainment.share).toBe(0);
    expect(summarize(recordOf([])).attainment.share).toBeNaN();
  });
});

describe("attainment", () => {
  it("is judged on TTFT and the request's own mean ITL, apart and together", () => {
    const { attainment } = summarize(
      recordOf([GOOD, { ...GOOD, ttftMs: 201 }, { ...GOOD, itlMs: 10.5 }, { ...GOOD, ttftMs: 200, itlMs: 10 }]),
    );
    expect(attainment).toMatchObject({ judged: 4, good: 2, share: 0.5, ttftShare: 0.75, itlShare: 0.75 });
  });

  it("counts rejected, failed and unfinished requests as missed", () => {
    const missed = [RequestStatus.rejected, RequestStatus.failed, RequestStatus.unfinished];
    const { attainment } = summarize(recordOf([GOOD, ...missed.map((status) => ({ ...GOOD, status }))]));
    expect(attainment).toMatchObject({ judged: 4, good: 1, ttftMet: 1, itlMet: 1 });
  });

  it("does not judge infeasible requests, but counts one that kept the SLA all the same", () => {
    const summary = summarize(
      recordOf([GOOD, { ...GOOD, ttftMs: 900, feasible: false }, { ...GOOD, ttftMs: 150, feasible: false }]),
    );
    expect(summary.attainment).toMatchObject({ judged: 2, good: 2, share: 1 });
    expect(summary.requests.infeasible).toBe(1);
  });

  it("holds a single token's ITL as kept", () => {
    expect(summarize(recordOf([{ ...GOOD, osl: 1 }])).attainment.itlShare).toBe(1);
  });

  it("never has more good requests than either limit alone, nor more than were judged", () => {
    const row = fc.record({
      arrivalMs: fc.integer({ min: 0, max: 60_000 }),
      ttftMs: fc.integer({ min: 1, max: 400 }),
      itlMs: fc.integer({ min: 1, max: 20 }),
      osl: fc.integer({ min: 1, max: 50 }),
      status: fc.constantFrom(...Object.values(RequestStatus)),
      feasible: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
        const { attainment, requests } = summarize(recordOf(rows));
        expect(attainment.good).toBeLessThanOrEqual(Math.min(attainment.ttftMet, attainment.itlMet));
        expect(Math.max(attainment.ttftMet, attainment.itlMet)).toBeLessThanOrEqual(attainment.judged);
        expect(attainment.judged + requests.infeasible).toBe(rows.length);
        const { completed, rejected, failed, unfinished } = requests;
        expect(completed + rejected + failed + unfinished).toBe(rows.length);
        const good = rows.filter(
          (r) => r.status === RequestStatus.completed && r.ttftMs <= 200 && (r.osl === 1 || r.itlMs <= 10),
        );
        expect(attainment.good).toBe(good.length);
      }),
    );
  });
});

describe("cost", () => {
  const hour = 3_600_000;

  it("counts GPUs from the decision to start a worker until it is drained, or the end", () => {
    const workers = [
      worker("prefill", 0),
      worker("decode", 0, { createdMs: hour / 2, readyMs: hour / 2 + 60_000 }),
      worker("decode", 1, { drainingMs: hour / 4, removedMs: hour / 2 }),
    ];
    const { cost } = summarize(recordOf([GOOD], { endMs: hour, workers, gpusPerWorker: { prefill: 1, decode: 4 } }));
    expect(cost.gpuHours).toBe(1 + 2 + 2);
    expect(cost.averageGpus).toBe(5);
    // The removal of one decode worker and the start of the other fall on the same instant.
    expect(cost.peakGpus).toBe(5);
    expect(cost.roles.decode).toMatchObject({ averageWorkers: 1, peakWorkers: 1, startedWorkers: 2 });
  });

  it("divides good requests by allocated GPU-seconds", () => {
    const { goodput } = summarize(
      recordOf([GOOD, GOOD, { ...GOOD, ttftMs: 999 }], { endMs: 10_000, workers: [worker("decode", 0)] }),
    );
    expect(goodput.perGpu).toBe(2 / 10);
  });

  it("has an average between no worker and the peak", () => {
    const life = fc.record({
      from: fc.integer({ min: 0, max: 900 }),
      held: fc.integer({ min: 1, max: 900 }),
      stays: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(life, { maxLength: 20 }), (lives) => {
        const workers = lives.map(({ from, held, stays }, id): WorkerLife => {
          return worker("decode", id, { createdMs: from, readyMs: from, removedMs: stays ? null : from + held });
        });
        const { cost } = summarize(recordOf([GOOD], { endMs: 1000, workers }));
        expect(cost.averageGpus).toBeLessThanOrEqual(cost.peakGpus + 1e-9);
        expect(cost.peakGpus).toBeLessThanOrEqual(workers.length);
        expect(cost.gpuSeconds).toBeCloseTo(cost.averageGpus, 9);
      }),
    );
  });
});

describe("measured values", () => {
  it("answer every name with what the summary says", () => {
    const record = syntheticRun({ requests: 2000 });
    const summary = summarize(record);
    const { values } = measuredValues(record, summary);
    expect(values.slaAttainment).toBe(summary.attainment.share);
    expect(values["ttft.p99"]).toBe(summary.metrics.ttftMs.p99);
    expect(values["e2e.max"]).toBe(summary.metrics.latencyMs.max);
    expect(values.errors).toBe(summary.requests.rejected + summary.requests.failed);
    expect(values.prefixHitRate).toBe(0);
  });

  it("count workers as replicas while they are ready", () => {
    const workers = [
      worker("decode", 0),
      worker("decode", 1, { createdMs: 1000, readyMs: 4000, drainingMs: 8000, removedMs: 9000 }),
    ];
    const record = recordOf([GOOD], { endMs: 10_000, workers });
    const { replicas } = measuredValues(record, summarize(record));
    expect(replicas("decode")).toEqual({ atMs: [0, 4000, 8000], ready: [1, 2, 1], endMs: 10_000 });
    expect(replicas("prefill")).toEqual({ atMs: [0], ready: [0], endMs: 10_000 });
  });
});
