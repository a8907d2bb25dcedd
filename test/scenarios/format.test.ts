import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatUserError, UserError } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario, parseTraffic, readScenario, scenarioWorkload } from "#scenarios";

const good = `name: example
shows: what the format can say
seed: 42
deployment:
  profile: h200-llama-3.1-8b-fp8-tp1-estimate
  mode: disagg
  prefill: { workers: 1, startup: 30s }
  decode: { workers: 2, startup: 1m, engine: { maxNumSeqs: 128 } }
  engine: { blockSize: 16, maxNumSeqs: 256 }
  kvTransfer: { bandwidth: 64GB/s, bytesPerToken: 128KiB }
sla: { ttft: 200ms, itl: 10ms }
planner: { strategy: default, interval: 5s, maxGpus: 12 }
traffic:
  - sinusoid: { requestRate: { min: 5, max: 45, period: 10m }, isl: 3000, osl: 300, duration: 30m }
faults:
  - { at: 12m, kill: decode/0 }
  - { at: 13m, slow: prefill/1, factor: 2, for: 1m }
expect:
  slaAttainment: ">= 0.98"
  ttft: { p99: "< 300ms" }
  replicas: [ { at: 5m, decode: [">= 2", "<= 4"] } ]
  errors: 0
limits: { duration: 1h }
`;

function parse(text: string, file = "dir/a.yaml") {
  return parseScenario(text, file, { plannerSchema: plannerConfigSchema });
}

function failure(text: string): UserError {
  try {
    parse(text, "a.yaml");
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The message, with one part of the good scenario replaced. */
function told(from: string, to: string): string {
  expect(good).toContain(from);
  return formatUserError(failure(good.replace(from, to)));
}

describe("a scenario", () => {
  const scenario = parse(good);

  it.each(["prefill", "decode"] as const)("may have SGLang in one pool: %s", (pool) => {
    const text = good
      .replace(`${pool}: { workers`, `${pool}: { engine: { family: sglang }, workers`)
      .replace(", engine: { maxNumSeqs: 128 }", "")
      .replace("engine: { blockSize: 16,", "engine: { sglang: { schedulePolicy: lpm },");
    expect(parse(text).deployment[pool]!.engine).toMatchObject({ family: "sglang", sglang: { schedulePolicy: "lpm" } });
  });

  it("comes out in ms, bytes and tokens", () => {
    expect(scenario).toMatchObject({
      file: "dir/a.yaml",
      name: "example",
      seed: 42,
      sla: { ttftMs: 200, itlMs: 10 },
      planner: { strategy: "default", interval: 5000, maxGpus: 12 },
      endMs: 3_600_000,
      deployment: {
        profile: "h200-llama-3.1-8b-fp8-tp1-estimate",
        surfaces: "robust",
        router: { mode: "least-loaded" },
        transfer: { bytesPerSecond: 64e9, bytesPerToken: 131_072, timing: "full_prompt" },
        prefill: { workers: 1, startupMs: 30_000, gpusPerWorker: null },
        decode: { workers: 2, startupMs: 60_000 },
        quirks: [],
      },
    });
  });

  it("lays a pool's engine settings over those of all engines", () => {
    expect(scenario.deployment.prefill!.engine).toEqual({ blockSize: 16, maxNumSeqs: 256 });
    expect(scenario.deployment.decode.engine).toEqual({ blockSize: 16, maxNumSeqs: 128 });
  });

  it("has faults and assertions as values", () => {
    expect(scenario.faults).toEqual([
      { kind: "kill", atMs: 720_000, worker: { pool: "decode", index: 0 } },
      { kind: "slow", atMs: 780_000, worker: { pool: "prefill", index: 1 }, factor: 2, forMs: 60_000 },
    ]);
    expect(scenario.expect.map(({ text, value }) => [text, value])).toEqual([
      ["== 0", 0],
      [">= 0.98", 0.98],
      ["< 300ms", 300],
      [">= 2", 2],
      ["<= 4", 4],
    ]);
  });

  it("is Poisson by default", () => {
    expect(scenario.traffic[0]).toMatchObject({ kind: "open", arrivals: { kind: "poisson" } });
  });

  it("takes its file's name where it has none, and seed 1", () => {
    const bare = parse(good.replace("name: example\n", "").replace("seed: 42\n", ""), "dir/peak-hour.yaml");
    expect(bare).toMatchObject({ name: "peak-hour", seed: 1 });
  });

  it("reads paths relative to its own folder, and names as names", () => {
    const profile = (name: string) => parse(good.replace(/profile: .*/, `profile: ${name}`)).deployment.profile;
    expect(profile("../measured/h200")).toBe(resolve("measured/h200"));
    expect(profile("table.npz")).toBe(resolve("dir/table.npz"));
    expect(profile("some-name-1.0")).toBe("some-name-1.0");
    const traced = parse(good.replace(/ {2}- sinusoid.*/, "  - trace: { file: traces/x.jsonl }"));
    expect(traced.traffic[0]).toMatchObject({ kind: "trace", file: resolve("dir/traces/x.jsonl") });
  });

  it("names places for errors that are found later", () => {
    expect(scenario.locate(["deployment", "profile"])).toBe("dir/a.yaml:5:12 (deployment.profile)");
    expect(scenario.locate(["traffic", 0])).toBe("dir/a.yaml:14:5 (traffic[0])");
  });

  it("in mode agg has its one pool as decode", () => {
    const { deployment } = parse(`
deployment: { mode: agg, agg: { workers: 3 }, engine: { timing: polynomial }, quirks: dynosim }
sla: { ttft: 1s, itl: 50ms }
traffic: [ { closedLoop: { concurrency: 4, requests: 8, isl: 10, osl: 2 } } ]`);
    expect(deployment).toMatchObject({ profile: null, prefill: null, decode: { workers: 3 } });
    expect(deployment.quirks).toContain("integerMeans");
    expect(deployment.quirks).toContain("passesBeforeArrivals");
  });

  it("may be parsed without the planner's schema: the section is handed on as it is", () => {
    expect(parseScenario(good, "a.yaml").planner).toEqual({ strategy: "default", interval: "5s", maxGpus: 12 });
  });
});

describe("traffic as YAML", () => {
  it.each<[string, string, object]>([
    ["constant", "constant: { requestRate: 3, @ }", { rate: { kind: "constant", rate: 3 } }],
    ["ramp", "ramp: { requestRate: { from: 1, to: 2 }, @ }", { rate: { kind: "ramp", from: 1, to: 2 } }],
    [
      "steps",
      "steps: { requestRate: [ { at: 0, rate: 1 }, { at: 1m, rate: 2 } ], @ }",
      {
        rate: {
          kind: "steps",
          steps: [
            { atMs: 0, rate: 1 },
            { atMs: 60_000, rate: 2 },
          ],
        },
      },
    ],
    [
      "points",
      "points: { requestRate: [ { at: 0s, rate: 1 } ], @ }",
      { rate: { kind: "points", points: [{ atMs: 0, rate: 1 }] } },
    ],
    [
      "bursts at given times",
      "burst: { requestRate: { base: 1, peak: 9, at: [ 10s ], length: 5s }, @ }",
      { rate: { kind: "burst", base: 1, peak: 9, startsMs: [10_000], lengthMs: 5000 } },
    ],
    [
      "regular bursts",
      "burst: { requestRate: { base: 1, peak: 9, every: 4m, length: 5s }, @ }",
      { rate: { kind: "burst", base: 1, peak: 9, startsMs: [240_000, 480_000], lengthMs: 5000 } },
    ],
    [
      "days",
      "diurnal: { requestRate: {}, @ }",
      {
        rate: {
          kind: "diurnal",
          base: 4,
          dayMs: 86_400_000,
          peaks: [
            { hour: 11, height: 30, widthHours: 2.4 },
            { hour: 20, height: 38, widthHours: 2 },
          ],
        },
      },
    ],
    [
      "an mmpp",
      "mmpp: { requestRate: { states: [ { rate: 1, stay: 2s } ] }, @ }",
      { rate: { kind: "mmpp", states: [{ rate: 1, meanStayMs: 2000 }] } },
    ],
    ["even arrivals", "constant: { requestRate: 3, arrivals: constant, @ }", { arrivals: { kind: "constant" } }],
    [
      "gamma arrivals",
      "constant: { requestRate: 3, arrivals: { gamma: { cv: 2 } }, @ }",
      { arrivals: { kind: "gamma", cv: 2 } },
    ],
    ["a later start", "constant: { requestRate: 3, start: 2m, @ }", { startMs: 120_000 }],
  ])("has %s", (_name, yaml, expected) => {
    const [entry] = parseTraffic(yaml.replace("@", "isl: 10, osl: 2, duration: 10m"), "t");
    expect(entry).toMatchObject({ kind: "open", durationMs: 600_000, ...expected });
  });

  it("has lengths of every kind, mixtures of them, patterns, sessions and prefixes", () => {
    const [entry] = parseTraffic(
      `constant:
  requestRate: 1
  duration: 1m
  patterns:
    - { share: { min: 0.2, max: 0.8, period: 1m }, isl: { lognormal: { mean: 100, sigma: 0.5 } }, osl: 5 }
    - isl: { mixture: [ { weight: 3, of: 10 }, { weight: 1, of: { uniform: { min: 1, max: 5 } } } ] }
      osl: { list: [ 1, 2 ] }
  sessions: { turns: { normal: { mean: 3.5, deviation: 1 } }, thinkTime: { exponential: { mean: 10s } }, history: none }
  prefix: { groups: 4, ratio: 0.5 }
  blockSize: 32`,
      "t",
    );
    expect(entry).toMatchObject({
      content: {
        patterns: [
          { share: { min: 0.2, max: 0.8, periodMs: 60_000 }, isl: { kind: "lognormal", mean: 100, sigma: 0.5 } },
          {
            share: null,
            isl: {
              kind: "mixture",
              parts: [
                { weight: 3, of: { kind: "fixed", value: 10 } },
                { weight: 1, of: { kind: "uniform", min: 1, max: 5 } },
              ],
            },
            osl: { kind: "list", values: [1, 2] },
          },
        ],
        sessions: { turns: { kind: "normal" }, thinkMs: { kind: "exponential", mean: 10_000 }, history: "none" },
        prefix: { kind: "ratio", groups: 4, ratio: 0.5 },
        blockTokens: 32,
      },
    });
  });
});

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

describe("whatever the text, parsing ends in a scenario or one UserError", () => {
  const survives = (text: string): boolean => {
    try {
      parse(text);
      return true;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      expect(error.code).toMatch(/^SCENARIOS_/);
      expect(error.where).toMatch(/^dir\/a\.yaml/);
      return false;
    }
  };

  it("with characters changed, doubled and dropped", () => {
    let accepted = 0;
    const edit = fc.record({
      at: fc.nat(good.length),
      drop: fc.nat(6),
      put: fc.oneof(
        fc.string({ maxLength: 3 }),
        fc.constantFrom(
          "{",
          "}",
          "[",
          "]",
          ":",
          "-",
          "\n",
          "&a ",
          "*a",
          "!x ",
          "|",
          ">",
          "'",
          '"',
          "#",
          "? ",
          "\t",
          "9e99",
          "-",
        ),
      ),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        let text = good;
        for (const { at, drop, put } of edits) text = text.slice(0, at) + put + text.slice(at + drop);
        if (survives(text)) accepted++;
      }),
      { numRuns: 1200, seed: 11 },
    );
    expect(accepted).toBeGreaterThan(20);
  });

  it("with values of another kind in any place", () => {
    const json = JSON.parse(JSON.stringify(jsonScenario())) as object;
    const paths = allPaths(json);
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 2 }), (path, value) => {
        survives(JSON.stringify(replaced(json, path, value)));
      }),
      { numRuns: 1200, seed: 12 },
    );
  });

  it("with random text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.jsonValue().map((value) => JSON.stringify(value)),
        ),
        (text) => {
          expect(survives(text)).toBe(false);
        },
      ),
      { numRuns: 600, seed: 13 },
    );
  });
});

function jsonScenario() {
  return {
    deployment: { profile: "p", mode: "disagg", prefill: { workers: 1, engine: { timing: "profile" } } },
    sla: { ttft: "1s", itl: "10ms" },
    planner: { strategy: "sla-compat", predictor: "constant" },
    traffic: [
      { steps: { requestRate: [{ at: 0, rate: 1 }], isl: { uniform: { min: 1, max: 3 } }, osl: 3, duration: "1s" } },
      { sequence: [{ closedLoop: { concurrency: 1, requests: 2, patterns: [{ share: 1, isl: 2, osl: 3 }] } }] },
    ],
    faults: [{ at: "1s", freeze: "decode/0", for: "1s" }],
    expect: { errors: 0, replicas: [{ at: "1s", decode: 1 }] },
  };
}

type Path = (string | number)[];

function allPaths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, child]) =>
    allPaths(child, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return path.length === 0 ? below : [path, ...below];
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}
