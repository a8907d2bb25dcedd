import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import { endDeployment, leftBehind, StateFolder } from "#src/deployment";
import { ensureKubeApiserver, ensureKubectl } from "../../scripts/kube-apiserver.ts";
import { ensureEtcd } from "../../scripts/test-tools.ts";
import { plannerRules } from "../../src/deployment/manifests/serving/access.ts";
import { DEPLOYMENT_VARIABLE } from "../../src/deployment/runner/command.ts";
import { processesWith } from "../../src/deployment/runner/identity.ts";
import { CliProcess, waitFor } from "../integration/processes.ts";
import { describeWithTool } from "../tools.ts";
import { KubeApiServer } from "./api-server.ts";
import { installGraphCrds, installRequestCrd } from "./crds.ts";
import { expectExactly } from "./witness.ts";

const NAMESPACE = "chain";
const NAME = "wish";
const GRAPH = `${NAME}-dgd`;
const MODEL = "meta-llama/Llama-3.1-8B-Instruct";
/** With these one prefill worker of what the profiler picks serves about 13 requests a second, one decode worker about 24. */
const ISL = 5500;
const OSL = 120;
/** Model time over the wall's. */
const SCALE = 6;
const PATIENCE_MS = 120_000;

const REQUEST = {
  apiVersion: "nvidia.com/v1beta1",
  kind: "DynamoGraphDeploymentRequest",
  metadata: { name: NAME },
  spec: {
    model: MODEL,
    backend: "vllm",
    image: "example.invalid/profiler:1.0.0",
    searchStrategy: "rapid",
    autoApply: true,
    hardware: { gpuSku: "h200_sxm", vramMb: 144384, numGpusPerNode: 1, totalGpus: 4 },
    workload: { isl: ISL, osl: OSL },
    sla: { ttft: 200, itl: 12 },
    features: {
      mocker: { enabled: true },
      planner: {
        optimization_target: "sla",
        // By rates and the profile alone: a machine on which much else goes on must not look like engines that are slow.
        strategy: "sla-compat",
        no_correction: true,
        load_predictor: "constant",
        throughput_adjustment_interval_seconds: 60,
      },
    },
  },
};

interface GraphObject {
  status?: { state?: string; components?: Record<string, { replicas: number; readyReplicas?: number }> };
}

const tools = async () => ({
  etcd: await ensureEtcd(),
  kubeApiserver: await ensureKubeApiserver(),
  kubectl: await ensureKubectl(),
});

await describeWithTool("a request applied with kubectl", tools, (found) => {
  let server: KubeApiServer;

  beforeAll(async () => {
    server = await KubeApiServer.start(found);
    await installGraphCrds(server, "v1beta1");
    await installRequestCrd(server, "v1beta1");
    await server.namespace(NAMESPACE);
  });
  afterAll(() => server?.stop());

  /** As a user, who has nothing but kubectl. */
  const kubectl = (...args: string[]) =>
    execFileSync(found.kubectl, ["--kubeconfig", server.kubeconfig("admin", NAMESPACE), "-n", NAMESPACE, ...args], {
      encoding: "utf8",
    });
  const graph = () => JSON.parse(kubectl("get", "dgd", GRAPH, "-o", "json")) as GraphObject;
  const serving = ({ status }: GraphObject) => ({
    prefill: status?.components?.prefill?.readyReplicas ?? 0,
    decode: status?.components?.decode?.readyReplicas ?? 0,
  });

  it("becomes a deployment that its planner scales with the load, and goes without a trace", async () => {
    const folder = mkdtempSync(join(tmpdir(), "understudy-chain-"));
    const state = new StateFolder(join(folder, "state"));
    const up = new CliProcess([
      ...["up", "--kubeconfig", server.kubeconfig("admin", NAMESPACE), "--namespace", NAMESPACE],
      ...["--state-dir", state.path, "--time-scale", String(SCALE), "--port", "0", "--json"],
    ]);
    onTestFinished(async () => {
      await up.end();
      for (const left of state.deployments()) await endDeployment(left, leftBehind(left), 0);
      rmSync(folder, { recursive: true, force: true });
    });
    const manifest = join(folder, "dgdr.yaml");
    writeFileSync(manifest, stringify(REQUEST));
    kubectl("apply", "-f", manifest);

    const phase = () => kubectl("get", "dgdr", NAME, "-o", "jsonpath={.status.phase}");
    await until("the request to be deployed", () => {
      const now = phase();
      if (now === "Failed") throw new Error(kubectl("get", "dgdr", NAME, "-o", "yaml"));
      return now === "Deployed";
    });
    expect(serving(graph())).toEqual({ prefill: 1, decode: 1 });
    const port = kubectl(
      ...["get", "pods", "-l", "nvidia.com/dynamo-component=frontend"],
      ...["-o", "jsonpath={.items[0].spec.containers[0].ports[0].containerPort}"],
    );
    const load = (rate: number, seconds: number) =>
      new CliProcess([
        ...[
          "load",
          "--url",
          `http://127.0.0.1:${port}`,
          "--request-rate",
          String(rate),
          "--isl",
          String(ISL),
          "--osl",
          String(OSL),
        ],
        ...["--benchmark-duration", `${seconds}s`, "--time-scale", String(SCALE), "--no-report", "--json", "--quiet"],
      ]);

    const light = load(8, 90);
    const lightEnd = await light.exited;
    expect(lightEnd.code, light.output).toBe(0);
    expect(serving(graph())).toEqual({ prefill: 1, decode: 1 });

    const heavy = load(18, 150);
    await until("a second prefill worker", () => serving(graph()).prefill === 2);
    expect(serving(graph()).decode).toBe(1);
    const heavyEnd = await heavy.exited;
    // A request that was lost, when it scaled up or later down, would have failed here.
    expect(heavyEnd.code, heavy.output).toBe(0);
    await until("one prefill worker again", () => {
      const { prefill, decode } = serving(graph());
      return prefill === 1 && decode === 1;
    });

    // The API server's own record: what the planner asked for, in what order, and by what right.
    const planner = `system:serviceaccount:${NAMESPACE}:${GRAPH}-planner`;
    const asked = server
      .audit(planner)
      .filter(({ verb, objectRef }) => verb === "patch" && objectRef?.subresource === "scale")
      .map(({ objectRef, requestObject }) => [
        objectRef!.name!.replace(`${GRAPH}-`, ""),
        (requestObject as { spec: { replicas: number } }).spec.replicas,
      ]);
    expect(asked).toEqual([
      ["prefill", 2],
      ["prefill", 1],
    ]);
    // All that it asked for was allowed; the rights for deployments without adapters, and for events that repeat, had no use here.
    const taken = plannerRules(GRAPH, "1.0").map((rule) => ({
      ...rule,
      verbs: rule.verbs.filter((verb) => verb !== "patch" || rule.resources[0]!.endsWith("/scale")),
    }));
    expectExactly(server, planner, NAMESPACE, taken, `${GRAPH}-planner`);

    kubectl("delete", "dgdr", NAME, "--timeout=60s");
    kubectl("delete", "dgd", GRAPH, "--timeout=120s");
    expect(kubectl("get", "pods,dgdsa,jobs,roles,rolebindings", "-o", "name").trim()).toBe("");
    expect(processesWith(DEPLOYMENT_VARIABLE, state.deployment({ namespace: NAMESPACE, name: GRAPH }).path)).toEqual(
      [],
    );
    up.kill("SIGINT");
    expect((await up.exited).code, up.output).toBe(0);
  }, 300_000);
});

function until(what: string, check: () => boolean): Promise<unknown> {
  return waitFor(what, () => check(), PATIENCE_MS);
}
