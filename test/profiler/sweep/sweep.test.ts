import { describe, expect, it } from "vitest";
import { sweepDecode, sweepPrefill } from "#src/profiler";
import { madeSource, mapping } from "../made-engines.ts";
import { pipelineContext } from "../pipeline-context.ts";

const dense = [mapping("TP", 1), mapping("TP", 2), mapping("TP", 4)];
const target = { isl: 3000, osl: 150, granularity: 6 };

describe("prefill sweep", () => {
  it("[R070] [R072] gives TTFT of one prompt and prompt tokens/s/GPU for each mapping", async () => {
    const { source, calls } = madeSource();
    const { results } = await sweepPrefill(source, dense, 3000, pipelineContext().context);
    expect(calls.asked).toEqual(dense.map(({ label }) => `prefill ${label} isl=3000`));
    expect(results.map(({ mapping }) => mapping.layout.gpus)).toEqual([1, 2, 4]);
    expect(results[0]).toMatchObject({ ttftMs: 310, throughputPerGpu: (3000 / 310 / 1) * 1000, origin: "measured" });
    expect(results[2]!.throughputPerGpu).toBe((3000 / results[2]!.ttftMs / 4) * 1000);
  });

  it("counts a prompt for each attention rank", async () => {
    const { results } = await sweepPrefill(madeSource().source, [mapping("DEP", 8)], 3000, pipelineContext().context);
    expect(results[0]!.throughputPerGpu).toBeCloseTo((3000 / results[0]!.ttftMs) * 1000, 9);
  });

  it("[R067] [R181] closes each candidate before it opens the next, also one that fails", async () => {
    const { source, calls } = madeSource();
    await sweepPrefill(source, dense, 3000, pipelineContext().context);
    await sweepDecode(source, dense, target, pipelineContext().context);
    expect(calls.opened).toEqual(calls.closed);
    expect(calls.mostOpen).toBe(1);

    const broken = madeSource();
    const error = new Error("the disk is full");
    const failing = {
      ...broken.source,
      open: async (...args: Parameters<typeof broken.source.open>) => ({
        ...(await broken.source.open(...args)),
        prefill: () => Promise.reject(error),
      }),
    };
    await expect(sweepPrefill(failing, dense, 3000, pipelineContext().context)).rejects.toBe(error);
    expect(broken.calls.closed).toEqual(["prefill TP=1"]);
  });

  it("leaves out a candidate that can't be had, with its reason, and goes on", async () => {
    const { context, said } = pipelineContext();
    const sweep = await sweepPrefill(madeSource({ failing: ["TP=2"] }).source, dense, 3000, context);
    expect(sweep.results.map(({ mapping }) => mapping.label)).toEqual(["TP=1", "TP=4"]);
    expect(sweep.skipped).toEqual([{ phase: "prefill", label: "TP=2", reason: "out of memory" }]);
    expect(said.warning).toEqual(["Skipping prefill candidate TP=2 (2 GPUs): out of memory"]);
  });

  it("stops at once when it is interrupted, with the open candidate closed", async () => {
    const abort = new AbortController();
    const { source, calls } = madeSource({
      onOpen: (_, { label }) => label === "TP=2" && abort.abort(new Error("stop")),
    });
    const { context } = pipelineContext(new Map(), abort.signal);
    await expect(sweepPrefill(source, dense, 3000, context)).rejects.toThrow("stop");
    expect(calls.opened).toEqual(["prefill TP=1", "prefill TP=2"]);
    expect(calls.closed).toEqual(calls.opened);
  });

  it("takes results of an earlier run that asked the same, and no others", async () => {
    const first = pipelineContext();
    const before = await sweepPrefill(madeSource().source, dense.slice(0, 2), 3000, first.context);
    const again = madeSource();
    const { context, said } = pipelineContext(first.stored);
    const sweep = await sweepPrefill(again.source, dense, 3000, context);
    expect(again.calls.opened).toEqual(["prefill TP=4"]);
    expect(sweep.results.slice(0, 2)).toEqual(before.results);
    expect(said.info).toContain("Skipping prefill TP=1: results of an earlier run in prefill_1gpus_TP1");
    const other = madeSource();
    await sweepPrefill(other.source, dense, 4000, pipelineContext(first.stored).context);
    expect(other.calls.opened).toHaveLength(3);
  });
});

describe("decode sweep", () => {
  it("[R077] [R080] [R081] [R083] sweeps six loads from one request to what the KV cache holds, with ITL and throughput", async () => {
    const { source, calls } = madeSource({ maxKvTokens: () => 1073 * 3150 + 17 });
    const { results } = await sweepDecode(source, dense.slice(0, 1), target, pipelineContext().context);
    expect(results.map(({ concurrency }) => concurrency)).toEqual([1, 215, 429, 644, 858, 1073]);
    expect(calls.asked).toContain("decode TP=1 n=644 isl=3000 osl=150");
    for (const { itlMs, throughputPerGpu, concurrency, mapping, maxKvTokens } of results) {
      expect(throughputPerGpu).toBeCloseTo((concurrency * 1000) / itlMs / mapping.layout.gpus, 9);
      expect(maxKvTokens).toBe(1073 * 3150 + 17);
    }
  });

  it("[R081] says of each result which mapping it is of, with its GPUs and KV capacity", async () => {
    const maxKvTokens = ({ layout }: (typeof dense)[number]) => layout.gpus * 100_000;
    const { results } = await sweepDecode(madeSource({ maxKvTokens }).source, dense, target, pipelineContext().context);
    const seen = results.map((row) => `${row.mapping.label} ${row.mapping.layout.gpus} ${row.maxKvTokens}`);
    expect([...new Set(seen)]).toEqual(["TP=1 1 100000", "TP=2 2 200000", "TP=4 4 400000"]);
    expect(results).toHaveLength(18);
  });

  it("keeps loads to multiples of the attention ranks", async () => {
    const { results } = await sweepDecode(madeSource().source, [mapping("DEP", 8)], target, pipelineContext().context);
    expect(results).toHaveLength(6);
    for (const { concurrency } of results) expect(concurrency % 8).toBe(0);
  });

  it("leaves out a load that gives nothing, and a candidate whose cache holds no request", async () => {
    const { context, said } = pipelineContext();
    const { source } = madeSource({
      maxKvTokens: ({ layout }) => (layout.gpus === 1 ? 3000 : 31_500),
      failingLoads: [2],
    });
    const sweep = await sweepDecode(source, dense.slice(0, 2), { ...target, granularity: 3 }, context);
    expect(sweep.results.map(({ mapping, concurrency }) => [mapping.label, concurrency])).toEqual([
      ["TP=2", 1],
      ["TP=2", 5],
      ["TP=2", 10],
    ]);
    expect(sweep.skipped).toEqual([
      { phase: "decode", label: "TP=1", reason: "its KV cache of 3000 tokens holds no request of ISL 3000 + OSL 150" },
    ]);
    expect(said.warning).toHaveLength(1);
    const few = await sweepDecode(
      madeSource({ maxKvTokens: () => 9450, failingLoads: [2] }).source,
      dense.slice(0, 1),
      target,
      context,
    );
    expect(few.results.map(({ concurrency }) => concurrency)).toEqual([1, 3]);
    expect(said.warning).toContain("Decode TP=1: 2 requests at once gave no result, skipping");
  });
});
