import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  PrometheusTraffic,
  type PrometheusTrafficOptions,
} from "../../planner/sources/prometheus/prometheus-traffic.ts";
import { describeWithPrometheus } from "../tools.ts";
import { CliProcess, type CliServer, getJson, startServer, waitFor } from "./processes.ts";
import { PrometheusServer } from "./prometheus-server.ts";

const REQUESTS = 48;
/** Prompts take 40 ms each and tokens 15 ms; two sequences at a time, so that TTFT spreads over several buckets. */
const WORKER = ["--model-name", "llama", "--timing", "fixed:40ms,15ms", "--max-num-seqs", "2"];
const LOAD = ["--concurrency", "6", "--request-count", String(REQUESTS), "--isl", "100", "--osl", "16", "--no-report"];

interface Distribution {
  p50: number;
  p90: number;
}

interface LoadReport {
  time_to_first_token: Distribution;
  inter_chunk_latency: Distribution;
}

type Sample = { metric: Record<string, string>; value: [number, string] };

await describeWithPrometheus("Prometheus", ({ prometheus, promtool }) => {
  let worker: CliServer;
  let frontend: CliServer;
  let server: PrometheusServer;
  let report: LoadReport;

  async function query(expression: string): Promise<Sample[]> {
    const url = `${server.url}/api/v1/query?query=${encodeURIComponent(expression)}`;
    return (await getJson<{ data: { result: Sample[] } }>(url)).data.result;
  }

  async function number(expression: string): Promise<number> {
    const [sample] = await query(expression);
    return Number(sample?.value[1]);
  }

  beforeAll(async () => {
    worker = await startServer("mocker", WORKER);
    frontend = await startServer("frontend", ["--worker", worker.url]);
    server = await PrometheusServer.start(prometheus, [
      { name: "worker", urls: [worker.url] },
      { name: "frontend", urls: [frontend.url] },
    ]);
    const load = new CliProcess(["load", "--url", frontend.url, "--json", ...LOAD]);
    expect(await load.exited, load.output).toEqual({ code: 0, signal: null });
    report = JSON.parse(load.stdout) as LoadReport;
    await waitFor("the last request to be scraped", async () => {
      const counts = ["vllm:e2e_request_latency_seconds_count", "dynamo_frontend_request_duration_seconds_count"];
      return (await Promise.all(counts.map((name) => number(`sum(${name})`)))).every((count) => count === REQUESTS);
    });
  });

  afterAll(async () => {
    await server?.end();
    await Promise.all([worker?.process.end(), frontend?.process.end()]);
  });

  it("scrapes worker and frontend", async () => {
    const up = await query("up");
    expect(up.map(({ metric, value }) => [metric.job, value[1]]).sort()).toEqual([
      ["frontend", "1"],
      ["worker", "1"],
    ]);
  });

  it("counts what the load generator sent", async () => {
    expect(await number('sum(vllm:request_success_total{finished_reason="length"})')).toBe(REQUESTS);
    expect(await number("sum(vllm:generation_tokens_total)")).toBe(16 * REQUESTS);
    expect(await number("sum(vllm:prompt_tokens_total)")).toBe(100 * REQUESTS);
    expect(await number("sum(dynamo_frontend_requests_total)")).toBe(REQUESTS);
    expect(await number("sum(dynamo_frontend_output_sequence_tokens_sum)")).toBe(16 * REQUESTS);
    expect(await number("sum(vllm:num_requests_running)")).toBe(0);
  });

  describe.each([
    ["time_to_first_token", "vllm:time_to_first_token_seconds"],
    ["time_to_first_token", "dynamo_frontend_time_to_first_token_seconds"],
    ["inter_chunk_latency", "vllm:inter_token_latency_seconds"],
    ["inter_chunk_latency", "dynamo_frontend_inter_token_latency_seconds"],
  ] as const)("%s by %s", (measured, metric) => {
    it.each([
      ["p50", 0.5],
      ["p90", 0.9],
    ] as const)("agrees with the load generator within a bucket at %s", async (percentile, quantile) => {
      const found = await number(`histogram_quantile(${quantile}, sum by (le) (${metric}_bucket))`);
      const samples = await query(`sum by (le) (${metric}_bucket)`);
      const bounds = samples.map(({ metric }) => Number(metric.le?.replace("+Inf", "Infinity"))).sort((a, b) => a - b);
      const bucketOf = (seconds: number) => bounds.findIndex((bound) => seconds <= bound);
      const wanted = report[measured][percentile] / 1000;
      expect(Math.abs(bucketOf(found) - bucketOf(wanted)), `${found} s and ${wanted} s`).toBeLessThanOrEqual(1);
    });
  });

  describe("the planner's expressions", () => {
    async function observed(options: Partial<PrometheusTrafficOptions>) {
      const traffic = new PrometheusTraffic({
        endpoint: server.url,
        model: "LLAMA",
        namespace: "dynamo",
        metricsSource: "frontend",
        backend: "vllm",
        means: "weighted",
        sla: { ttftMs: 10_000, itlMs: 10_000 },
        rangeMs: 60_000,
        ...options,
      });
      try {
        return await traffic.window(0, 60_000);
      } finally {
        await traffic.close();
      }
    }

    it.each(["weighted", "unweighted"] as const)("say what the load was, frontends %s", async (means) => {
      const { part, problems } = await observed({ means });
      expect(problems).toEqual([]);
      expect(part.completedRequests).toBeGreaterThan(0);
      // Every request has as many: whatever was scraped by then, sum and count are of the same requests.
      expect(part.meanOsl).toBeCloseTo(16, 9);
      expect(part.meanTtftMs).toBeGreaterThan(40);
      expect(part.meanItlMs).toBeGreaterThan(10);
      expect(part.meanRequestDurationMs).toBeGreaterThan(part.meanTtftMs!);
      // Everybody is within such an SLA; where all frontends count alike, nobody is judged.
      expect(part.ttftMet).toBe(part.ttftJudged);
      expect(part.ttftJudged > 0).toBe(means === "weighted");
      expect(part.kvHitRate).toBe(0);
    });

    it.each(["vllm", "sglang", "trtllm"] as const)("are understood, those of routers and %s, too", async (backend) => {
      const { part, problems } = await observed({ metricsSource: "router", backend });
      expect(part).toMatchObject({ startedRequests: null, completedRequests: null, acceptLength: null });
      expect(problems).toEqual([`Prometheus ${server.url}: routers, namespace dynamo: Prometheus has no such series`]);
    });

    it("find nothing of a model that is not there, and say which one is", async () => {
      const { part, problems } = await observed({ model: "mistral" });
      expect(part.startedRequests).toBeNull();
      expect(problems).toEqual([expect.stringContaining("but of model llama")]);
    });
  });

  it.each(["worker", "frontend"])(
    "promtool reads the exposition of the %s, and finds fault with others' names alone",
    async (which) => {
      const { url } = which === "worker" ? worker : frontend;
      const response = await fetch(`${url}/metrics`);
      expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
      const { status, stdout, stderr } = spawnSync(promtool, ["check", "metrics"], {
        input: await response.text(),
        encoding: "utf8",
      });
      // 1: it can't be read; 3: it has style.
      expect([0, 3], stderr).toContain(status);
      const faults = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
      expect(faults.filter((line) => !/^(vllm:|dynamo_)/.test(line))).toEqual([]);
    },
  );
});
