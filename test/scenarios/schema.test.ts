import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { z } from "zod";
import { schemas } from "../../scripts/write-schemas.ts";

const folder = "scenarios/library";
const library = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
const published = readFileSync("scenarios/scenario.schema.json", "utf8");

describe("scenario.schema.json", () => {
  it("is what the code says: run `node scripts/write-schemas.ts` after a change of the format", () => {
    expect(published).toBe(schemas()["scenarios/scenario.schema.json"]);
  });

  // An independent reading of the published file, not of the schema it was made from.
  const schema = z.fromJSONSchema(JSON.parse(published));
  const load = (name: string) => parseDocument(readFileSync(`${folder}/${name}`, "utf8")).toJS() as unknown;

  it.each(library)("accepts %s", (name) => {
    expect(schema.safeParse(load(name)).error?.issues).toBeUndefined();
  });

  it.each([
    ["an unknown key", { extra: 1 }],
    ["an unknown shape", { traffic: [{ zigzag: {} }] }],
    ["no traffic", { traffic: [] }],
    ["a negative rate", { traffic: [{ constant: { requestRate: -1, duration: "1s", isl: 1, osl: 1 } }] }],
    ["two shapes in one entry", { traffic: [{ ...constant(), ramp: { ...constant().constant } }] }],
    ["an unknown mode", { deployment: { mode: "both" } }],
    ["an unknown planner", { planner: { strategy: "magic" } }],
  ])("refuses %s", (_what, change) => {
    const good = load("sin-5-45-i3000-o300.yaml") as Record<string, unknown>;
    expect(schema.safeParse(good).success).toBe(true);
    expect(schema.safeParse({ ...good, ...change }).success).toBe(false);
  });

  it.each(library)("is named in the first line of %s, for editors", (name) => {
    const [first] = readFileSync(`${folder}/${name}`, "utf8").split("\n");
    expect(first).toBe("# yaml-language-server: $schema=../scenario.schema.json");
  });
});

function constant() {
  return { constant: { requestRate: 1, duration: "1s", isl: 1, osl: 1 } };
}
