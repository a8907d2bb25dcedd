import { describe, expect, it } from "vitest";
import {
  candidateCounts,
  paretoPicture,
  type SweepReport,
  sensitivityPicture,
  sweepColumns,
  sweepPage,
  sweepRows,
} from "#src/report";
import { expectWellFormed, visibleText } from "./markup.ts";

const measures = (goodputPerGpu: number, itl: number, tokens: number) => ({
  goodputPerGpu: { mean: goodputPerGpu, ci95: 0.1 },
  "itl.mean": { mean: itl, ci95: 0.2 },
  outputThroughputPerGpu: { mean: tokens, ci95: 1 },
  slaAttainment: { mean: 0.995, ci95: 0 },
});
const candidate = (workers: number, more: Partial<SweepReport["candidates"][0]>): SweepReport["candidates"][0] => ({
  values: [String(workers), "<kv>"],
  numbers: [workers, Number.NaN],
  seeds: 3,
  part: 1,
  measures: {},
  keeps: true,
  onFront: false,
  notRun: null,
  ...more,
});
const REPORT: SweepReport = {
  kind: "sweep",
  name: "a <scenario>",
  method: "grid",
  goal: { measure: "goodputPerGpu", direction: "max" },
  conditions: ["slaAttainment>=0.99"],
  trade: [
    { measure: "itl.mean", direction: "min" },
    { measure: "outputThroughputPerGpu", direction: "max" },
  ],
  shown: ["goodputPerGpu", "slaAttainment"],
  drawn: ["itl.mean", "scaleEvents"],
  axes: [
    { name: "deployment.decode.workers", isDuration: false },
    { name: "deployment.router", isDuration: false },
  ],
  candidates: [
    candidate(1, { measures: measures(2, 9, 300), onFront: true }),
    candidate(2, { measures: measures(3, 7, 200), onFront: true }),
    candidate(4, { measures: measures(5, 8, 190), keeps: false }),
    candidate(8, { seeds: 0, keeps: false, notRun: "no such router\nhint" }),
  ],
  best: 1,
  isWhole: true,
};

describe("a sweep's report", () => {
  it("has a row for each candidate: the best, those that keep the conditions, those that don't, those that were not run", () => {
    expect(sweepColumns(REPORT)).toEqual(["workers", "router", "goodput per GPU (req/s)", "SLA attainment", ""]);
    expect(sweepRows(REPORT).map(({ cells }) => cells)).toEqual([
      ["2", "<kv>", "3 ± 0.100", "99.50 %", "best, front"],
      ["1", "<kv>", "2 ± 0.100", "99.50 %", "front"],
      ["4", "<kv>", "5 ± 0.100", "99.50 %", "misses"],
      ["8", "<kv>", "–", "–", "no such router"],
    ]);
    const smallest = { ...REPORT, goal: { measure: "itl.mean", direction: "min" as const }, best: null };
    expect(sweepRows(smallest).map(({ index }) => index)).toEqual([1, 0, 2, 3]);
  });

  it("counts and draws what was run with all of the traffic, and says which part the others played", () => {
    const parts = [
      candidate(16, { part: 1 / 9, measures: measures(9, 1, 900) }),
      candidate(17, { part: 1 / 3, measures: measures(8, 1, 900), keeps: false }),
      candidate(18, { part: 1 / 3, measures: measures(7, 1, 900) }),
    ];
    const halved = { ...REPORT, candidates: [...REPORT.candidates, ...parts] };
    expect(candidateCounts(REPORT)).toBe("3 of 4 candidates run");
    expect(candidateCounts(halved)).toBe("3 of 7 candidates run, 3 with a part of the traffic alone");
    expect(sweepRows(halved).map(({ cells }) => `${cells[0]} ${cells.at(-1)}`)).toEqual([
      "2 best, front",
      "1 front",
      "4 misses",
      "18 first 1/3 of the traffic",
      "17 misses, first 1/3 of the traffic",
      "16 first 1/9 of the traffic",
      "8 no such router",
    ]);
    expect(paretoPicture(halved)).toBe(paretoPicture(REPORT));
    expect(sensitivityPicture(halved)).toBe(sensitivityPicture(REPORT));
  });

  it("draws the front with its names, and what never happened not at all", () => {
    const svg = paretoPicture(REPORT);
    expectWellFormed(svg);
    for (const text of [
      "2 of 3 candidates are beaten by none",
      "ITL mean (ms)",
      "output tokens/s/GPU",
      "workers 2, router &lt;kv&gt;",
    ])
      expect(svg).toContain(text);
    expect(paretoPicture(REPORT)).toBe(svg);
    const sensitivity = sensitivityPicture(REPORT)!;
    expectWellFormed(sensitivity);
    expect(sensitivity).toContain("ITL mean (ms): 7 to 9 over workers");
    expect(sensitivity).not.toContain("scale events");
    expect(sensitivityPicture({ ...REPORT, candidates: REPORT.candidates.slice(0, 2) })).toBeNull();
    expectWellFormed(paretoPicture({ ...REPORT, candidates: [], best: null }));
  });

  it("is a page, every text in it escaped, every id once", () => {
    const page = sweepPage(REPORT);
    expectWellFormed(page);
    expect(visibleText(page)).toContain("a &lt;scenario&gt;");
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(sweepPage({ ...REPORT, isWhole: false })).toContain("sweep --resume goes on");
  });

  it("has what was not run apart, with why, and no interval where all seeds are equal", () => {
    const page = sweepPage(REPORT);
    expect(page).toContain("<summary>1 candidate not run, or not to the end</summary>");
    expect(page).toMatch(/<tr><th scope="row">8<\/th><td>&lt;kv&gt;<\/td><td>no such router<\/td><\/tr>/);
    expect(page.match(/<p>95 % interval/g)).toHaveLength(1);
    expect(sweepPage({ ...REPORT, candidates: REPORT.candidates.slice(0, 3) })).not.toContain("<details>");
  });

  it("says who was run with some of the seeds alone", () => {
    const fewer = candidate(3, { seeds: 1, measures: measures(9, 6, 100) });
    const halved = { ...REPORT, candidates: [...REPORT.candidates, fewer] };
    const notes = sweepRows(halved).map(({ cells }) => `${cells[0]} ${cells.at(-1)}`);
    expect(notes).toEqual(["2 best, front", "3 1 of 3 seeds", "1 front", "4 misses", "8 no such router"]);
  });

  it("is called what it is", () => {
    expect(sweepPage(REPORT)).toContain("<title>Sweep of a &lt;scenario&gt; · Understudy</title>");
    const axes = ["mode", "prefill.layout", "prefill.workers", "decode.layout", "decode.workers", "router"];
    const deployments = [
      ["disagg", "own", "2", "own", "1", "kv"],
      ["disagg", "tp2", "1", "tp1", "3", "kv"],
      ["agg", "–", "–", "tp4", "1", "kv"],
      ["agg", "–", "–", "own", "3", "kv"],
    ];
    const searched: SweepReport = {
      ...REPORT,
      kind: "search",
      isWhole: false,
      axes: axes.map((name) => ({ name, isDuration: false })),
      candidates: deployments.map((values) => ({ ...candidate(1, { measures: measures(1, 1, 1) }), values })),
    };
    const best = (report: SweepReport) => /<p class="value">(.*?) </.exec(sweepPage(report))![1];
    expect(deployments.map((_, i) => best({ ...searched, best: i }))).toEqual([
      ...["2P1D", "1P tp2 + 3D tp1", "1 worker tp4", "3 workers"],
    ]);
    const routed = { ...searched.candidates[0]!, values: ["disagg", "own", "2", "own", "1", "random"] };
    expect(best({ ...searched, candidates: [...searched.candidates, routed] })).toBe("1P tp2 + 3D tp1, kv");
    const search = sweepPage(searched);
    expect(search).toContain("<h1>Deployments for a &lt;scenario&gt;</h1>");
    expect(search).toContain("search --resume goes on");
    expect(search).not.toContain("Sweep of");
  });
});
