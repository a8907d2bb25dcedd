import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mean } from "#common";
import {
  buildSurface,
  loadMockerTable,
  loadProfile,
  type MockerTable,
  mockerTableToProfile,
  profileToMockerTable,
  saveMockerTable,
  shippedProfiles,
  validateProfile,
} from "#profiles";
import { describeWithReference, referencePath } from "../reference.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-table-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const profile = loadProfile(shippedProfiles()[0]!);

describe("a mocker table", () => {
  it("holds the surfaces' values on the axes of Dynamo's converter", () => {
    const table = profileToMockerTable(profile, 20);
    const surface = buildSurface(profile);
    const { prefill, decode } = profile;
    expect([table.prefillIsl[0], table.prefillIsl.at(-1)]).toEqual([prefill.isl[0], prefill.isl.at(-1)]);
    expect(table.decodeActiveKvTokens[0]).toBe(0);
    expect(table.decodeActiveKvTokens.at(-1)).toBe(decode.maxKvTokens * Math.max(...decode.kvUsage));
    expect([table.decodeContextLength[0], table.decodeContextLength.at(-1)]).toEqual([
      1,
      Math.max(...decode.contextLength),
    ]);
    expect(table.prefillTtftMs[7]).toBe(surface.ttftMs(table.prefillIsl[7]!));
    const kvUsage = table.decodeActiveKvTokens[9]! / decode.maxKvTokens;
    expect(table.decodeItlMs[9]![5]).toBe(surface.itlMs(kvUsage, table.decodeContextLength[5]!));
  });

  it("reads the load of one request where the cells hold less", () => {
    const table = profileToMockerTable(profile, 20);
    const context = table.decodeContextLength.at(-1)!;
    expect(table.decodeItlMs[0]!.at(-1)).toBe(
      buildSurface(profile).itlMs(context / profile.decode.maxKvTokens, context),
    );
  });

  it("comes back from its file", () => {
    const table = profileToMockerTable(profile, 10);
    const [path] = saveMockerTable(table, join(folder, "table.npz"));
    expect(loadMockerTable(path!)).toEqual(table);
  });

  it("as a profile says what was lost, and tells nearly the same times", () => {
    const path = saveMockerTable(profileToMockerTable(profile, 100), join(folder, "lossy.npz"))[0]!;
    const converted = loadProfile(path);
    expect(converted.provenance.source).toBe("converted");
    expect(converted.provenance.note).toMatch(/Lost there: .*GPUs.*throughput.*KV capacity/);
    expect(validateProfile(converted).filter((finding) => finding.severity !== "info")).toEqual([]);
    const [before, after] = [buildSurface(profile), buildSurface(converted)];
    for (const kvTokens of [50_000, 200_000, 400_000]) {
      const [a, b] = [before, after].map((surface) => surface.itlMs(kvTokens / surface.maxKvTokens, 4000));
      expect(b! / a!).toBeCloseTo(1, 1);
    }
    expect(after.ttftMs(3000) / before.ttftMs(3000)).toBeCloseTo(1, 1);
  });

  it.each<[string, Partial<MockerTable>, RegExp]>([
    ["falling axes", { prefillIsl: [2, 1] }, /expected more than 2/],
    [
      "NaN cells",
      {
        decodeItlMs: [
          [1, Number.NaN],
          [1, 1],
        ],
      },
      /found NaN/,
    ],
    ["a wrong shape", { decodeItlMs: [[1], [1]] }, /found an array of shape|holds/],
    ["one point on an axis", { prefillIsl: [1], prefillTtftMs: [1] }, /at least 2 points/],
    ["arrays of different lengths", { prefillTtftMs: [1, 2, 3] }, /different lengths/],
  ])("with %s is refused", (_, change, message) => {
    const sound: MockerTable = {
      prefillIsl: [1, 2],
      prefillTtftMs: [1, 2],
      decodeActiveKvTokens: [0, 10],
      decodeContextLength: [1, 5],
      decodeItlMs: [
        [1, 2],
        [3, 4],
      ],
    };
    const read = (table: MockerTable): MockerTable =>
      loadMockerTable(saveMockerTable(table, join(folder, "t.npz"))[0]!);
    expect(read(sound)).toEqual(sound);
    expect(() => read({ ...sound, ...change })).toThrow(message);
  });

  it("of a fitted line that falls below zero makes a profile of what is above", () => {
    const line = profileToMockerTable(loadProfile("h200-llama-3.1-8b-fp8-tp1-estimate"), 100, "regression");
    expect(line.prefillTtftMs[0]).toBeLessThan(0);
    const converted = mockerTableToProfile(line, "line");
    expect(converted.prefill.isl[0]).toBeGreaterThan(100);
    expect(validateProfile(converted).filter((finding) => finding.severity === "error")).toEqual([]);
  });

  it("of contexts longer than its loads makes no profile", () => {
    const table = {
      prefillIsl: [1, 2],
      prefillTtftMs: [1, 2],
      decodeActiveKvTokens: [0, 10],
      decodeContextLength: [20, 50],
    };
    expect(() =>
      mockerTableToProfile(
        {
          ...table,
          decodeItlMs: [
            [1, 1],
            [1, 1],
          ],
        },
        "t",
      ),
    ).toThrow(/no decode samples/);
  });

  it("needs a resolution of at least 2", () => {
    for (const resolution of [1, 2.5, 1001, Number.NaN]) {
      expect(() => profileToMockerTable(profile, resolution)).toThrow(/expected a whole number between 2 and 1000/);
    }
  });
});

describeWithReference("the mocker table of Dynamo's converter", () => {
  const measured = loadProfile(referencePath("profiles", "h200-llama31-8b-fp8-tp1"));
  const reference = loadMockerTable(referencePath("dynosim", "H200_TP1P_TP1D.perf_data.npz"));

  it("is the regression's, cell by cell within 1e-9", () => {
    const ours = profileToMockerTable(measured, 100, "regression");
    const flat = (table: MockerTable): number[] => [
      ...table.prefillIsl,
      ...table.prefillTtftMs,
      ...table.decodeActiveKvTokens,
      ...table.decodeContextLength,
      ...table.decodeItlMs.flat(),
    ];
    const expected = flat(reference);
    const errors = flat(ours).map(
      (value, i) => Math.abs(value - expected[i]!) / Math.max(1e-9, Math.abs(expected[i]!)),
    );
    expect(errors).toHaveLength(10_400);
    expect(Math.max(...errors)).toBeLessThan(1e-9);
  });

  it("agrees with the recorded excerpt too", () => {
    const excerpt = JSON.parse(
      readFileSync(referencePath("planner", "new", "mocker_perf_npz_from_h200.json"), "utf8"),
    ) as {
      indices: number[];
      prefill_ttft_ms: number[];
      decode_itl: number[][];
    };
    const ours = profileToMockerTable(measured, 100, "regression");
    excerpt.indices.forEach((i, row) => {
      expect(ours.prefillTtftMs[i]! / excerpt.prefill_ttft_ms[row]!).toBeCloseTo(1, 9);
      excerpt.indices.forEach((j, column) => {
        expect(ours.decodeItlMs[i]![j]! / excerpt.decode_itl[row]![column]!).toBeCloseTo(1, 9);
      });
    });
  });

  it("is further from the measurements than the surfaces' table", () => {
    const { prefill } = measured;
    const surface = buildSurface(measured);
    const row = (values: readonly number[], at: number): number => {
      const distances = values.map((value) => Math.abs(value - at));
      return distances.indexOf(Math.min(...distances));
    };
    const ttftError = mean(
      prefill.isl.map((isl, i) =>
        Math.abs(reference.prefillTtftMs[row(reference.prefillIsl, isl)]! / prefill.ttftMs[i]! - 1),
      ),
    );
    const surfaceError = mean(prefill.isl.map((isl, i) => Math.abs(surface.ttftMs(isl) / prefill.ttftMs[i]! - 1)));
    expect(reference.prefillTtftMs[0]).toBeLessThan(1);
    expect(surface.ttftMs(100)).toBeGreaterThan(15);
    expect(surfaceError).toBeLessThan(ttftError / 2);
  });
});
