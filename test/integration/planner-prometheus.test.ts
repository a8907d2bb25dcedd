import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TickSnapshot } from "#planner/service";
import { describeWithPrometheus } from "../tools.ts";
import { LiveEnvironment } from "./live-environment.ts";
import { CliProcess, waitFor } from "./processes.ts";
import { PrometheusServer } from "./prometheus-server.ts";
import { RunningPlanner } from "./running-planner.ts";

const MODEL = "llama";
const NAMESPACE = "rehearsal";

await describeWithPrometheus("a planner that observes by Prometheus", ({ prometheus, promtool }) => {
  let folder: string;
  let live: LiveEnvironment;
  let server: PrometheusServer;
  let planner: RunningPlanner;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "understudy-store-"));
    const labels = { dynamo_namespace: NAMESPACE };
    const workers = (urls: string[]) => ({ name: "workers", urls, labels });
    live = await LiveEnvironment.start({
      model: MODEL,
      roles: ["decode"],
      folder,
      namespace: NAMESPACE,
      changed: (urls) => server.target(workers(urls)),
    });
    server = await PrometheusServer.start(prometheus, [
      { name: "frontends", urls: [live.frontend.url], labels },
      workers(live.urls),
    ]);
    live.run();
    planner = await RunningPlanner.start({
      mode: "agg",
      environment: "virtual",
      virtual_store: `file:${folder}`,
      namespace: NAMESPACE,
      model_name: MODEL.toUpperCase(),
      metric_pulling_prometheus_endpoint: server.url,
      strategy: "default",
      optimization_target: "sla",
      ttft_ms: 60,
      itl_ms: 20,
      max_gpu_budget: 3,
      decode_startup_seconds: 0,
      throughput_adjustment_interval_seconds: 4,
      load_adjustment_interval_seconds: 1,
      scaling_check_interval_seconds: 1,
    });
  });

  afterAll(async () => {
    await planner?.end("SIGTERM");
    await live?.close();
    await server?.end();
    rmSync(folder, { recursive: true, force: true });
  });

  const last = async (): Promise<TickSnapshot | null> => (await planner.status())?.last ?? null;
  const until = (what: string, test: (snapshot: TickSnapshot) => boolean, timeoutMs = 60_000) =>
    waitFor(
      what,
      async () => {
        const snapshot = await last();
        return snapshot !== null && test(snapshot) ? snapshot : null;
      },
      timeoutMs,
    );

  it("knows no traffic from no data before the first request", async () => {
    const { observed, decision, problems } = await until(
      "a frontend that is scraped and idle, and workers that are known",
      ({ observed: seen, problems: told }) => seen?.startedRequests === 0 && told.length === 0,
    );
    expect(observed).toMatchObject({ completedRequests: 0, meanTtftMs: null });
    expect(decision!.targets).toBeNull();
    expect(problems).toEqual([]);
  });

  it("scales up under load, sees what the workers do, and scales down again when the load has gone", async () => {
    const shape = [
      "--request-rate",
      "15",
      "--isl",
      "1000",
      "--osl",
      "10",
      "--benchmark-duration",
      "12s",
      "--no-report",
    ];
    const load = new CliProcess(["load", "--url", live.frontend.url, ...shape]);
    const busy = await until("means of what ended", ({ observed }) => observed?.meanTtftMs != null);
    expect(busy.observed!.startedRequests).toBeGreaterThan(0);
    expect(Math.abs(busy.observed!.meanIsl! - 1000)).toBeLessThan(100);
    expect(busy.observed!.meanOsl).toBeCloseTo(10, 1);
    await waitFor("more than one worker", () => live.replicas.some(({ decode }) => decode! > 1), 60_000);
    await until("loads of all workers", ({ observed }) => Object.keys(observed?.kvTokens ?? {}).length > 1);
    await until("forward passes of theirs", ({ observed }) => (observed?.passes?.decode ?? 0) > 1);
    expect(await load.exited, load.output).toEqual({ code: 0, signal: null });
    await until("a window without traffic", ({ observed }) => observed?.startedRequests === 0);
    await waitFor("one worker again", () => live.workers.decode === 1, 60_000);
    expect(live.replicas.at(-1)).toEqual({ decode: 1 });
  });

  it("shows what it observed and decided in metrics that promtool reads", async () => {
    const response = await fetch(`${planner.url}/metrics`);
    const text = await response.text();
    const { status, stdout, stderr } = spawnSync(promtool, ["check", "metrics"], { input: text, encoding: "utf8" });
    // 1: it can't be read; 3: it has style, and the names are Dynamo's.
    expect([0, 3], stderr).toContain(status);
    const faults = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
    expect(faults.filter((line) => !line.startsWith("dynamo_planner_"))).toEqual([]);
    expect(text).toMatch(/^dynamo_planner_observed_requests_per_second 0$/m);
    expect(text).toMatch(/^dynamo_planner_engine_inflight_decode_kv_tokens\{worker_id="0",dp_rank="0"\} 0$/m);
    expect(text).not.toMatch(/^dynamo_planner_observed_ttft_ms /m);
  });

  it("changes nothing while the frontend can't be scraped, and says so", async () => {
    const count = live.replicas.length;
    await live.frontend.close();
    const { observed, decision, problems } = await until(
      "the frontend to be missing",
      ({ observed: seen }) => seen?.startedRequests === null,
    );
    expect(observed).toMatchObject({ startedRequests: null, completedRequests: null });
    expect(decision!.targets).toBeNull();
    expect(problems.join("\n")).toMatch(/can't be scraped/);
    expect(live.replicas).toHaveLength(count);
  });
});
