import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { UserError } from "#common";
import { gpusOfDcgmMetrics } from "../../../src/profiler/discovery/dcgm.ts";
import { gpusOfKubernetesNodes } from "../../../src/profiler/discovery/kubernetes-nodes.ts";
import { selectGpus } from "../../../src/profiler/discovery/select-gpus.ts";
import { mistake, readFlags, readText, spec } from "./read.ts";

const texts = readdirSync("examples/dgdr").map((name) => readFileSync(`examples/dgdr/${name}`, "utf8"));
texts.push(spec(), "{'sla': {'isl': 3000, 'osl': 150, 'ttft': 200.0, 'itl': 20.0}, 'engine': {'is_moe_model': True}}");

/** Succeeds, or ends in a mistake that says what and where. */
function readsOrRefuses(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.code).toMatch(/^[A-Z0-9_]+$/);
    expect(error.where ?? error.hint).toBeTruthy();
    expect(error.message.length).toBeGreaterThan(5);
  }
  expect(Object.keys(Object.prototype)).toEqual([]);
}

/** A text with pieces cut, doubled, swapped for others. */
const damaged = fc
  .record({
    text: fc.constantFrom(...texts),
    cuts: fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        length: fc.nat(30),
        instead: fc.oneof(
          fc.constantFrom(
            "",
            "\n",
            ": ",
            "- ",
            "{",
            "}",
            "[",
            "'",
            '"',
            "null",
            "-1",
            "1e999",
            "__proto__: {x: 1}",
            "&a",
            "*a",
            "!!js/function x",
            "\t",
            "\u0000",
            "~",
            "NaN",
          ),
          fc.string({ maxLength: 12 }),
        ),
      }),
      { maxLength: 4 },
    ),
  })
  .map(({ text, cuts }) =>
    cuts.reduce((now, { at, length, instead }) => {
      const from = Math.floor(at * now.length);
      return now.slice(0, from) + instead + now.slice(from + length);
    }, text),
  );

const anything = fc.anything({ maxDepth: 3, withNullPrototype: false });

describe("requests that are damaged", () => {
  it("are read or refused in files", () => {
    fc.assert(
      fc.property(damaged, (text) => readsOrRefuses(() => readText(text))),
      { numRuns: 1500 },
    );
  });

  it("are read or refused as strings of --profile-config and --config", () => {
    fc.assert(
      fc.property(damaged, (text) => {
        readsOrRefuses(() => readFlags({}, { profileConfig: text }));
        readsOrRefuses(() => readFlags({}, { config: text }));
      }),
      { numRuns: 500 },
    );
  });

  it("with any value in any place of a spec are read or refused", () => {
    const place = fc.constantFrom(
      "model",
      "image",
      "backend",
      "hardware",
      "workload",
      "sla",
      "features",
      "overrides",
      "modelCache",
      "searchStrategy",
      "autoApply",
    );
    fc.assert(
      fc.property(
        place,
        fc.oneof(
          anything,
          fc.dictionary(
            fc.constantFrom("ttft", "itl", "isl", "requestRate", "gpuSku", "planner", "mocker", "dgd", "__proto__"),
            anything,
          ),
        ),
        (name, value) => {
          let json: string | undefined;
          try {
            json = JSON.stringify({ ...JSON.parse(spec()), [name]: value });
          } catch {
            return; // A big integer, or something that goes round.
          }
          readsOrRefuses(() => readText(json!));
        },
      ),
      { numRuns: 800 },
    );
  });

  it("with flags of any value are read or refused", () => {
    const flag = fc.constantFrom(
      "model",
      "backend",
      "isl",
      "ttft",
      "itl",
      "gpu",
      "num-gpus-per-node",
      "max-num-gpus-per-engine",
      "request-rate",
      "planner-min-endpoint",
      "dialect",
      "aic-system",
      "unknown",
    );
    fc.assert(
      fc.property(
        fc.dictionary(flag, fc.oneof(fc.string(), fc.integer().map(String), fc.constant(true as const))),
        (flags) => readsOrRefuses(() => readFlags(flags)),
      ),
      { numRuns: 800 },
    );
  });
});

describe("requests that are traps", () => {
  const deep = 20_000;
  const dgd = (override: string) =>
    `model: Qwen/Qwen3-32B
backend: trtllm
image: registry.example.com/p:1
hardware: {gpuSku: h200_sxm, numGpusPerNode: 8, totalGpus: 8}
overrides:
  dgd: &dgd
    apiVersion: nvidia.com/v1alpha1
    kind: DynamoGraphDeployment
    metadata: {name: q}
    spec: {services: {Frontend: {extraPodSpec: ${override}}}}
`;

  it.each([
    ["lists too deep in Python", `{'a': ${"[".repeat(deep)}${"]".repeat(deep)}}`],
    ["lists too deep in JSON", `{"a": ${"[".repeat(deep)}${"]".repeat(deep)}}`],
    ["maps too deep in JSON", `${'{"a":'.repeat(deep)}1${"}".repeat(deep)}`],
    ["lists too deep in YAML", `${"- ".repeat(3000)}x`],
    ["a text without end", `{'a': '${"x".repeat(2 ** 21)}`],
    ["quotes alone", "'".repeat(50_001)],
    ["an alias of what it stands in", dgd("*dgd")],
    ["an alias of itself", dgd("&self {a: [1, *self]}")],
    [
      "aliases that multiply",
      `a: &a [x, x, x, x, x, x, x, x]\n${[..."bcdefgh"].map((name, i) => `${name}: &${name} [${Array(8).fill(`*${"abcdefg"[i]}`).join(", ")}]`).join("\n")}\n`,
    ],
  ])("%s are refused", (_, text) => {
    expect(mistake(() => readText(text)).code).toMatch(/^PROFILER_(CONFIG_(TOO_LARGE|INVALID_YAML)|UNKNOWN_KIND)$/);
    readsOrRefuses(() => readFlags({}, { profileConfig: text }));
  });

  it("leave the prototype of objects as it is, wherever they name it", () => {
    const trap = '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}';
    const { deployment } = readText(dgd(trap));
    expect(deployment).toBeDefined();
    for (const text of [trap, `{"sla": ${trap}, "hardware": ${trap}, "planner": ${trap}}`]) {
      readsOrRefuses(() => readFlags({ model: "Qwen/Qwen3-32B" }, { profileConfig: text }));
      readsOrRefuses(() => readText(spec({ features: { planner: JSON.parse(text) } })));
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("take one alias for several places where it holds no place of itself", () => {
    const text = `model: &m Qwen/Qwen3-32B\nbackend: trtllm\nimage: a/b:1\nhardware: &h {gpuSku: h200_sxm, numGpusPerNode: 8, totalGpus: 8}\nmodelCache: {pvcName: x, pvcModelPath: *m}\noverrides: {a: *h, b: *h}\n`;
    expect(readText(text).model).toBe("Qwen/Qwen3-32B");
  });
});

describe("what GPUs are discovered in", () => {
  const select = (found: ReturnType<typeof gpusOfDcgmMetrics>) => selectGpus(found, "x", { rule: "most-nodes" });

  it("nodes are read or refused", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          anything.map((items) => `{"kind":"List","items":${safeJson(items)}}`),
        ),
        (text) => readsOrRefuses(() => select(gpusOfKubernetesNodes(text, "nodes.json"))),
      ),
      { numRuns: 800 },
    );
  });

  it("metrics are read or refused", () => {
    const line = fc.tuple(
      fc.constantFrom("DCGM_FI_DEV_FB_TOTAL", "DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_NVLINK_X", "other"),
      fc.constantFrom('{gpu="0",UUID="a",modelName="NVIDIA H200"}', '{gpu="1"}', "{}", "{", '{gpu="0"'),
      fc.oneof(fc.constantFrom("1", "NaN", "+Inf", "-5", ""), fc.string({ maxLength: 6 })),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) =>
        readsOrRefuses(() =>
          select(
            gpusOfDcgmMetrics(lines.map(([name, labels, value]) => `${name}${labels} ${value}\n`).join(""), "dcgm.txt"),
          ),
        ),
      ),
      { numRuns: 800 },
    );
  });
});

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    return stringify(String(value));
  }
}
