import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatUserError, UserError } from "#common";
import {
  buildWorkload,
  mergeWorkloads,
  parseScenario,
  parseTraffic,
  readRouterPolicies,
  scenarioWorkload,
} from "#scenarios";

const DOCUMENT = `
default_policy_family: chat
uncached_isl_buckets:
  - { min_tokens: 0, bucket: short }
  - { min_tokens: 3072, bucket: long }
policy_classes:
  - { name: s, policy_family: chat, cache_bucket: short, queue_policy: wspt, quantum: 2048, prefill_busy_threshold_frac: 16.0 }
  - { name: l, policy_family: chat, cache_bucket: long, quantum: 512, request_queue_limit_per_worker: 9 }
  - { name: direct, quantum: 4096 }
`;

function told(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return formatUserError(error);
    throw error;
  }
  throw new Error("nothing was thrown");
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "policies-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written = (
  router: string,
  more = "",
  traffic = "constant: { tenant: t, requestRate: 1, isl: 9, osl: 9, duration: 3s }",
) => `
deployment:
  profile: p
  mode: agg
  router:
    mode: kv
${router.replace(/^(?=.)/gm, "    ")}
sla: { ttft: 1s, itl: 50ms }
${more}
traffic: [{ ${traffic} }]`;
const inline = (document: string) => `policies:\n${document.replace(/^(?=.)/gm, "  ")}`;

describe("policy classes of a scenario's router", () => {
  it("are Dynamo's document, or a file that it stands in", () => {
    writeFileSync(join(folder, "classes.yaml"), DOCUMENT);
    const { policies } = parseScenario(written(inline(DOCUMENT)), "a.yaml").deployment.router;
    const { root, models } = policies!;
    expect(models).toEqual({});
    expect(root).toMatchObject({
      defaultFamily: "chat",
      buckets: [
        { minTokens: 0, name: "short" },
        { minTokens: 3072, name: "long" },
      ],
    });
    const none = { requests: null, promptTokens: null, cachedTokens: null };
    expect(root!.classes).toEqual([
      {
        name: "s",
        family: "chat",
        bucket: "short",
        queuePolicy: "wspt",
        quantum: 2048,
        busyTokens: null,
        busyBudgets: 16,
        limits: none,
      },
      {
        name: "l",
        family: "chat",
        bucket: "long",
        queuePolicy: "fcfs",
        quantum: 512,
        busyTokens: null,
        busyBudgets: null,
        limits: { ...none, requests: 9 },
      },
      {
        name: "direct",
        family: null,
        bucket: null,
        queuePolicy: "fcfs",
        quantum: 4096,
        busyTokens: null,
        busyBudgets: null,
        limits: none,
      },
    ]);
    const byFile = parseScenario(written("policies: classes.yaml"), join(folder, "a.yaml"));
    expect(byFile.deployment.router.policies).toEqual(policies);
    const ofModel = DOCUMENT.replace(/^(?=.)/gm, "    ");
    writeFileSync(join(folder, "models.yaml"), `models:\n  m:\n${ofModel}`);
    expect(readRouterPolicies(join(folder, "models.yaml"))).toEqual({ root: null, models: { m: root } });
  });

  // What ai-dynamo 1.6.1 refuses, in experiments.
  it.each<[string, string, string, RegExp]>([
    ["no quantum", "quantum: 4096 ", "queue_policy: fcfs ", /quantum.*found nothing/],
    ["a quantum of 0", "quantum: 4096", "quantum: 0", /quantum\): found 0/],
    [
      "a policy that classes don't have",
      "queue_policy: wspt",
      "queue_policy: lcfs",
      /found "lcfs", expected one of fcfs, wspt/,
    ],
    ["a mistyped key", "prefill_busy_threshold_frac", "prefill_busy_threshold_fraction", /prefill_busy_threshold_frac/],
    [
      "a family without a bucket",
      "cache_bucket: long, ",
      "",
      /policy_classes\[1\]\): found a map, expected policy_family and cache_bucket together/,
    ],
    ["a bucket that there is not", "cache_bucket: long", "cache_bucket: big", /found big, expected one of/],
    ["a cell without a class", "policy_family: chat, cache_bucket: long, ", "", /family chat and bucket long/],
    ["a cell with two", "cache_bucket: long", "cache_bucket: short", /second class of family chat and bucket short/],
    ["a name that stands twice", "name: l", "name: s", /found s twice/],
    ["a direct class with a family's name", "name: direct", "name: chat", /found chat, which is a family, too/],
    [
      "a default that there is not",
      "default_policy_family: chat",
      "default_policy_family: cat",
      /found cat, expected the policy_family/,
    ],
    ["buckets that begin above 0", "min_tokens: 0", "min_tokens: 5", /min_tokens\): found 5, expected 0/],
    ["buckets that don't rise", "min_tokens: 3072", "min_tokens: 0", /expected more than 0/],
    ["no default", "default_policy_family: chat\n", "", /expected default_policy_family, .* together/],
    ["a name that metrics could not have", "name: direct", 'name: "a b"', /letters, digits/],
  ])("are refused with %s, in a scenario and in a file", (_, from, to, expected) => {
    const document = DOCUMENT.replace(from, to);
    expect(document).not.toBe(DOCUMENT);
    expect(told(() => parseScenario(written(inline(document)), "a.yaml"))).toMatch(expected);
    const file = join(folder, "bad.yaml");
    writeFileSync(file, document);
    expect(told(() => readRouterPolicies(file))).toMatch(/bad\.yaml:\d+:\d+/);
    expect(told(() => readRouterPolicies(file))).toMatch(expected);
  });

  it("take the place of threshold and policy, and belong to kv", () => {
    expect(told(() => parseScenario(written(`queueThreshold: 1\n${inline(DOCUMENT)}`), "a.yaml"))).toMatch(
      /expected no queueThreshold beside policies/,
    );
    const text = written(inline(DOCUMENT)).replace("mode: kv", "mode: random");
    expect(told(() => parseScenario(text, "a.yaml"))).toMatch(/expected no policies with mode random/);
    expect(told(() => parseScenario(written("policies: nowhere.yaml"), join(folder, "a.yaml")))).toMatch(
      /no such file, expected a file of policy classes/,
    );
  });
});

describe("tenants that are more urgent", () => {
  const parsed = (tenant: string) => parseScenario(written(inline(DOCUMENT), `tenants: { t: ${tenant} }`), "a.yaml");

  it("say so of each of their requests", () => {
    const scenario = parsed("{ priority: 2, strictPriority: 1, policyClass: direct }");
    expect(scenario.tenantSlas).toEqual({});
    const { count, hints } = scenarioWorkload(scenario);
    expect(count).toBeGreaterThan(0);
    expect(hints).toEqual({
      priority: new Float64Array(count).fill(2),
      strictPriority: new Float64Array(count).fill(1),
      classNames: ["direct"],
      classOf: new Int32Array(count),
    });
  });

  it("keep what a trace's rows say for themselves, and nobody else is touched", () => {
    const entries = parseTraffic("[{ trace: { file: t, tenant: t } }, { trace: { file: t } }]", "t");
    const row = { isl: Int32Array.of(5, 5), osl: Int32Array.of(1, 1), arrivalMs: Float64Array.of(0, 1) };
    const workload = buildWorkload(entries, {
      seed: 1,
      tenantHints: { t: { priority: 7, policyClass: "a" } },
      readTrace: () => ({
        ...mergeWorkloads([]),
        ...row,
        count: 2,
        openHeads: Int32Array.of(0, 1),
        hints: {
          priority: Float64Array.of(1, Number.NaN),
          strictPriority: new Float64Array(2).fill(Number.NaN),
          classNames: ["b"],
          classOf: Int32Array.of(-1, 0),
        },
      }),
    });
    const { priority, classNames, classOf } = workload.hints!;
    expect([...priority]).toEqual([1, 7, 1, Number.NaN]);
    expect([...classOf].map((place) => classNames[place])).toEqual(["a", "b", undefined, "b"]);
    expect(workload.tenants).toEqual({ names: ["t", "b"], of: Int32Array.of(0, 0, -1, 1) });
  });

  it.each<[string, RegExp]>([
    ["{}", /expected sla, priority, strictPriority or policyClass/],
    ["{ priority: 1.5 }", /priority\): found 1.5/],
    ["{ strictPriority: -1 }", /strictPriority\): found -1/],
    ["{ policyClass: l }", /found l, expected a family or class of the router: chat, direct/],
  ])("are refused as %s", (tenant, expected) => {
    expect(told(() => parsed(tenant))).toMatch(expected);
  });

  it("have no class where the router has none", () => {
    const text = written("queueThreshold: 1", "tenants: { t: { policyClass: chat } }");
    expect(told(() => parseScenario(text, "a.yaml"))).toMatch(/found chat, expected a router with policies/);
  });
});
