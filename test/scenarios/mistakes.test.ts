import { describe, expect, it } from "vitest";
import { formatUserError } from "#common";
import { readScenario, scenarioWorkload } from "#scenarios";
import { failure, good, parse, told } from "./written.ts";

describe("an error says where, what was found, what was expected, and what may have been meant", () => {
  it.each<[string, string, string, RegExp]>([
    ["a mistyped key", "sla:", "slo:", /^a\.yaml:11:1 \(slo\): unknown key "slo"\n {2}hint: did you mean "sla"\?$/],
    [
      "a mistyped key deep inside",
      "period: 10m",
      "perod: 10m",
      /^a\.yaml:14:49 \(traffic\[0\]\.sinusoid\.requestRate\.perod\).*\n.*"period"/,
    ],
    ["a mistyped shape", "- sinusoid:", "- sinusoidal:", /unknown key "sinusoidal"\n {2}hint: did you mean "sinusoid"/],
    [
      "a mistyped word",
      "mode: disagg",
      "mode: dissag",
      /6:9 \(deployment\.mode\): found "dissag", expected one of agg, disagg\n {2}hint: did you mean "disagg"/,
    ],
    ["a key of the planner", "maxGpus", "maxGpu", /12:45 \(planner\.maxGpu\).*\n.*"maxGpus"/],
    [
      "an unknown planner",
      "strategy: default",
      "strategy: defualt",
      /expected one of default, sla-compat.*\n.*"default"/,
    ],
    [
      "a key of another planner",
      "strategy: default",
      "strategy: static, prefill: 1, decode: 1",
      /\(planner\.maxGpus\): unknown key "maxGpus"\n {2}hint: known keys: strategy, interval, prefill, decode$/,
    ],
    [
      "a duration without a unit",
      "ttft: 200ms",
      "ttft: 200",
      /11:14 \(sla\.ttft\): found 200, expected a duration.*\n {2}hint: give a unit: 200ms or 200s/,
    ],
    ["a bandwidth in an unknown unit", "64GB/s", "64Gb", /kvTransfer\.bandwidth\): found "64Gb"/],
    ["a text for a number", "seed: 42", "seed: forty", /found "forty", expected a number/],
    ["a number that is none", "min: 5", "min: .nan", /found NaN, expected a number/],
    ["a negative rate", "min: 5", "min: -5", /found -5, expected a number of at least 0/],
    ["limits the wrong way round", "min: 5", "min: 50", /expected min to be at most max/],
    ["a missing length", "isl: 3000, ", "", /sinusoid\.isl\): found nothing, expected a length in tokens/],
    ["a wrong kind of length", "isl: 3000", "isl: [ 3 ]", /found a list, expected a number or keys and values/],
    [
      "a mistyped distribution",
      "isl: 3000",
      "isl: { lognorml: { mean: 3, sigma: 1 } }",
      /"lognorml"\n {2}hint: did you mean "lognormal"/,
    ],
    [
      "a fault without its size",
      "kill: decode/0",
      "slow: decode/1",
      /faults\[0\]\.factor\): found nothing, expected factor with slow/,
    ],
    ["a fault on nobody", "kill: decode/0", "kill: decode", /expected a worker such as decode\/0/],
    [
      "a condition that is none",
      '">= 0.98"',
      '">= lots"',
      /slaAttainment\): found ">= lots", expected a condition such as ">= 0\.98"/,
    ],
    [
      "a share in percent",
      '">= 0.98"',
      '">= 98"',
      /slaAttainment\): found ">= 98", expected a share of 0 to 1\n {2}hint: such as ">= 0\.98"$/,
    ],
    ["a latency without a unit", '"< 300ms"', '"< 300"', /ttft\.p99\).*\n.*<= 200ms/],
    [
      "settings of another engine",
      "maxNumSeqs: 128 }",
      "family: trtllm, sglang: { schedulePolicy: lpm } }",
      /deployment\.decode\.engine\.sglang\): found a map, expected no settings of sglang for an engine of the family trtllm/,
    ],
    [
      "settings of an engine that nobody plays",
      "engine: { blockSize: 16, maxNumSeqs: 256 }",
      "engine: { sglang: { schedulePolicy: lpm } }",
      /deployment\.engine\.sglang\): found a map, expected no settings of sglang for an engine of the family vllm/,
    ],
    [
      "host memory of an engine that has none",
      "maxNumSeqs: 128 }",
      "family: trtllm, kvOffload: { hostBlocks: 100, bytesPerSecond: 1GB/s } }",
      /deployment\.decode\.engine\.kvOffload\): found a map, expected no host memory for an engine of the family trtllm/,
    ],
    [
      "host memory that not all engines have",
      "engine: { blockSize: 16, maxNumSeqs: 256 }",
      "engine: { family: sglang, kvOffload: { hostBlocks: 100, bytesPerSecond: 1GB/s } }",
      /deployment\.engine\.kvOffload\): found a map, expected no host memory for an engine of the family sglang/,
    ],
    [
      "who yields where nobody is preempted",
      "maxNumSeqs: 128 }",
      "family: trtllm, preemption: fifo }",
      /\.yaml:\d+:\d+ \(deployment\.decode\.engine\.preemption\): found "fifo", expected no choice of who yields for an engine of the family trtllm\n.*leave preemption out/,
    ],
    ...(["preemption: lifo", "watermark: 0.1", "chunkedPrefill: false"] as const).map(
      (setting) =>
        [
          `${setting} of sglang's engines`,
          "engine: { blockSize: 16, maxNumSeqs: 256 }",
          `engine: { family: sglang, ${setting} }`,
          /\.yaml:\d+:\d+ \(deployment\.engine\.(preemption|watermark|chunkedPrefill)\): found .*, expected no .* for an engine of the family sglang\n/,
        ] as [string, string, string, RegExp],
    ),
    [
      "a correlation beside patterns",
      "isl: 3000, osl: 300,",
      "correlation: 0.5, patterns: [{ isl: 3000, osl: 300 }],",
      /sinusoid\.correlation\): found 0\.5, expected no correlation beside patterns/,
    ],
    [
      "tenants where no traffic has any",
      "limits: { duration: 1h }",
      "tenants: { chat: { sla: { ttft: 1s, itl: 9ms } } }",
      /tenants\.chat\): found chat, expected traffic with tenant:, of which there is none/,
    ],
    ["pools of another mode", "mode: disagg", "mode: agg", /expected no prefill in mode agg/],
    [
      "no profile",
      "profile: h200-llama-3.1-8b-fp8-tp1-estimate",
      "",
      /deployment\.profile\): found nothing, expected the profile/,
    ],
  ])("%s", (_what, from, to, message) => {
    expect(told(from, to)).toMatch(message);
  });

  it("tenants that no traffic has, though others", () => {
    const sequence = "sequence: [{ constant: { requestRate: 1, isl: 9, osl: 9, duration: 1s, tenant: rag } }]";
    const text = (name: string) =>
      `${good.replace("isl: 3000", "tenant: chat, isl: 3000").replace("faults:", `  - ${sequence}\nfaults:`)}
tenants: { rag: { sla: { ttft: 1s, itl: 9ms } }, ${name}: { sla: { ttft: 1s, itl: 9ms } } }`;
    expect(Object.keys(parse(text("chat")).tenantSlas!)).toEqual(["rag", "chat"]);
    expect(formatUserError(failure(text("caht")))).toMatch(/\(tenants\.caht\): found caht, expected chat or rag$/m);
  });

  it("tells several problems at once, each with its place", () => {
    const text = good
      .replace("seed: 42", "seed: -1")
      .replace("ttft: 200ms", "ttft: soon")
      .replace("isl: 3000", "isl: 0");
    const message = formatUserError(failure(text));
    for (const place of ["a.yaml:3:7 (seed)", "a.yaml:11:14 (sla.ttft)", "(traffic[0].sinusoid.isl)"]) {
      expect(message).toContain(place);
    }
  });

  it.each<[string, string, string, RegExp]>([
    ["broken YAML", "a: [", "SCENARIOS_YAML_INVALID", /a\.yaml:1:5/],
    ["the same key twice", "a: 1\na: 2", "SCENARIOS_YAML_INVALID", /a\.yaml:2:1.*unique/],
    ["a foreign tag", "a: !!js/function 'x'", "SCENARIOS_YAML_INVALID", /tag/],
    ["two documents", "a: 1\n---\nb: 2", "SCENARIOS_YAML_INVALID", /second document/],
    ["no document", "", "SCENARIOS_INVALID", /found nothing/],
    ["a text", "hello", "SCENARIOS_INVALID", /found "hello", expected keys and values/],
    ["a prototype", "__proto__: { name: x }", "SCENARIOS_INVALID", /unknown key "__proto__"/],
    ["aliases that multiply", bomb(), "SCENARIOS_YAML_TOO_LARGE", /alias/],
    ["depth without end", "[".repeat(60_000), "SCENARIOS_YAML_TOO_LARGE", /nested/],
    ["megabytes", `a: "${"x".repeat(2 ** 20)}"`, "SCENARIOS_YAML_TOO_LARGE", /characters/],
  ])("refuses %s", (_what, text, code, message) => {
    const error = failure(text);
    expect(error.code).toBe(code);
    expect(error.exitCode).toBe(2);
    expect(formatUserError(error)).toMatch(message);
  });

  it("finds traffic that only shows its size when it is made", () => {
    const scenario = parse(good.replace("max: 45", "max: 900000"), "a.yaml");
    expect(() => scenarioWorkload(scenario)).toThrow(expect.objectContaining({ where: "a.yaml:14:5 (traffic[0])" }));
  });

  it("says so where the file is missing or a folder", () => {
    expect(() => readScenario("no/such.yaml")).toThrow(/no such file/);
    expect(() => readScenario("scenarios")).toThrow(/a directory/);
  });
});

function bomb(): string {
  const level = (name: string, of: string) =>
    `${name}: &${name} [${Array.from({ length: 10 }, () => `*${of}`).join(", ")}]`;
  return ["a: &a [x]", level("b", "a"), level("c", "b"), level("d", "c"), level("e", "d")].join("\n");
}
