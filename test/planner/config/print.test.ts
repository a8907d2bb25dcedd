import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printPlannerConfig, readPlannerConfig } from "#planner/config";
import { read } from "./reading.ts";

describe("the printed configuration", () => {
  it("read again is the same configuration, whatever it came from", () => {
    const documents = fc.record(
      {
        mode: fc.constantFrom("disagg", "agg"),
        optimization_target: fc.constantFrom("sla", "throughput", "latency"),
        strategy: fc.constantFrom("default", "load-compat", "none"),
        ttft: fc.integer({ min: 1, max: 5000 }),
        max_gpu_budget: fc.oneof(fc.constant(-1), fc.integer({ min: 2, max: 64 })),
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
