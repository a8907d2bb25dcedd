import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { plannerJsonSchema, printPlannerConfig, readPlannerConfig } from "#planner/config";
import { schemas } from "../../../scripts/write-schemas.ts";
import { read } from "./reading.ts";

describe("the printed configuration", () => {
  it("read again is the same configuration, whatever it came from", () => {
    const documents = fc.record(
      {
        mode: fc.constantFrom("disagg", "agg"),
        optimization_target: fc.constantFrom("sla", "throughput", "latency"),
        strategy: fc.constantFrom("default", "load-compat", "none"),
        ttft: fc.integer({ min: 1, max: 5000 }),
        max_gpu_budget: fc.integer({ min: -1, max: 64 }),
        environment: fc.constantFrom("kubernetes", "virtual", "none"),
        log_dir: fc.option(fc.string({ minLength: 1 })),
        frontend_urls: fc.array(fc.constantFrom("http://a:1", "http://b:2")),
        metric_pulling_prometheus_extra_query_params: fc.dictionary(fc.string(), fc.string()),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(documents, (document) => {
        const first = readPlannerConfig({ config: `${JSON.stringify(document)}\n` });
        const again = readPlannerConfig({ config: `${printPlannerConfig(first)}\n` });
        expect(again.config).toEqual(first.config);
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it("says where values come from, and keeps secrets", () => {
    const text = printPlannerConfig(
      read("mode: agg\napi_token: tell-no-one\n", ["--itl", "20"], { environment: { DYN_NAMESPACE: "ns" } }),
    );
    expect(text).toMatch(/^mode: agg # file$/m);
    expect(text).toMatch(/^itl_ms: 20 # flag$/m);
    expect(text).toMatch(/^namespace: ns # environment$/m);
    expect(text).toMatch(/^strategy: load-compat # set by a rule$/m);
    expect(text).toMatch(/^# Not shown: api_token$/m);
    expect(text).not.toContain("tell-no-one");
  });

  it("keeps the tokens of plugins", () => {
    const plugin = `{plugin_id: a, plugin_type: propose, priority: 5, endpoint: "http://h", auth_token: hush}`;
    const text = printPlannerConfig(
      read(`scheduling: {external_plugins: [${plugin}]}\nplugin_registration: {auth: {static_secrets: {a: hush}}}\n`),
    );
    expect(text).toContain("plugin_id: a");
    expect(text).not.toContain("hush");
  });
});

describe("planner.schema.json", () => {
  const path = "planner/config/planner.schema.json";

  it("is what the code says: run `node scripts/write-schemas.ts` after a change of the format", () => {
    expect(readFileSync(path, "utf8")).toBe(schemas()[path]);
  });

  it.each([
    ["aliases", { ttft: 200, adjustment_interval: 60 }, true],
    ["the printed configuration", plain(), true],
    ["an unknown key", { ttfts: 200 }, false],
    ["an unknown word", { mode: "both" }, false],
    ["a wrong plugin", { scheduling: { external_plugins: [{ plugin_id: "a" }] } }, false],
  ])("judges %s as the reader does", (_what, document, accepted) => {
    const schema = z.fromJSONSchema(plannerJsonSchema());
    expect(schema.safeParse(document).success).toBe(accepted);
    const reading = () => readPlannerConfig({ config: `${JSON.stringify(document)}\n` });
    if (accepted) expect(reading).not.toThrow();
    else expect(reading).toThrow();
  });
});

function plain(): unknown {
  return readPlannerConfig({ config: "{}" }).document;
}
