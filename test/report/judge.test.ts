import { describe, expect, it } from "vitest";
import {
  failedTicksTexts,
  gapTexts,
  type JudgedCase,
  type JudgedPlanner,
  type JudgeReport,
  judgePage,
  judgeRows,
  unknownFaultsText,
} from "#src/report";

const value = (mean: number, ci95 = Number.NaN) => ({ mean, ci95 });
const nothing = { s99: null, any: null, clair: null, oracle: null };

function planner(name: string, goodput: number, attained: number, regrets: Partial<JudgedPlanner["regret"]> = {}) {
  return {
    name,
    goodputPerGpu: value(goodput, 0.04),
    slaAttainment: value(attained),
    gpuHours: value(2.5),
    averageGpus: value(5),
    peakGpus: value(8),
    scaleEvents: value(12),
    secondsAboveSla: value(30),
    failedTicks: value(0),
    failure: null,
    regret: { ...nothing, ...regrets },
    refused: null,
  };
}

function judged(startupS: number, planners: JudgedPlanner[]): JudgedCase {
  const reference = (goodput: number, text = "") => ({
    goodputPerGpu: value(goodput),
    slaAttainment: value(0.99),
    gpuHours: value(2),
    scaleEvents: value(0),
    secondsAboveSla: value(20),
    regret: { ...nothing, clair: value(1 - goodput / 5) },
    text,
  });
  return {
    scenario: "waves <1>",
    startupS,
    hasFaults: false,
    seeds: 3,
    maxGpus: 12,
    references: { s99: reference(3, "4P4D"), any: reference(3.5), clair: reference(5), oracle: null },
    bound: value(8),
    planners,
  };
}

const report: JudgeReport = {
  floor: 0.99,
  planners: [
    { name: "ours", setting: "as it is" },
    { name: "hpa", setting: "70 %" },
  ],
  cases: [
    judged(0, [
      planner("ours", 4.8, 0.995, { clair: value(0.04), s99: value(-0.6) }),
      planner("hpa", 4.9, 0.9, { clair: value(0.02) }),
    ]),
    judged(60, [
      planner("ours", 4, 0.98),
      { ...planner("hpa", Number.NaN, Number.NaN), refused: "it needs two pools\n  hint: give it some" },
    ]),
  ],
  tuning: { seeds: 2, planners: [{ name: "hpa", chosen: "70 %", tried: [{ text: "70 %", score: 1.25 }] }] },
  isWhole: true,
};

describe("a judgement's table", () => {
  it("has planners in their order, then what they are held against", () => {
    const rows = judgeRows(report).map(({ cells }) => cells.join(" | "));
    expect(rows[0]).toBe(
      "waves <1> | 0 s | ours | 4.80 ± 0.0400 | 99.50 % | 2.50 | −60.0 % | – | 4.0 % | – | 12 | 30 s",
    );
    expect(rows[2]).toBe("waves <1> | 0 s | S99 4P4D | 3.00 | 99.00 % | 2.00 | – | – | 40.0 % | – | 0 | 20 s");
    expect(rows).toHaveLength(10);
    expect(rows[6]).toMatch(/hpa \| – \| – \| – \| – \| – \| – \| – \| – \| it needs two pools$/);
  });
});

describe("a judgement's page", () => {
  const page = judgePage(report);

  it("says of each case who is the best that keeps the floor, whoever has more without", () => {
    expect(page).toContain("ours is the best that keeps 99 %, 4 % short of clair");
    expect(page).toContain("No planner keeps 99 %");
  });

  it("draws each case, and goodput over start-up times", () => {
    expect(page.match(/<figure class="card half"/g)).toHaveLength(3);
    expect(page).toContain("ours loses 17 % from 0 s to 60 s of start-up");
  });

  it("gives references at the same place one point", () => {
    const [first] = report.cases;
    const same = { ...first!, references: { ...first!.references, any: first!.references.s99 } };
    expect(judgePage({ ...report, cases: [same] })).toContain(">S99 = any<");
    expect(page).not.toContain("S99 = any");
  });

  it("says that clair knows nothing of faults where there are some and it is held against anybody", () => {
    expect(unknownFaultsText(report)).toBeNull();
    expect(page).not.toContain("knows nothing of the faults");
    const [first, ...others] = report.cases;
    const struck = { ...report, cases: [{ ...first!, hasFaults: true }, ...others] };
    expect(unknownFaultsText(struck)).toBe(
      "clair knows nothing of the faults of waves <1>, so its plans may be poor there",
    );
    expect(judgePage(struck)).toContain(
      "clair knows nothing of the faults of waves &lt;1&gt;, so its plans may be poor there.",
    );
    const without = { ...struck.cases[0]!, references: { ...first!.references, clair: null } };
    expect(unknownFaultsText({ ...struck, cases: [without] })).toBeNull();
  });

  it("says how far hindsight may be from the optimum, what was tuned, and escapes names", () => {
    expect(page).toContain('<td class="number">37.5 %</td>');
    expect(gapTexts(report)).toEqual([
      "waves <1>, start-up 0 s: 37.5 % (clair; no plan surpasses 8.00 good/s/GPU)",
      "waves <1>, start-up 60 s: 37.5 % (clair; no plan surpasses 8.00 good/s/GPU)",
    ]);
    expect(gapTexts({ ...report, cases: [{ ...report.cases[0]!, bound: null }] })).toEqual([]);
    expect(page).toContain("Settings tried on 2 tuning seeds");
    expect(page).toContain("waves &lt;1&gt;");
    expect(page).not.toContain("waves <1>");
  });

  it("says where a planner outside left ticks without an answer", () => {
    expect(failedTicksTexts(report)).toEqual([]);
    const mine = { ...planner("mine", 4, 0.995), failedTicks: value(2.5), failure: "tick 3: no answer within 5000 ms" };
    const failing = { ...report, cases: [judged(30, [planner("ours", 4.8, 0.995), mine])] };
    const text =
      "mine, waves <1> with start-up 30 s: 2.5 ticks a run without an answer that counts, so unchanged (first: tick 3: no answer within 5000 ms)";
    expect(failedTicksTexts(failing)).toEqual([text]);
    expect(judgePage(failing)).toContain(text.replace("<1>", "&lt;1&gt;"));
    expect(page).not.toContain("without an answer");
  });

  it("says where runs are missing", () => {
    expect(page).not.toContain("Interrupted");
    expect(judgePage({ ...report, isWhole: false })).toContain("understudy judge --resume");
  });

  it("needs nothing from elsewhere, and is the same again", () => {
    expect(page).not.toMatch(/(src|href)="https?:/);
    expect(judgePage(report)).toBe(page);
  });
});
