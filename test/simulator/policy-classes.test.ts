import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DYNOSIM_ENGINE_QUIRKS, engineConfig, polynomialTiming } from "#mocker/engine";
import { buildWorkload, parseScenario, parseTrace, parseTraffic } from "#scenarios";
import { summarize } from "#src/report";
import { simulate } from "#src/simulator";
import { HAND_TIMING } from "./hand-made.ts";

interface RecordedRow {
  at: number;
  isl: number;
  osl: number;
  /** Leading blocks that it shares with all others that have any. */
  shared?: number;
  priority?: number;
  strict_priority?: number;
  policy_class?: string;
  /** Of ai-dynamo 1.6.1. */
  firstMs: number;
}
interface Recorded {
  policies?: string;
  queueThreshold?: number;
  queuePolicy?: string;
  rows: RecordedRow[];
}

/** Runs of one worker (64 tokens a block, 16,384 blocks) behind ai-dynamo 1.6.1's KV router, made at random. */
const recorded = readFileSync(new URL("recorded-queues.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Recorded);

function asTrace(rows: readonly RecordedRow[]): string {
  let free = 1000;
  return rows
    .map(({ at, isl, osl, shared = 0, firstMs: _, ...hints }) => {
      const ids = Array.from({ length: Math.ceil(isl / 64) }, (_each, i) => (i < shared ? i + 1 : free++));
      return JSON.stringify({ timestamp: at, input_length: isl, output_length: osl, hash_ids: ids, ...hints });
    })
    .join("\n");
}

/** The router of a scenario in which it stands so. */
function routerOf(settings: string) {
  const text = `
deployment:
  profile: p
  mode: agg
  router:
    mode: kv
${settings.replace(/^(?=.)/gm, "    ")}
sla: { ttft: 1s, itl: 50ms }
traffic: [{ constant: { requestRate: 1, isl: 9, osl: 9, duration: 1s } }]`;
  return parseScenario(text, "a.yaml").deployment.router;
}

const under = (policies: string) => `policies:\n${policies.replace(/^(?=.)/gm, "  ")}`;

const pool = (engine: ReturnType<typeof engineConfig>) => ({
  workers: 1,
  dpSize: 1,
  gpusPerWorker: 1,
  startupMs: 0,
  engine,
});
const spec = {
  name: "queues",
  seed: 0,
  prefill: null,
  transfer: null,
  sla: { ttftMs: 1000, itlMs: 50 },
  quirks: { passesBeforeArrivals: true },
  engine: "skipping",
  check: true,
} as const;

describe("requests that wait in the router, by policy, priority and class", () => {
  it.each(recorded.map((run, i) => [i, run] as const))("go when they do in ai-dynamo 1.6.1: run %i", (_, run) => {
    const { policies, queueThreshold, queuePolicy } = run;
    const router =
      policies === undefined ? `queueThreshold: ${queueThreshold}\nqueuePolicy: ${queuePolicy}` : under(policies);
    const engine = engineConfig({
      family: "vllm",
      role: "aggregated",
      blockSize: 64,
      numGpuBlocks: 16_384,
      timing: polynomialTiming({ capacityTokens: 64 * 16_384 }),
      quirks: DYNOSIM_ENGINE_QUIRKS,
    });
    const { requests } = simulate({
      ...spec,
      workload: parseTrace(asTrace(run.rows), "t.jsonl", { blockTokens: 64 }),
      decode: pool(engine),
      router: routerOf(router),
    });
    run.rows.forEach(({ firstMs }, i) => {
      expect(requests.firstTokenMs[i], `request ${i}`).toBeCloseTo(firstMs, 2);
    });
  });
});

describe("tenants of several classes", () => {
  const POLICIES = `
default_policy_family: regular
uncached_isl_buckets: [{ min_tokens: 0, bucket: all }]
policy_classes:
  - { name: premium, policy_family: premium, cache_bucket: all, quantum: 100, prefill_busy_threshold: 0 }
  - { name: regular, policy_family: regular, cache_bucket: all, quantum: 25, prefill_busy_threshold: 0LIMIT }
`;
  /** 40 prompts of each at once: a worker that computes 100 tokens in 100 ms. */
  const run = (limit: string, hints: Record<string, object>) => {
    const traffic = ["premium", "regular"]
      .map((tenant) => `{ closedLoop: { tenant: ${tenant}, concurrency: 40, requests: 40, isl: 100, osl: 1 } }`)
      .join(", ");
    return simulate({
      ...spec,
      workload: buildWorkload(parseTraffic(`[${traffic}]`, "t"), { seed: 1, tenantHints: hints }),
      decode: pool(engineConfig({ timing: HAND_TIMING, role: "aggregated", maxNumBatchedTokens: 100 })),
      router: routerOf(under(POLICIES.replace("LIMIT", limit))),
    });
  };

  it("get shares as their quanta are, and a row of the report each", () => {
    const { tenants } = summarize(run("", { premium: { policyClass: "premium" } }));
    expect(tenants.map(({ name, completed }) => [name, completed])).toEqual([
      ["premium", 40],
      ["regular", 40],
    ]);
    // Four of five go to premium while it has any: its last is the fiftieth, and its middle one the 25th.
    expect(tenants[0]!.ttftP50Ms).toBeGreaterThan(2300);
    expect(tenants[0]!.ttftP50Ms).toBeLessThan(2700);
    expect(tenants[1]!.ttftP50Ms).toBeGreaterThan(5800);
  });

  it("are refused where more wait than may", () => {
    const { tenants } = summarize(run(", request_queue_limit_per_worker: 10", { premium: { policyClass: "premium" } }));
    expect(tenants.map(({ completed }) => completed)).toEqual([40, 10]);
  });

  it("are told apart by a trace's rows where no tenant is named", () => {
    const rows = ["premium", "regular"].map(
      (name, i) =>
        `{"timestamp":0,"input_length":100,"output_length":1,"hash_ids":[${i}],"policy_class":"${name}","priority":${i}}`,
    );
    const workload = buildWorkload(parseTraffic("trace: { file: t.jsonl }", "t"), {
      seed: 1,
      readTrace: (file) => parseTrace(rows.join("\n"), file),
    });
    expect(workload.tenants).toMatchObject({ names: ["premium", "regular"], of: Int32Array.of(0, 1) });
    expect([...workload.hints!.priority]).toEqual([0, 1]);
  });
});
