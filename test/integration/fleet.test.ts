import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { CliProcess, getJson, serverForTest, workersReady } from "./processes.ts";

const PROCESSES = 2;
const WORKERS = 50;
const REQUESTS = 1000;

it("100 workers in two processes, found by their leases, serve 1,000 requests: none fails, none hangs", async () => {
  const leases = mkdtempSync(join(tmpdir(), "understudy-leases-"));
  onTestFinished(() => rmSync(leases, { recursive: true, force: true }));
  const fleet = ["--port", "0", "--num-workers", String(WORKERS), "--stagger-delay", "0", "--register-dir", leases];
  const engine = ["--model-name", "llama", "--timing", "fixed:20ms,10ms"];
  for (let i = 0; i < PROCESSES; i++) {
    const mockers = new CliProcess(["mocker", ...fleet, ...engine]);
    onTestFinished(() => mockers.end());
  }
  const frontend = await serverForTest("frontend", ["--discovery-dir", leases]);
  const workers = async () => {
    const found = await getJson<{ workers: { state: string; totalRequests: number }[] }>(`${frontend.url}/workers`);
    return found.workers.filter(({ state }) => state === "ready");
  };
  await workersReady(frontend, PROCESSES * WORKERS);

  const shape = ["--concurrency", "200", "--request-count", String(REQUESTS), "--isl", "60", "--osl", "8"];
  const load = new CliProcess([
    "load",
    "--url",
    frontend.url,
    ...shape,
    "--request-timeout",
    "60s",
    "--no-report",
    "--json",
  ]);
  onTestFinished(() => load.end());
  expect(await load.exited, load.output).toEqual({ code: 0, signal: null });
  const report = JSON.parse(load.stdout);
  expect(report).toMatchObject({ request_count: { avg: REQUESTS }, error_request_count: { avg: 0 } });
  expect(report.output_sequence_length).toMatchObject({ min: 8, max: 8 });

  // Each has had its turn, and nothing is left anywhere.
  expect((await workers()).map(({ totalRequests }) => totalRequests)).toEqual(
    Array.from({ length: PROCESSES * WORKERS }, () => REQUESTS / (PROCESSES * WORKERS)),
  );
  const metrics = await (await fetch(`${frontend.url}/metrics`)).text();
  expect(metrics).toMatch(/^dynamo_frontend_inflight_requests\{.*\} 0$/m);
});
