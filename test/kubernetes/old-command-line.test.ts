import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { openStore, VirtualEnvironment } from "#planner/connectors";
import type { TickSnapshot } from "#planner/service";
import { EtcdServer } from "../etcd.ts";
import { CliProcess, freePort, getJson, waitFor } from "../integration/processes.ts";
import { BUSY, FakePrometheus, LABELS, setFrontends } from "../planner/sources/prometheus/fake-prometheus.ts";
import { describeWithKubernetes } from "../tools.ts";
import { KubeApiServer } from "./api-server.ts";
import { installGraphCrds } from "./crds.ts";
import { TestGraph } from "./graph.ts";

const NAMESPACE = "vllm-disagg-planner";
/** As a user of the planner of 2025 has written it. */
const OLD_LINE = [
  ...["--namespace", NAMESPACE],
  ...["--backend", "vllm"],
  ...["--adjustment-interval", "2"],
  ...["--max-gpu-budget", "64"],
  ...["--min-endpoint", "1"],
  ...["--prefill-engine-num-gpu", "1", "--decode-engine-num-gpu", "1"],
  ...["--profile-results-dir", "h200-llama-3.1-8b-fp8-tp1-estimate"],
  ...["--ttft", "500", "--itl", "20"],
  ...["--load-predictor", "constant", "--load-prediction-window-size", "50"],
  ...["--prometheus-port", "0"],
  "--no-correction",
];

await describeWithKubernetes("the command line of the planner of 2025", (tools) => {
  let server: KubeApiServer;
  let prometheus: FakePrometheus;
  let folder: string;
  let planner: CliProcess | undefined;

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
    await installGraphCrds(server, "v1alpha1");
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "understudy-old-"));
    prometheus = await new FakePrometheus().listen();
    const labels = { ...LABELS, dynamo_namespace: NAMESPACE };
    setFrontends(prometheus, 2, [{ ...BUSY, labels, isl: 8000 }]);
  });
  afterEach(async () => {
    await planner?.end();
    await prometheus.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Ports and folders are given past the command line, for other tests run beside this one. */
  async function start(args: readonly string[], env: Record<string, string>) {
    const port = await freePort();
    const process = new CliProcess(["planner", ...args, ...OLD_LINE], {
      PROMETHEUS_ENDPOINT: prometheus.url,
      UNDERSTUDY_PLANNER_CONTROL_API_PORT: String(port),
      UNDERSTUDY_PLANNER_LIVE_DASHBOARD_PORT: "0",
      UNDERSTUDY_PLANNER_REPORT_OUTPUT_DIR: folder,
      ...env,
    });
    planner = process;
    const snapshots = () =>
      getJson<{ snapshots: TickSnapshot[] }>(`http://127.0.0.1:${port}/v1/snapshots`).then(
        ({ snapshots }) => snapshots,
      );
    return { process, snapshots };
  }

  /** What was decided first and taken over. */
  async function applied({ process, snapshots }: Awaited<ReturnType<typeof start>>): Promise<TickSnapshot> {
    return waitFor(
      "a decision to be taken over",
      async () => {
        if (!process.running) throw new Error(`it ended:\n${process.output}`);
        return (await snapshots().catch(() => [])).find(({ action }) => action.status === "applied");
      },
      60_000,
    ).catch(async (error: Error) => {
      const last = (await snapshots().catch(() => [])).at(-1);
      throw new Error(`${error.message}\n${process.output}${JSON.stringify(last)}`);
    });
  }

  it("scales services of a v1alpha1 deployment, by the GPUs that they have", async () => {
    const namespace = await server.namespace("old");
    const graph = await TestGraph.create(server, { version: "v1alpha1", namespace });
    const running = await start(["--environment", "kubernetes"], {
      DYN_PARENT_DGD_K8S_NAME: graph.name,
      KUBECONFIG: server.kubeconfig("admin", namespace),
    });
    const { decision, action } = await applied(running);
    expect(decision!.strategy).toBe("sla-compat");
    expect(await graph.asked()).toEqual(decision!.targets);
    expect(action.inForce).toEqual(decision!.targets);
    expect(running.process.output).toContain("prefill_engine_num_gpu 1 is left aside");
    running.process.kill("SIGTERM");
    expect((await running.process.exited).code).toBe(0);
  });

  it("writes decisions for a virtual environment to the etcd of $ETCD_ENDPOINTS", async () => {
    const etcd = await EtcdServer.start(tools.etcd);
    try {
      const store = openStore({ kind: "etcd", endpoints: [etcd.url] });
      const environment = new VirtualEnvironment(store, NAMESPACE);
      await environment.announce({ prefill: 1, decode: 1 });
      const running = await start(["--environment", "virtual", "--model-name", "Llama"], { ETCD_ENDPOINTS: etcd.url });
      const { decision } = await applied(running);
      expect(await environment.get()).toEqual({ decisionId: 0, workers: decision!.targets });
      running.process.kill("SIGTERM");
      expect((await running.process.exited).code).toBe(0);
      await store.close();
    } finally {
      await etcd.stop();
    }
  });
});
