import { describe, expect, it } from "vitest";
import { dryRunPage, dryRunPicture, summarizeDryRun } from "#src/report";
import { expectWellFormed, visibleText } from "./markup.ts";
import { dryRunInput as input } from "./studies.ts";

describe("summary of a dry run", () => {
  it("counts GPUs over intervals, misses of capacity, changes and the forecasts' error", () => {
    const summary = summarizeDryRun(input);
    expect(summary).toMatchObject({
      intervals: 3,
      short: { prefill: 1, decode: 0 },
      changes: { prefill: 1, decode: 0 },
    });
    expect(summary.gpuHours).toBeCloseTo(((3 + 3 + 5) * 60) / 3600, 12);
    expect(summary.averageGpus).toBeCloseTo(11 / 3, 12);
    expect(summary.requestsError).toBeCloseTo((150 / 300 + 100 / 400) / 2, 12);
    expect(summary.worstInterval).toBe(1);
  });
});

describe("pictures of a dry run", () => {
  it("draws four panels, well-formed, the same bytes each time", () => {
    const svg = dryRunPicture(input);
    expectWellFormed(svg);
    expect(dryRunPicture(input)).toBe(svg);
    expect(svg.match(/<svg /g)).toHaveLength(5);
    for (const title of [
      "Forecasts 38 % off on average, most at 1:00",
      "Prefill: 1 to 2 workers, too few 1 of 3 times",
    ]) {
      expect(svg).toContain(title);
    }
  });

  it("fits 800 px, the width it is read at", () => {
    expect(dryRunPicture(input)).toMatch(/^<svg [^>]*width="800"/);
  });

  it("breaks lines where an interval is missing and ends what came before it", () => {
    // From 120 s on nothing came until 180 s: the step before reaches 120 s, the one after begins at 180 s.
    const paths = dryRunPicture(input).match(/<path d="M[^"]*M[^"]*"[^>]*stroke-dasharray="5 4"/g);
    expect(paths!.length).toBeGreaterThan(0);
    expect(paths![0]).toMatch(/d="M[^M]*H[^M]*H[^M]*M[^M]*H/);
  });

  it("is a page whose every text is escaped", () => {
    const page = dryRunPage(input);
    expectWellFormed(page);
    expect(visibleText(page)).toContain("a &lt;trace&gt; &amp; &quot;more&quot;.jsonl");
    expect(page).toContain("✗ prefill");
  });
});
