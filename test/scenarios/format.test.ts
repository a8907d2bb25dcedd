import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { parseScenario, parseTraffic } from "#scenarios";
import { good, parse } from "./written.ts";

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
