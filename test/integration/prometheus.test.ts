import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeWithPrometheus } from "../tools.ts";
import { CliProcess, type CliServer, freePort, getJson, startServer, statusOf, waitFor } from "./processes.ts";

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
  let server: ChildProcess;
  let folder: string;
  let api: string;
  let report: LoadReport;

  async function query(expression: string): Promise<Sample[]> {
    const url = `${api}/query?query=${encodeURIComponent(expression)}`;
    return (await getJson<{ data: { result: Sample[] } }>(url)).data.result;
  }

  async function number(expression: string): Promise<number> {
    const [sample] = await query(expression);
    return Number(sample?.value[1]);
  }

  beforeAll(async () => {
    worker = await startServer("mocker", WORKER);
    frontend = await startServer("frontend", ["--worker", worker.url]);
    folder = mkdtempSync(join(tmpdir(), "understudy-prometheus-"));
    const port = await freePort();
    const jobs = [
      { job_name: "worker", static_configs: [{ targets: [new URL(worker.url).host] }] },
      { job_name: "frontend", static_configs: [{ targets: [new URL(frontend.url).host] }] },
    ];
    // JSON is YAML.
    const config = { global: { scrape_interval: "200ms", scrape_timeout: "200ms" }, scrape_configs: jobs };
    writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(config));
    const flags = [`--config.file=${join(folder, "prometheus.yml")}`, `--storage.tsdb.path=${join(folder, "data")}`];
    server = spawn(prometheus, [...flags, `--web.listen-address=127.0.0.1:${port}`, "--log.level=error"], {
      stdio: "ignore",
    });
    api = `http://127.0.0.1:${port}/api/v1`;
    await waitFor("Prometheus", async () => (await statusOf(`http://127.0.0.1:${port}/-/ready`)) === 200);
    const load = new CliProcess(["load", "--url", frontend.url, "--json", ...LOAD]);
    expect(await load.exited, load.output).toEqual({ code: 0, signal: null });
    report = JSON.parse(load.stdout) as LoadReport;
    await waitFor("the last request to be scraped", async () => {
      const counts = ["vllm:e2e_request_latency_seconds_count", "dynamo_frontend_request_duration_seconds_count"];
      return (await Promise.all(counts.map((name) => number(`sum(${name})`)))).every((count) => count === REQUESTS);
    });
  });

  afterAll(async () => {
    if (server !== undefined) {
      const ended = once(server, "exit");
      server.kill("SIGKILL");
      await ended;
    }
    await Promise.all([worker?.process.end(), frontend?.process.end()]);
    rmSync(folder, { recursive: true, force: true });
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
