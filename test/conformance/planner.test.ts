import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadProphet } from "#planner/sources";
import { type PlannerConformanceRow, runPlannerConformance } from "#src/conformance";
import { describeWithReference, referencePath } from "../reference.ts";

const prophet = await loadProphet();

function failures(rows: readonly PlannerConformanceRow[]): string[] {
  return rows
    .filter(({ passed, skipped }) => !passed && skipped === null)
    .map((row) => `${row.case}: ${row.firstDifference}`);
}

describeWithReference("recorded decisions of the reference planner", () => {
  let rows: PlannerConformanceRow[];
  beforeAll(() => {
    rows = runPlannerConformance(referencePath("planner"), () => {}, { prophet });
  });

  it.each(["interp", "grids", "replica", "sequence", "dryrun", "predictor", "new"])("are reproduced: %s", (folder) => {
    const own = rows.filter((row) => row.case.startsWith(`${folder}/`));
    expect(failures(own)).toEqual([]);
    expect(own.filter(({ skipped }) => skipped !== null)).toEqual([]);
    expect(own.filter(({ passed }) => passed).length).toBeGreaterThan(0);
  });

  it("no file of the reference is left out, and profiles are no cases", () => {
    expect(failures(rows)).toEqual([]);
    expect(rows.filter(({ skipped }) => skipped !== null)).toEqual([]);
    expect(rows.filter((row) => row.case.startsWith("profiles"))).toEqual([]);
  });

  describe("in another folder with the same formats", () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "planner-conformance-"));
      mkdirSync(join(folder, "deep", "er"), { recursive: true });
      cpSync(referencePath("planner", "profiles"), join(folder, "profiles"), { recursive: true });
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    const copy = (from: string, edit: (text: string) => string) => {
      const text = readFileSync(referencePath("planner", ...from.split("/")), "utf8");
      writeFileSync(join(folder, "deep", "er", "anything.json"), edit(text));
      return runPlannerConformance(folder);
    };

    it("cases are told by their content and find their profile above them", () => {
      const rows = copy("replica/replicas.json", (text) => text);
      expect(failures(rows)).toEqual([]);
      expect(rows.filter(({ passed }) => passed).length).toBeGreaterThan(40);
    });

    it("a case that differs fails and says where", () => {
      const replica = copy("replica/replicas.json", (text) =>
        text.replace('"prefill":3,"decode":3', '"prefill":3,"decode":4'),
      );
      expect(failures(replica)).toEqual([expect.stringMatching(/decode replicas: found 3, expected 4/)]);
      const sequence = copy("sequence/sequences.json", (text) => text.replace(/"replicas":2\}/, '"replicas":1}'));
      expect(failures(sequence)).toHaveLength(1);
      const interp = copy("interp/h200_llama31_8b_fp8_tp1.json", (text) => text.replace("84.30856", "84.30857"));
      expect(failures(interp)).toEqual([expect.stringMatching(/ttft at 4034.021/)]);
      const dryrun = copy("dryrun/dryrun.json", (text) => text.replace('"num_d":[1.0,1.0', '"num_d":[1.0,2.0'));
      expect(failures(dryrun)).toEqual([expect.stringMatching(/num_d\[1\]: found 1, expected 2/)]);
    });

    it.each<[string, RegExp, (file: never) => void]>([
      [
        "budget",
        /pair 0: prefill replicas/,
        (file: { proportional_clamp_pair: { out: number[] }[] }) => {
          file.proportional_clamp_pair[0]!.out[0]!++;
        },
      ],
      [
        "type_aware_merge",
        /#0: targets: found/,
        (file: { cases: { out: { targets: [string, number][] } }[] }) => {
          file.cases[0]!.out.targets[0]![1]++;
        },
      ],
      [
        "engine_capacity",
        /#2 decode: requests\/s/,
        (file: { cases: { out: { rps: number } }[] }) => {
          file.cases[2]!.out.rps *= 1.000001;
        },
      ],
      [
        "fpm_regression",
        /#0 prefill: query 1/,
        (file: { cases: { queries: { out: number[] }[] }[] }) => {
          file.cases[0]!.queries[1]!.out[1]! *= 1.000001;
        },
      ],
      [
        "load_scaling",
        /#0 agg sla: load reason: found scale_up/,
        (file: { cases: { out: { load_reason: string } }[] }) => {
          file.cases[0]!.out.load_reason = "no_change";
        },
      ],
      [
        "throughput_scaling",
        /#0 prefill: decision: found 2 and –/,
        (file: { cases: { out: { decision: number[] } }[] }) => {
          file.cases[0]!.out.decision[0] = 3;
        },
      ],
      [
        "mocker_perf_npz_from_h200",
        /TTFT\[1\]/,
        (file: { prefill_ttft_ms: number[] }) => {
          file.prefill_ttft_ms[1]! *= 1.00001;
        },
      ],
    ])("a case of %s that differs fails, and only that", (name, difference, spoil) => {
      const rows = copy(`new/${name}.json`, (text) => {
        const file = JSON.parse(text) as never;
        spoil(file);
        return JSON.stringify(file);
      });
      expect(failures(rows)).toEqual([expect.stringMatching(difference)]);
    });

    it("a predictor that forecasts worse than the reference fails", () => {
      const rows = copy("predictor/old.json", (text) => {
        const file = JSON.parse(text);
        // As if the reference had known the series beforehand.
        const known = [...file.series.noisy_const.slice(1), file.series.noisy_const[0]];
        file.predictions.arima_w50.noisy_const.predictions = known;
        return JSON.stringify(file);
      });
      expect(failures(rows)).toEqual([expect.stringMatching(/arima_w50 noisy_const: mean absolute error/)]);
    });

    it("a case without its profile and a broken file fail", () => {
      rmSync(join(folder, "profiles"), { recursive: true });
      writeFileSync(join(folder, "broken.json"), "{");
      const rows = copy("sequence/sequences.json", (text) => text);
      expect(rows.every(({ passed }) => !passed)).toBe(true);
      expect(failures(rows)).toHaveLength(rows.length);
    });

    it("a folder without cases is refused", () => {
      expect(() => runPlannerConformance(join(folder, "profiles"))).toThrowError(
        expect.objectContaining({ code: "CONFORMANCE_NO_CASES" }),
      );
    });
  });
});
