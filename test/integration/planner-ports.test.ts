import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "../planner/connectors/stores.ts";
import { CliProcess, freePort, statusOf, waitFor } from "./processes.ts";

function planner(config: Record<string, unknown>): CliProcess {
  const folder = temporaryFolder();
  const whole = {
    strategy: "none",
    environment: "none",
    frontend_urls: ["http://127.0.0.1:1"],
    profile_results_dir: "h200-llama-3.1-8b-fp8-tp1-estimate",
    report_output_dir: folder.path,
    live_dashboard_port: 0,
    control_api_port: 0,
    ...config,
  };
  const process = new CliProcess(["planner", "--config", JSON.stringify(whole)]);
  onTestFinished(async () => {
    await process.end();
    folder.remove();
  });
  return process;
}

it("a planner whose second port is taken says so, and ends", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  const process = planner({ control_api_port: await freePort(), live_dashboard_port: port });
  expect(await process.exited).toMatchObject({ code: 2 });
  expect(process.output).toContain(`127.0.0.1:${port}: the dashboard can't listen`);
});

it("the port of metrics asks for no token and lets nobody change anything", async () => {
  const [control, metrics] = [await freePort(), await freePort()];
  const process = planner({
    control_api_port: control,
    metric_reporting_prometheus_port: metrics,
    api_token: "secret",
  });
  await waitFor("the planner to listen", async () => {
    if (!process.running) throw new Error(process.output);
    return (await statusOf(`http://127.0.0.1:${metrics}/metrics`)) === 200;
  });
  const change = { method: "PATCH", body: '{"decode_min_endpoint": 9}' };
  expect(await statusOf(`http://127.0.0.1:${metrics}/v1/min-endpoints`, change)).toBe(404);
  expect(await statusOf(`http://127.0.0.1:${control}/v1/min-endpoints`, change)).toBe(401);
  process.kill("SIGTERM");
  expect(await process.exited).toMatchObject({ code: 0 });
});
