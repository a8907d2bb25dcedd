import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  REQUIREMENTS_FILE,
  readRequirements,
  testsByRequirement,
  WITH_A_CLUSTER,
  withTests,
} from "../../scripts/requirements.ts";
import { projectFolder, readProjectFile } from "./project-files.ts";

const document = readProjectFile(REQUIREMENTS_FILE);
const rows = readRequirements(document);

describe("the table of requirements", () => {
  it("has each number once, in order", () => {
    expect(rows.map((row) => row.id)).toEqual(
      Array.from({ length: 206 }, (_, i) => `R${String(i + 1).padStart(3, "0")}`),
    );
  });

  it("names the tests that carry a requirement's number, all of them and no other (node scripts/requirements.ts)", () => {
    expect(withTests(document, testsByRequirement())).toBe(document);
  });

  it("has a test for everything but what an operator does", () => {
    expect(rows.filter((row) => row.tests.length === 0 && row.where !== WITH_A_CLUSTER)).toEqual([]);
  });

  it("knows every number that a title carries", () => {
    const known = new Set(rows.map((row) => row.id));
    expect([...testsByRequirement().keys()].filter((id) => !known.has(id))).toEqual([]);
  });

  it("points at files and folders that exist", () => {
    const places = rows.filter((row) => row.where !== WITH_A_CLUSTER).flatMap((row) => row.where.split(", "));
    expect(places.filter((place) => !existsSync(join(projectFolder, place)))).toEqual([]);
  });
});
