import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { plannerFields } from "#planner/config";
import { read } from "./reading.ts";

const fields = plannerFields();
const names = [...new Set(fields.map(({ name }) => name.split(".")[0]!))];

/** Null where the text is accepted. @throws anything but a clear refusal */
function refusalOf(config: string): UserError | null {
  try {
    read(config);
    return null;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.exitCode).toBe(2);
    expect(error.code).toMatch(/^PLANNER_CONFIG_/);
    expect(error.message).toMatch(/found|expected|not valid|unknown key|needs/);
    expect(error.message).not.toMatch(/\bat .*\.ts:\d+|undefined|\[object Object\]/);
    return error;
  }
}

const text = ({ where, message }: UserError) => `${where}: ${message}`;

describe("a planner's configuration that is wrong", () => {
  const wrong: unknown[] = [
    {},
    [],
    [1, "two"],
    { a: { b: 1 } },
    "nonsense",
    "",
    -1e9,
    1e300,
    0.5,
    true,
    "1; drop",
    null,
  ];

  it.each(names)("%s: each kind of value is taken, or refused by the field's name", (name) => {
    let refused = 0;
    for (const value of wrong) {
      const refusal = refusalOf(JSON.stringify({ [name]: value }));
      if (refusal === null) continue;
      refused++;
      expect(text(refusal), JSON.stringify(value)).toContain(name);
    }
    expect(refused, "refused").toBeGreaterThan(0);
  });

  it("names every key that there is not, and what may have been meant", () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.constantFrom("x", "_", "s"), (name, tail) => {
        const key = `${name}${tail}`;
        fc.pre(!names.includes(key));
        const refusal = refusalOf(JSON.stringify({ [key]: 1 }))!;
        expect(text(refusal)).toContain(key);
        expect(`${refusal.message} ${refusal.hint ?? ""}`).toContain(name);
      }),
      { numRuns: 100 },
    );
  });

  it("tells several faults at once, each with its field", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom("ttft_ms", "itl_ms", "max_gpu_budget", "min_endpoint", "mode"), {
          minLength: 2,
        }),
        (some) => {
          const refusal = refusalOf(JSON.stringify(Object.fromEntries(some.map((name) => [name, { no: "number" }]))))!;
          for (const name of some) expect(text(refusal)).toContain(name);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("is a clear refusal whatever the document is", () => {
    const documents = fc.oneof(
      fc.json({ maxDepth: 4 }),
      fc.string({ unit: "grapheme", maxLength: 200 }).map((given) => `{${given}`),
      fc.dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 3 })).map((given) => JSON.stringify(given)),
    );
    fc.assert(
      fc.property(documents, (document) => {
        refusalOf(document);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a planner's configuration as Dynamo's documents have it", () => {
  it.each([
    // What a DynamoGraphDeploymentRequest of v1beta1 has under features.planner.
    { enable_throughput_scaling: true, pre_deployment_sweeping_mode: "rapid", mode: "disagg", backend: "vllm" },
    { optimization_target: "throughput" },
    {
      optimization_target: "load",
      prefill_scale_up_queue_tokens: 8000,
      prefill_scale_down_queue_tokens: 100,
      decode_scale_up_kv_rate: 80,
      decode_scale_down_kv_rate: 30,
    },
    {
      optimization_target: "sla",
      enable_load_scaling: true,
      ttft: 500,
      itl: 50,
      load_predictor: "arima",
      max_gpu_budget: -1,
    },
    { environment: "global-planner", global_planner_namespace: "dynamo", optimization_target: "sla" },
    {
      throughput_adjustment_interval: 180,
      load_adjustment_interval: 5,
      optimization_target: "sla",
      enable_load_scaling: true,
    },
  ])("is accepted: %j", (config) => {
    expect(refusalOf(JSON.stringify(config))).toBeNull();
  });

  it("is accepted as our own pages have it", () => {
    const pages = [
      "docs/planner-config.md",
      "docs/planner.md",
      "docs/planner-plugins.md",
      "docs/planner-kubernetes.md",
    ];
    let seen = 0;
    for (const page of pages) {
      for (const [, block] of readFileSync(page, "utf8").matchAll(/^```yaml\n([\s\S]*?)^```$/gm)) {
        const first = /^(\w+):/m.exec(block!)?.[1];
        if (first === undefined || !names.includes(first)) continue;
        seen++;
        expect(refusalOf(block!), `${page}: ${block}`).toBeNull();
      }
    }
    expect(seen).toBeGreaterThan(0);
  });
});
