import { expect, it } from "vitest";
import { runAnchors, undocumentedAnchors } from "../../bench/anchors.ts";
import { describeWithReference } from "../reference.ts";

/** Half a minute of computing, which other work beside it makes minutes. */
const PATIENCE_MS = 600_000;

describeWithReference("docs/validation.md", () => {
  // Other strategies are held by recorded cases; `npm run bench -- --anchors` plays all rows, and compares them all.
  it("has the figures of the default planner, as they come out today", { timeout: PATIENCE_MS }, async () => {
    const rows = await runAnchors({ only: "default", json: null, progress: () => undefined });
    expect(rows).toHaveLength(3 + 10);
    expect(undocumentedAnchors(rows)).toEqual([]);
    // One figure off by one in its last digit is told, in the words of the document.
    const off = { ...rows[0]!, goodputPerS: rows[0]!.goodputPerS + 0.01 };
    expect(undocumentedAnchors([off, ...rows.slice(1)])).toHaveLength(1);
  });
});
