import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { plannerFields, plannerJsonSchema, readPlannerConfig } from "#planner/config";
import { schemas } from "../../../scripts/write-schemas.ts";

const PATH = "planner/config/planner.schema.json";
const judge = new Ajv({ strict: false, validateFormats: false }).compile(plannerJsonSchema());

const fields = plannerFields();
const names = fields.map(({ name }) => name);
const keys = fields.flatMap(({ name, aliases = [] }) => [name, ...aliases].map((key) => ({ key, name })));

/** Null where the reader takes the document. */
function refusalOf(document: unknown): string | null {
  try {
    readPlannerConfig({ config: `${JSON.stringify(document)}\n` });
    return null;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${error.where}: ${error.message} ${error.hint ?? ""}`;
  }
}

describe("planner.schema.json", () => {
  it("is what the code says: run `node scripts/write-schemas.ts` after a change of the format", () => {
    expect(readFileSync(PATH, "utf8")).toBe(schemas()[PATH]);
  });

  it.each([
    ["aliases", { ttft: 200, adjustment_interval: 60 }, true],
    ["the printed configuration", readPlannerConfig({ config: "{}" }).document, true],
    ["what editors write", { $schema: "./planner.schema.json", ttft: 200 }, true],
    ["an unknown key", { ttfts: 200 }, false],
    ["an unknown word", { mode: "both" }, false],
    ["a wrong plugin", { scheduling: { external_plugins: [{ plugin_id: "a" }] } }, false],
    ["two names of a key", { ttft: 200, ttft_ms: 200 }, false],
    ["a global planner without a place", { environment: "global-planner" }, false],
    ["one whose place is null", { environment: "global-planner", global_planner_namespace: null }, false],
    ["a global planner", { environment: "global-planner", global_planner_namespace: "gp" }, true],
    ["power without a limit", { enable_power_awareness: true, environment: "kubernetes" }, false],
    ["labels of nothing", { kubernetes_selector: "app=llm" }, false],
    ["another protocol", { metric_pulling_prometheus_endpoint: "ftp://x" }, false],
    ["an address without protocol", { metric_pulling_prometheus_endpoint: "x:9090" }, false],
    ["one of several of another protocol", { frontend_urls: ["http://a", "ftp://a"] }, false],
    ["a protocol in capitals", { frontend_urls: ["HTTP://a"] }, true],
    ["buckets that form no square", { fpm_sample_bucket_size: 15 }, false],
    ["buckets that do", { fpm_sample_bucket_size: 25 }, true],
  ])("judges %s as the reader does", (_what, document, accepted) => {
    expect(judge(document), JSON.stringify(judge.errors)).toBe(accepted);
    expect(refusalOf(document) === null).toBe(accepted);
  });

  it("judges any value of any field as the reader does, but for rules that concern another field as well", () => {
    const words = fields.flatMap(({ schema }) => Object.values((schema.def as { entries?: object }).entries ?? {}));
    const texts = ["", "x", "x:9090", "ftp://x", "http://a:1", "HTTPS://a/b", "file:/a", "etcd:a", "2", "a,b"];
    const numbers = [-2, -1, 0, 0.5, 1, 2, 15, 16, 80, 101, 65_535, 65_536, 10_001, 1e300];
    const leaf = fc.oneof(
      fc.constantFrom<unknown>(...numbers, ...texts, ...words, true, false, null),
      fc.integer({ min: -5, max: 200 }),
    );
    const value = fc.oneof(
      { arbitrary: leaf, weight: 8 },
      { arbitrary: fc.array(leaf, { maxLength: 2 }), weight: 1 },
      { arbitrary: fc.dictionary(fc.constantFrom("a", "tp", "hf_id", "tolerance"), leaf, { maxKeys: 2 }), weight: 1 },
    );
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(fc.constantFrom(...keys), value, ({ key, name }, given) => {
        const document = { [key]: given };
        const refusal = refusalOf(document);
        if (refusal === null) {
          seen.accepted++;
          expect(judge(document), `${JSON.stringify(document)}: ${JSON.stringify(judge.errors)}`).toBe(true);
          return;
        }
        seen.refused++;
        const others = names.filter((other) => !name.includes(other) && !key.includes(other));
        const concernsAnother = others.some((other) => new RegExp(`\\b${other}\\b`).test(refusal));
        if (!concernsAnother) expect(judge(document), `${JSON.stringify(document)}: ${refusal}`).toBe(false);
      }),
      { numRuns: 600 },
    );
    expect(seen.accepted).toBeGreaterThan(80);
    expect(seen.refused).toBeGreaterThan(80);
  });
});
